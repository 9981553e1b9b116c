// How full nodes may be on average: where the goal is just met, less while joins are late, and less because nodes differ – it is
// each node that must stay below the knee, not their mean (the step "Margin" of docs/scaling.md). Read by demand.ts and size.ts.
import type { RTCAutoscalerSpec } from '../../api/rtcautoscaler-spec.ts'
import { kneeOf } from '../learning/curve.ts'
import { spreadOf } from '../learning/dispersion.ts'
import type { Learning } from '../learning/learning.ts'
import { trimOf } from '../learning/trim.ts'

export interface SafePressure {
  readonly mean: number
  readonly knee: number
  readonly trim: number
  readonly margin: number
}

/** So many standard deviations: of normal pressures, 98 % of nodes are below the knee then. */
const DEVIATIONS = 2
/** A pool whose nodes differ that much has rooms that are too large for its nodes; more nodes do not mend it. */
const LEAST = 0.3

/**
 * `max(0.3, trim · knee − 2 σ)`, and never above the pressure of prewarming: from there the pool is to have more room, and
 * so much more that its mean falls below it.
 */
export function safePressureOf(
  learning: Learning,
  { watermarks }: Pick<RTCAutoscalerSpec, 'watermarks'>,
): SafePressure {
  const knee = kneeOf(learning)
  const trim = trimOf(learning)
  const margin = DEVIATIONS * spreadOf(learning)
  return { mean: Math.min(watermarks.prewarm.enter, Math.max(LEAST, trim * knee - margin)), knee, trim, margin }
}
