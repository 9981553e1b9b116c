// The demand that is prepared for: the largest of what there is, what its trend leads to while a node starts, and what the hour
// and the day have brought before (the step "Forecast" of docs/scaling.md). It can only raise. Pure.
import type { Terms } from '../../api/rtcautoscaler-status.ts'
import { type Forecasts, forecastsOf } from '../learning/forecasts.ts'
import type { Learning } from '../learning/learning.ts'
import type { Snapshot } from '../learning/snapshot.ts'

export interface Expected {
  /** Units; never less than the demand of now. */
  readonly demand: number
  readonly by: NonNullable<Terms['forecastBy']>
  /** How far such forecasts have been off lately; undefined: there has been nothing to compare with. */
  readonly errorPercent: number | undefined
  /** All that could be said, whether or not it counts. */
  readonly said: Forecasts
}

/** The trend is no learned shape, so it counts always; the others only where spec.forecast.mode is Apply. */
export function expectedOf(learning: Learning, { spec: { forecast }, now }: Snapshot, load: number): Expected {
  const said = forecastsOf(learning, load, now)
  const { trend, hour, day } = said
  let expected: Expected = { demand: load, by: 'now', errorPercent: trend.errorPercent, said }
  if (!forecast.enabled) return expected
  const consider = (by: Expected['by'], { demand, errorPercent }: typeof trend): void => {
    if (demand > expected.demand) expected = { demand, by, errorPercent, said }
  }
  consider('trend', trend)
  if (forecast.mode === 'Apply' && hour.counts) consider('hour', hour)
  if (forecast.mode === 'Apply' && day.counts) consider('day', day)
  return expected
}
