// The algorithm of a HorizontalPodAutoscaler (autoscaling/v2, without spec.behavior), for comparison: from what pods show to
// replicas, and what keeps them from going up and down too fast. Pure but for the memory it is handed. Source: the controller
// (pkg/controller/podautoscaler: replica_calculator.go, horizontal.go).

/** --horizontal-pod-autoscaler-tolerance. */
const TOLERANCE = 0.1
/** --horizontal-pod-autoscaler-downscale-stabilization. */
const DOWN_WINDOW_SECONDS = 300
/** scaleUpLimitFactor and scaleUpLimitMinimum. */
const UP_FACTOR = 2
const UP_LEAST = 4

export const SYNC_SECONDS = 15

export type PodSample =
  | { readonly state: 'ready'; readonly value: number }
  /** Just started: what it shows is not itself yet. */
  | { readonly state: 'unready' }
  /** It runs, and there is no figure of it. */
  | { readonly state: 'missing' }

const isTolerated = (ratio: number): boolean => Math.abs(ratio - 1) <= TOLERANCE

/**
 * A metric of each pod against its target (Resource, Pods). Pods that show nothing count against the direction: at
 * `missingWhenDown` when the others would shrink, at 0 when they would grow; and they never turn it. Undefined: no pod shows
 * anything, so nothing is done.
 */
export function fromPods(
  pods: readonly PodSample[],
  target: number,
  current: number,
  missingWhenDown: number,
): number | undefined {
  const values = pods.filter(it => it.state === 'ready').map(({ value }) => value)
  if (values.length === 0) return undefined
  const unready = pods.filter(({ state }) => state === 'unready').length
  const missing = pods.filter(({ state }) => state === 'missing').length
  const sum = values.reduce((total, value) => total + value, 0)
  const ratio = sum / values.length / target
  const isUp = ratio > 1
  if (missing === 0 && (unready === 0 || !isUp)) {
    return isTolerated(ratio) ? current : Math.ceil(ratio * values.length)
  }
  const count = values.length + missing + (isUp ? unready : 0)
  const assumed = (isUp ? sum : sum + missing * missingWhenDown) / count / target
  if (isTolerated(assumed) || isUp !== assumed > 1) return current
  const replicas = Math.ceil(assumed * count)
  return (isUp && replicas < current) || (!isUp && replicas > current) ? current : replicas
}

/** A total against a target for each replica (External, AverageValue): how KEDA feeds it. */
export const fromTotal = (total: number, targetEach: number, current: number): number =>
  isTolerated(total / (targetEach * current)) ? current : Math.ceil(total / targetEach)

export interface HpaMemory {
  readonly proposals: { readonly atSeconds: number; readonly replicas: number }[]
}

/** The largest proposal of the last five minutes, no faster up than the limit, and within the bounds. */
export function limited(
  memory: HpaMemory,
  proposal: number,
  current: number,
  atSeconds: number,
  { minReplicas, maxReplicas }: { readonly minReplicas: number; readonly maxReplicas: number },
): number {
  const { proposals } = memory
  while (proposals[0] !== undefined && proposals[0].atSeconds <= atSeconds - DOWN_WINDOW_SECONDS) proposals.shift()
  proposals.push({ atSeconds, replicas: proposal })
  const stabilized = Math.max(...proposals.map(({ replicas }) => replicas))
  const upLimit = Math.max(UP_FACTOR * current, UP_LEAST)
  return Math.max(minReplicas, Math.min(maxReplicas, upLimit, stabilized))
}
