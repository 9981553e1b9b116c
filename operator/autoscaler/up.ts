// Growing: at once, as far as spec.behavior.scaleUp lets it. What is started already is in replicas and needs no second wish;
// that closed nodes are reopened before any are made, the pool sees to. Pure; asked by recommend.ts.
import { isTolerated, mostAllowed } from './behavior.ts'
import { type Course, lowered } from './course.ts'
import type { Memory } from './memory.ts'
import type { Snapshot } from './snapshot.ts'
import { leastNeeded } from './stabilization.ts'

/** `wanted` is more than there are. `now` on the memory's own clock. */
export function up({ needs, steps }: Memory, { spec, replicas }: Snapshot, wanted: Course, now: number): Course {
  const rules = spec.behavior.scaleUp
  const lasting = leastNeeded(needs, now - 1_000 * rules.stabilizationWindowSeconds, wanted.replicas)
  const stable = lowered(wanted, Math.max(replicas, lasting), 'ScaleUpWindow')
  if (isTolerated(rules, replicas, stable.replicas)) return lowered(stable, replicas, 'Tolerance')
  return lowered(stable, mostAllowed(rules, steps, now, replicas), 'ScaleUpPolicy')
}
