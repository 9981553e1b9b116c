// Does the operator see the registry? By its own word: /readyz and metrics where they can be reached, and what it wrote into pools,
// nodes and autoscalers.
import type { Condition, KubeObject } from '../../api/meta.ts'
import { conditionOf } from '../../kube/conditions.ts'
import { counted, listed, spanOf } from '../words.ts'
import { type Check, type Finding, isFound, ok, problem, unchecked, warning } from './check.ts'
import type { Evidence, Known, OperatorHealth } from './evidence.ts'

/** Heartbeats and progress come each few seconds. */
const SILENT_SECONDS = 60

export const registryCheck: Check = {
  name: 'registry',
  title: 'Registry',
  judge(evidence) {
    const { operatorNamespace } = evidence
    const remedy = `see to etcd: kubectl get pods -n ${operatorNamespace} -l app.kubernetes.io/component=registry; addresses, CA and certificates are in the operator's log. Calls go on; nothing is scaled down or given up meanwhile`
    const told = [
      ...evidence.operators.flatMap(operator => [
        ...ofOperator(operator, remedy),
        ...ofCertificate(operator, evidence),
      ]),
      ...ofObjects(evidence, remedy),
    ]
    return told.some(isFound) ? told.filter(isFound) : summary(evidence, told)
  },
}

function ofOperator({ pod, ready, registryFrozen, registryAgeSeconds }: OperatorHealth, remedy: string): Finding[] {
  const line = ready.known ? ready.value.find(it => it.startsWith('[-]registry')) : undefined
  const age = registryAgeSeconds.known ? registryAgeSeconds.value : undefined
  return [
    ...(ready.known ? [] : [unchecked(`${pod} cannot be asked: ${ready.because}`)]),
    ...(line === undefined ? [] : [problem(`${pod} says: ${line}`, remedy)]),
    ...(registryFrozen.known && registryFrozen.value
      ? [
          problem(
            `${pod} is frozen: many nodes vanished or fell silent at once, so nothing is taken away until they are back`,
            remedy,
          ),
        ]
      : []),
    ...(age !== undefined && age > SILENT_SECONDS
      ? [problem(`${pod} last heard the registry ${spanOf(age * 1_000)} ago`, remedy)]
      : []),
  ]
}

/** Renewed long before; so close to its end something has failed for days. */
const RENEWED_BEFORE_MS = 14 * 86_400_000

function ofCertificate(
  { pod, certificateEndsAtSeconds }: OperatorHealth,
  { now, operatorNamespace }: Evidence,
): Finding[] {
  const endsAt = certificateEndsAtSeconds.known ? certificateEndsAtSeconds.value : undefined
  if (endsAt === undefined) return []
  const leftMs = endsAt * 1_000 - now
  if (leftMs > RENEWED_BEFORE_MS) return []
  const remedy = `whoever renews it has failed: kubectl get jobs -n ${operatorNamespace} -l app.kubernetes.io/component=certificates, or the Certificates of cert-manager`
  return leftMs > 0
    ? [warning(`the certificate of ${pod} for the registry ends in ${spanOf(leftMs)}`, remedy)]
    : [problem(`the certificate of ${pod} for the registry ended ${spanOf(-leftMs)} ago`, remedy)]
}

interface Judged {
  readonly metadata: KubeObject['metadata']
  readonly status?: { readonly conditions?: readonly Condition[] | undefined } | undefined
}

/** What the operator writes into objects while it does not trust what it sees of the registry. */
interface Doubt {
  readonly says: string
  readonly type: string
  readonly status: Condition['status']
  /** Absent: any. */
  readonly reason?: string
  from(evidence: Evidence): Known<readonly Judged[]>
}

const doubts: readonly Doubt[] = [
  {
    says: 'pools keep nodes because the registry is in doubt',
    type: 'ScalingInhibited',
    status: 'True',
    reason: 'RegistryFrozen',
    from: ({ pools }) => pools,
  },
  {
    says: 'autoscalers do not see the registry',
    type: 'Fallback',
    status: 'True',
    reason: 'RegistryOutOfSight',
    from: ({ autoscalers }) => autoscalers,
  },
  {
    says: 'it cannot be told whether these nodes are registered',
    type: 'Registered',
    status: 'Unknown',
    from: ({ nodes }) => nodes,
  },
]

function ofObjects(evidence: Evidence, remedy: string): Finding[] {
  return doubts.flatMap(({ says, type, status, reason, from }) => {
    const objects = from(evidence)
    const bearing = (objects.known ? objects.value : []).filter(object => {
      const condition = conditionOf(object.status?.conditions, type)
      return condition?.status === status && (reason === undefined || condition.reason === reason)
    })
    const names = bearing.map(({ metadata }) => `${metadata.namespace}/${metadata.name}`)
    return names.length === 0 ? [] : [problem(`${says}: ${listed(names)}`, remedy)]
  })
}

function summary({ operators, nodes }: Evidence, told: readonly Finding[]): Finding[] {
  const asked = operators.filter(({ ready }) => ready.known)
  if (asked.length > 0) return [ok(`seen by ${listed(asked.map(({ pod }) => pod))}`), ...told]
  const registered = nodes.known
    ? nodes.value.filter(({ status }) => conditionOf(status?.conditions, 'Registered')?.status === 'True').length
    : 0
  const nobody = operators.length === 0 ? [unchecked('no operator pod could be asked')] : []
  return registered > 0
    ? [
        ok(
          `the operator says of ${counted(registered, 'node')} that they are registered, and of none that it cannot tell`,
        ),
        ...nobody,
        ...told,
      ]
    : [...nobody, ...told]
}
