// The one PodDisruptionBudget of a namespace, and what the budgets of others do to it. Pure; carried out by budget-controller.ts.
import { isDeepStrictEqual } from 'node:util'
import type { Pod } from '../../api/core.ts'
import { labels, managedBy } from '../../api/marks.ts'
import { type KubeObject, type ObjectKey, objectKey } from '../../api/meta.ts'
import type { Happening } from '../../kube/events.ts'
import type { ResourceType } from '../../kube/resource.ts'
import { isSelected, type LabelSelector } from './selector.ts'

export interface Budget extends KubeObject {
  readonly spec: {
    readonly minAvailable?: number | string
    readonly maxUnavailable?: number | string
    readonly selector?: LabelSelector
    readonly unhealthyPodEvictionPolicy?: string
  }
}

export const budgetType: ResourceType<Budget> = {
  apiVersion: 'policy/v1',
  kind: 'PodDisruptionBudget',
  plural: 'poddisruptionbudgets',
  namespaced: true,
}

/** What is kept of one in memory: its status is the disruption controller's. */
export const rulesOnly = ({ apiVersion, kind, metadata, spec }: Budget): Budget => ({
  apiVersion,
  kind,
  metadata,
  spec,
})

export const BUDGET_NAME = 'rtcnode-busy'
export const budgetKey = (namespace: string): ObjectKey => objectKey(BUDGET_NAME, namespace)

/**
 * More than there will ever be, so that none of the pods it finds may be evicted, whatever becomes of the others: nothing in it
 * follows the fleet. An integer, because for a percentage (and for maxUnavailable) the disruption controller asks the owner of
 * each pod for its `scale`, an RTCNode has none, and no pod could ever be evicted again.
 */
const MIN_AVAILABLE = 1_000_000

const spec: Budget['spec'] = {
  minAvailable: MIN_AVAILABLE,
  selector: { matchLabels: { ...managedBy, [labels.busy]: 'true' } },
}

/**
 * Owned by nobody: it outlives every pool, and nodes that have none need it too. It comes with the first pod of a namespace and
 * goes with its last RTCNode, so that nothing is left behind.
 */
const manifest = (namespace: string) => ({
  apiVersion: budgetType.apiVersion,
  kind: budgetType.kind,
  metadata: { name: BUDGET_NAME, namespace, labels: managedBy },
  spec,
})

export type BudgetStep =
  | { readonly do: 'nothing' }
  | { readonly do: 'create'; readonly budget: object }
  | { readonly do: 'repair'; readonly patch: object }
  | { readonly do: 'delete' }

export interface InNamespace {
  readonly name: string
  readonly found: Budget | undefined
  readonly pods: number
  readonly nodes: number
}

export function budgetStep({ name, found, pods, nodes }: InNamespace): BudgetStep {
  if (found === undefined) return pods > 0 ? { do: 'create', budget: manifest(name) } : { do: 'nothing' }
  if (found.metadata.deletionTimestamp !== undefined) return { do: 'nothing' }
  if (pods === 0 && nodes === 0) return { do: 'delete' }
  if (isAsWanted(found.spec)) return { do: 'nothing' }
  const { uid } = found.metadata
  // A selector is one thing: whatever was added to it is taken out.
  const selector = { ...spec.selector, matchExpressions: null, matchLabels: onlyOurs(found.spec.selector?.matchLabels) }
  const taken = { maxUnavailable: null, unhealthyPodEvictionPolicy: null }
  return { do: 'repair', patch: { metadata: { uid }, spec: { ...spec, ...taken, selector } } }
}

/** By the default policy a pod that is not ready is held as well: media may flow while a probe fails. */
const isAsWanted = ({ minAvailable, maxUnavailable, selector, unhealthyPodEvictionPolicy }: Budget['spec']): boolean =>
  minAvailable === MIN_AVAILABLE &&
  maxUnavailable === undefined &&
  unhealthyPodEvictionPolicy === undefined &&
  (selector?.matchExpressions ?? []).length === 0 &&
  isDeepStrictEqual({ ...selector?.matchLabels }, { ...spec.selector?.matchLabels })

const onlyOurs = (found: Readonly<Record<string, string>> = {}): Record<string, string | null> => ({
  ...Object.fromEntries(Object.keys(found).map(key => [key, null])),
  ...spec.selector?.matchLabels,
})

/** A budget of somebody else that finds pods of ours. */
export interface Intruder {
  readonly budget: Budget
  readonly pods: readonly Pod[]
}

export const intruders = (budgets: readonly Budget[], pods: readonly Pod[]): Intruder[] =>
  budgets
    .filter(({ metadata }) => metadata.name !== BUDGET_NAME && metadata.deletionTimestamp === undefined)
    .map(budget => ({ budget, pods: pods.filter(pod => isSelected(pod.metadata.labels, budget.spec.selector)) }))
    .filter(it => it.pods.length > 0)

/** For the budget itself, and for each that has pods of its: the words are the same. */
export const intrusion = ({ budget, pods }: Intruder): Happening => ({
  type: 'Warning',
  reason: 'SecondBudget',
  action: 'Protect',
  note: `PodDisruptionBudget “${budget.metadata.name}” selects ${some(pods)} too; a pod with two budgets cannot be evicted at all (kubectl drain fails), and one with maxUnavailable or a percentage keeps idle ones as well: delete it, or have its selector leave out app.kubernetes.io/managed-by: rtcnode-operator`,
})

const some = (pods: readonly Pod[]): string => {
  const first = `the pod of RTCNode “${pods[0]?.metadata.name}”`
  return pods.length === 1 ? first : `${first} and of ${pods.length - 1} more`
}
