// Growing: at once, as far as spec.behavior.scaleUp lets it. What is started already is in replicas and needs no second wish;
// that closed nodes are reopened before any are made, the pool sees to. Pure; asked by recommend.ts.
import type { ScalingRules } from '../../api/rtcautoscaler-spec.ts'
import { isTolerated, mostAllowed } from './behavior.ts'
import { type Course, lowered } from './course.ts'
import type { Memory } from './memory.ts'
import { leastNeeded } from './stabilization.ts'

export interface Growth {
  readonly from: number
  /** More than that. */
  readonly wanted: Course
  /** On the memory's own clock. */
  readonly now: number
}

export function up({ needs, steps }: Memory, rules: ScalingRules, { from, wanted, now }: Growth): Course {
  const lasting = leastNeeded(needs, now - 1_000 * rules.stabilizationWindowSeconds, wanted.replicas)
  const stable = lowered(wanted, Math.max(from, lasting), 'ScaleUpWindow')
  if (isTolerated(rules, from, stable.replicas)) return lowered(stable, from, 'Tolerance')
  return lowered(stable, mostAllowed(rules, steps, now, from), 'ScaleUpPolicy')
}
