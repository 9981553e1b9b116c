// spec.behavior as a HorizontalPodAutoscaler v2 understands it: how far its policies let replicas go now. A policy looks back
// one period, works out how many replicas there were then, and lets that number change by its value. Asked by up.ts, down.ts.
// Source: calculateScaleUpLimitWithScalingRules, calculateScaleDownLimitWithBehaviors of kube-controller-manager.
import type { ScalingRules } from '../../api/rtcautoscaler-spec.ts'

/** A change of replicas that was carried out; `at` on the memory's own clock, milliseconds. */
export interface Step {
  readonly at: number
  /** Nodes more, or fewer if negative. */
  readonly by: number
}

/** The longest period that a policy may have. */
const KEEP_MS = 1_800_000

export function noteStep(steps: Step[], step: Step): void {
  const kept = steps.findIndex(({ at }) => at > step.at - KEEP_MS)
  steps.splice(0, kept < 0 ? steps.length : kept)
  if (step.by !== 0) steps.push(step)
}

/** So many replicas there were at the start of the period. */
function before(steps: readonly Step[], now: number, periodSeconds: number, replicas: number): number {
  let start = replicas
  for (const { at, by } of steps) if (at > now - 1_000 * periodSeconds) start -= by
  return start
}

/** The most replicas that the policies let there be now; never fewer than there are. */
export function mostAllowed(rules: ScalingRules, steps: readonly Step[], now: number, replicas: number): number {
  if (rules.selectPolicy === 'Disabled') return replicas
  const proposals = rules.policies.map(({ type, value, periodSeconds }) => {
    const start = before(steps, now, periodSeconds, replicas)
    return type === 'Pods' ? start + value : Math.ceil(start * (1 + value / 100) - ROUNDING)
  })
  return Math.max(replicas, rules.selectPolicy === 'Min' ? Math.min(...proposals) : Math.max(...proposals))
}

/** The fewest replicas that the policies let there be now; never more than there are. */
export function fewestAllowed(rules: ScalingRules, steps: readonly Step[], now: number, replicas: number): number {
  if (rules.selectPolicy === 'Disabled') return replicas
  const proposals = rules.policies.map(({ type, value, periodSeconds }) => {
    const start = before(steps, now, periodSeconds, replicas)
    return type === 'Pods' ? start - value : Math.trunc(start * (1 - value / 100) + ROUNDING)
  })
  return Math.min(replicas, rules.selectPolicy === 'Min' ? Math.max(...proposals) : Math.min(...proposals))
}

/** 10 × 1.1 is not 11 in binary: without it, ten nodes would grow to twelve. */
const ROUNDING = 1e-9

/** When the policies may let more change than now: the end of the period of the oldest step that counts. Infinity: never. */
export function policiesEaseInMs(rules: ScalingRules, steps: readonly Step[], now: number): number {
  let soonest = Number.POSITIVE_INFINITY
  for (const { periodSeconds } of rules.policies) {
    const oldest = steps.find(({ at }) => at > now - 1_000 * periodSeconds)
    if (oldest !== undefined) soonest = Math.min(soonest, oldest.at + 1_000 * periodSeconds - now)
  }
  return soonest
}

/** Whether the change is so small a share of replicas that it is not made; 0 lets every change be made. */
export const isTolerated = (rules: ScalingRules, from: number, to: number): boolean =>
  Math.abs(to - from) <= rules.tolerance * from + ROUNDING
