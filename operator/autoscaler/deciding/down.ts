// Shrinking: by the largest need of the window, and only as far as those that stay have room for all. Whatever is not known
// keeps every node. Which nodes go is the pool's choice, and they only close: growing again reopens them. Pure.
import type { AutoscalerReason } from '../../api/reasons.ts'
import type { ScalingRules } from '../../api/rtcautoscaler-spec.ts'
import type { Snapshot } from '../learning/snapshot.ts'
import { fewestAllowed, isTolerated } from './behavior.ts'
import { type Course, raised } from './course.ts'
import type { Memory } from './memory.ts'
import { hasSeen, mostKept } from './stabilization.ts'
import type { Sight } from './telemetry.ts'

export interface Shrinking {
  readonly from: number
  /** Less than that. */
  readonly wanted: Course
  /** So many are worth keeping. */
  readonly kept: number
  /** What forbids to take anything away. */
  readonly frozenBy: AutoscalerReason | undefined
  /** On the memory's own clock. */
  readonly now: number
}

export function down({ needs, steps }: Memory, rules: ScalingRules, shrinking: Shrinking): Course {
  const { from, wanted, kept, frozenBy, now } = shrinking
  if (frozenBy !== undefined) return raised(wanted, from, frozenBy)
  const lately = mostKept(needs, now - 1_000 * rules.stabilizationWindowSeconds, kept)
  const roomy = raised(wanted, Math.min(from, kept), 'TooFullAfter')
  const stable = raised(roomy, Math.min(from, lately), 'ScaleDownWindow')
  if (isTolerated(rules, from, stable.replicas)) return raised(stable, from, 'Tolerance')
  return raised(stable, fewestAllowed(rules, steps, now, from), 'ScaleDownPolicy')
}

/** Undefined: nothing forbids it. Before a whole window was seen, nobody knows what was needed in it. */
export function whyFrozen(
  { needs }: Memory,
  { registry, spec }: Snapshot,
  sight: Sight,
  complaints: readonly string[],
  now: number,
): AutoscalerReason | undefined {
  if (sight !== 'good') return 'TelemetryDegraded'
  if (registry.frozen) return 'RegistryFrozen'
  if (complaints.length > 0) return 'InvalidSchedule'
  const windowMs = 1_000 * spec.behavior.scaleDown.stabilizationWindowSeconds
  return hasSeen(needs, now, windowMs) ? undefined : 'RegistryFrozen'
}
