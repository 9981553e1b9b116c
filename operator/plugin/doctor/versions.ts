// Do the parts that have versions fit together: this program, the operator, the agents that classes run, API server and kubelets?
import type { Pod } from '../../api/core.ts'
import { listed } from '../words.ts'
import { type Check, type Finding, ok, problem, unchecked, warning } from './check.ts'
import type { Evidence, HostRead, Known } from './evidence.ts'

/** Native sidecars without a feature gate of the kubelet, and ValidatingAdmissionPolicies. As kubeVersion of the chart. */
export const OLDEST_KUBERNETES = { major: 1, minor: 30 } as const

export const versionsCheck: Check = {
  name: 'versions',
  title: 'Versions',
  judge: evidence => {
    const findings = [
      ...ofKubernetes(evidence.serverVersion),
      ...ofKubelets(evidence.hosts),
      ...ofOperator(evidence),
      ...ofAgents(evidence),
    ]
    const { serverVersion, hosts, operatorPods, classes } = evidence
    const read = [
      ...(serverVersion.known ? [`API server ${serverVersion.value}`] : []),
      ...(hosts.known ? ['kubelets'] : []),
      ...(versionOfOperator(operatorPods) === undefined ? [] : ['operator', ...(classes.known ? ['agents'] : [])]),
    ]
    const isWell = findings.every(({ level }) => level === 'unchecked') && read.length > 0
    return isWell ? [ok(`nothing is too old or too new: ${listed(read)}`), ...findings] : findings
  },
}

const minorOf = (version: string): { major: number; minor: number } | undefined => {
  const [, major, minor] = /^v?(\d+)\.(\d+)/.exec(version) ?? []
  return major === undefined || minor === undefined ? undefined : { major: Number(major), minor: Number(minor) }
}

function isTooOld(version: string): boolean {
  const found = minorOf(version)
  if (found === undefined) return false
  const { major, minor } = OLDEST_KUBERNETES
  return found.major < major || (found.major === major && found.minor < minor)
}

const OLDEST = `${OLDEST_KUBERNETES.major}.${OLDEST_KUBERNETES.minor}`

function ofKubernetes(version: Known<string>): Finding[] {
  if (!version.known) return [unchecked(`the version of the API server cannot be read: ${version.because}`)]
  return isTooOld(version.value)
    ? [problem(`the API server is ${version.value}; the operator needs ${OLDEST} or later`, 'upgrade the cluster')]
    : []
}

function ofKubelets(hosts: Known<readonly HostRead[]>): Finding[] {
  if (!hosts.known) return [unchecked(`the versions of the kubelets cannot be read: ${hosts.because}`)]
  const old = hosts.value.filter(({ status }) => isTooOld(status?.nodeInfo?.kubeletVersion ?? ''))
  return old.length === 0
    ? []
    : [
        problem(
          `the kubelets of ${listed(old.map(({ metadata }) => metadata.name))} are older than ${OLDEST}: agents are native sidecars, which they do not start before the SFU`,
          'upgrade them, or keep SFUs off with a nodeSelector in the class',
        ),
      ]
}

/** Of an image: its tag, unless that is no version. */
export const versionOfImage = (image: string | undefined): string | undefined =>
  /:v?(\d+\.\d+\.\d+[^/@]*)(@.*)?$/.exec(image ?? '')?.[1]

const OPERATOR_CONTAINERS: ReadonlySet<string> = new Set(['operator', 'rtcnode', 'rtcnode-operator'])

export const operatorImage = ({ spec }: Pod): string | undefined =>
  (spec.containers.find(({ name }) => OPERATOR_CONTAINERS.has(name)) ?? spec.containers[0])?.image

/** Undefined: there is none, or its image does not tell. */
function versionOfOperator(pods: Known<readonly Pod[]>): string | undefined {
  const [pod] = pods.known ? pods.value : []
  return pod && versionOfImage(operatorImage(pod))
}

function ofOperator({ operatorPods, version }: Evidence): Finding[] {
  if (!operatorPods.known) return [unchecked(`the version of the operator cannot be read: ${operatorPods.because}`)]
  if (operatorPods.value.length === 0) return [unchecked('there is no operator pod whose version could be read')]
  const images = [...new Set(operatorPods.value.map(operatorImage))]
  const versions = images.map(versionOfImage)
  if (versions.some(it => it === undefined))
    return [unchecked(`the image of the operator does not tell its version: ${listed(images.map(it => it ?? '?'))}`)]
  const others = versions.filter(it => it !== undefined && it !== version) as string[]
  return [
    ...(images.length > 1
      ? [
          warning(
            `operators of several versions run: ${listed(images.map(it => it ?? '?'))}`,
            'normal for a minute of an upgrade; else: kubectl rollout status',
          ),
        ]
      : []),
    ...(others.length === 0
      ? []
      : [
          warning(
            `this plugin is ${version}, the operator ${listed(others)}`,
            'take the plugin of the operator’s release',
          ),
        ]),
  ]
}

/** An older agent under a newer operator is tested; a newer one under an older operator is not. */
function ofAgents({ classes, operatorPods }: Evidence): Finding[] {
  if (!classes.known) return [unchecked(`the agents that classes run cannot be read: ${classes.because}`)]
  const ofTheOperator = versionOfOperator(operatorPods)
  if (ofTheOperator === undefined) return []
  const skewed = classes.value.filter(({ spec }) => {
    const its = versionOfImage(spec.agent.image)
    return its !== undefined && its !== ofTheOperator
  })
  return skewed.map(({ metadata, spec }) =>
    warning(
      `RTCNodeClass ${metadata.name} runs the agent ${spec.agent.image}, the operator is ${ofTheOperator}`,
      'set spec.agent.image of the class to that of the operator: pools roll it out without cutting calls',
    ),
  )
}
