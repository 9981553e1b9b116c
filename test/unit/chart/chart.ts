// The chart as the real Helm renders it. For the tests here and in test/integration/chart.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { parseAllDocuments } from 'yaml'
import type { Container } from '../../../operator/api/core.ts'
import { ensureBinaries } from '../../cluster/binaries.ts'
import { run } from '../../cluster/command.ts'

export const root = join(import.meta.dirname, '../../..')
export const chart = join(root, 'charts/rtcnode-operator')

export interface Manifest {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: {
    readonly name: string
    readonly namespace?: string
    readonly labels?: Readonly<Record<string, string>>
    readonly annotations?: Readonly<Record<string, string>>
  }
  // oxlint-disable-next-line typescript/no-explicit-any -- each kind is another; a test reads a few fields of it
  readonly [field: string]: any
}

export interface PodSpec {
  readonly serviceAccountName?: string
  readonly priorityClassName?: string
  readonly automountServiceAccountToken?: boolean
  readonly securityContext?: Readonly<Record<string, unknown>>
  readonly containers: readonly Container[]
  readonly initContainers?: readonly Container[]
  readonly [field: string]: unknown
}

export interface Workload {
  /** `Deployment rtcnode`. */
  readonly of: string
  readonly labels: Readonly<Record<string, string>>
  readonly spec: PodSpec
}

export interface RenderOptions {
  release?: string
  namespace?: string
  args?: readonly string[]
}

const rendered = new Map<string, Promise<Manifest[]>>()

/** Everything, hooks too; the same once only. Rejects with Helm's own words. */
export function render(values: object = {}, options: RenderOptions = {}): Promise<Manifest[]> {
  const { release = 'rtcnode', namespace = 'rtcnode-system', args = [] } = options
  const template = ['template', release, chart, '--namespace', namespace, '--values', '-', ...args]
  const input = JSON.stringify(values)
  const key = JSON.stringify([template, input])
  const manifests = rendered.get(key) ?? helm(template, input).then(manifestsIn)
  rendered.set(key, manifests)
  return manifests
}

export async function helm(args: readonly string[], input = ''): Promise<string> {
  const binaries = await ensureBinaries(['helm'], { log: console.error })
  return run(binaries.helm, args, { input })
}

export const manifestsIn = (yaml: string): Manifest[] =>
  parseAllDocuments(yaml)
    .map(document => document.toJS() as Manifest | null)
    .filter(manifest => manifest !== null)

export const ofKind = (manifests: readonly Manifest[], ...kinds: readonly string[]): Manifest[] =>
  manifests.filter(({ kind }) => kinds.includes(kind))

export function one(manifests: readonly Manifest[], kind: string, name = 'rtcnode'): Manifest {
  const found = manifests.filter(it => it.kind === kind && it.metadata.name === name)
  assert.equal(found.length, 1, `${found.length} of ${kind} ${name}`)
  return found[0] as Manifest
}

export const title = ({ kind, metadata }: Manifest): string =>
  `${kind} ${metadata.namespace === undefined ? '' : `${metadata.namespace}/`}${metadata.name}`

/** The pods that the objects make; where each of a StatefulSet has a volume of its own, as if it were an empty one. */
export const workloadsOf = (manifests: readonly Manifest[]): Workload[] =>
  manifests.flatMap(manifest => {
    const { spec } = manifest
    switch (manifest.kind) {
      case 'Pod':
        return [{ of: title(manifest), labels: manifest.metadata.labels ?? {}, spec }]
      case 'StatefulSet': {
        const { metadata, spec: pod } = spec.template
        const claimed = (spec.volumeClaimTemplates ?? []).map((claim: Manifest) => ({
          name: claim.metadata.name,
          emptyDir: {},
        }))
        return [
          { of: title(manifest), labels: metadata.labels, spec: { ...pod, volumes: [...pod.volumes, ...claimed] } },
        ]
      }
      case 'Deployment':
      case 'Job':
        return [{ of: title(manifest), labels: spec.template.metadata.labels, spec: spec.template.spec }]
      case 'CronJob': {
        const { metadata, spec: pod } = spec.jobTemplate.spec.template
        return [{ of: title(manifest), labels: metadata.labels, spec: pod }]
      }
      default:
        return []
    }
  })

export const containersOf = ({ spec }: Workload): Container[] => [...(spec.initContainers ?? []), ...spec.containers]

/** Ways in which people install it. */
export const variants = {
  'as it comes': {},
  namespaced: { watchNamespaces: ['eu', 'us'], sfu: { namespaces: ['eu', 'us'] } },
  'an etcd of the user with mTLS': {
    registry: { external: { endpoints: ['https://etcd-0.db:2379', 'https://etcd-1.db:2379'], secretName: 'etcd' } },
  },
  'an etcd of the user without TLS': { registry: { external: { endpoints: ['http://etcd.db:2379'] } } },
  'three members': { registry: { members: 3 } },
  'CRDs that go with it': { crds: { keep: false } },
  'CRDs from elsewhere': { crds: { install: false } },
  'ready-made classes': { classes: { livekit: { enabled: true }, livekitHostNetwork: { enabled: true } } },
  bare: {
    operator: { replicas: 1 },
    priorityClass: { create: false },
    networkPolicy: { enabled: false },
    sfu: { createNamespaces: false },
    uninstall: { force: true },
  },
  'every knob': {
    image: { digest: `sha256:${'0'.repeat(64)}`, pullPolicy: 'Always', pullSecrets: ['pull'] },
    operator: {
      settings: { logLevel: 'debug', workers: 128, leaseDurationSeconds: 30, renewDeadlineSeconds: 20 },
      nodeSelector: { 'kubernetes.io/os': 'linux' },
      tolerations: [{ key: 'system', operator: 'Exists', effect: 'NoSchedule' }],
      affinity: { nodeAffinity: {} },
      podLabels: { team: 'media' },
      podAnnotations: { note: 'ours' },
    },
    hosts: {
      signals: [
        { taint: 'example.com/going', kind: 'Planned', by: 'our “tool” <1>', leadSeconds: 604_800 },
        { event: 'Going', kind: 'Imminent' },
        { host: 'Unschedulable', kind: 'None' },
      ],
    },
    serviceAccount: { annotations: { note: 'ours' } },
    networkPolicy: { metricsFrom: [{ namespaceSelector: { matchLabels: { name: 'monitoring' } } }] },
    tracesEndpoint: 'http://otel.monitoring:4318/v1/traces',
  },
} satisfies Record<string, object>
