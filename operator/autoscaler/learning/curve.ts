// The load–latency curve of the pool, and the pressure at which the goal is just met: its knee (the step "Knee" of
// docs/scaling.md). Latency is flat, then a wall: J(ρ) ≈ j0 + j1·ρ/(1−ρ), as in a queue with one server (M/G/1); two figures
// tell where the wall stands. Pure; fed by learning.ts, read by size.ts and causality.ts.
import { kept } from './passage.ts'

export const BINS = 19
const BIN_WIDTH = 0.05
/** From here latency is what the queue makes of it, and tells nothing of where the wall begins. */
const WALL_PRESSURE = BINS * BIN_WIDTH
const HALF_LIFE_MS = 6 * 3_600_000
/** A join that is four times too late says no more than that it is late: an outage elsewhere must not bend the curve. */
const MAX_QUALITY = 4

const LEAST_BINS = 4
/** A bin counts from so many joins; more than the most make it no surer, because what errs then is the model. */
const [LEAST_JOINS, MOST_JOINS] = [100, 1_000]
const LEAST_SPREAD = 0.5

export const PRIOR_KNEE = 0.65
export const [LEAST_KNEE, MOST_KNEE] = [0.45, 0.8]
/** 0.02 an hour: rooms that are there stay where they are, so a pool cannot follow faster. */
const MAX_MOVE_PER_MS = 0.02 / 3_600_000
/** The knee is where a tenth of the goal is left. */
const REACHED = 0.9

/** Quality is latency ÷ goal, so the curve belongs to the goals it was learned under. */
export interface Curve {
  /** For each 0.05 of pressure: joins, and the sums over them of ρ/(1−ρ) and of quality. */
  readonly joins: Float64Array
  readonly crowding: Float64Array
  readonly quality: Float64Array
  goals: string
  line: Line | undefined
  knee: number
}

/** Quality = atRest + slope · ρ/(1−ρ). */
interface Line {
  readonly atRest: number
  readonly slope: number
}

export const newCurve = (): Curve => ({
  joins: new Float64Array(BINS),
  crowding: new Float64Array(BINS),
  quality: new Float64Array(BINS),
  goals: '',
  line: undefined,
  knee: PRIOR_KNEE,
})

/** Other goals make all figures other figures. The knee stays until it is learned anew; meanwhile the trim takes care. */
export function beginCurve(curve: Curve, goals: string, stepMs: number): void {
  moveKnee(curve, stepMs)
  const share = goals === curve.goals ? kept(stepMs, HALF_LIFE_MS) : 0
  curve.goals = goals
  for (let bin = 0; bin < BINS; bin += 1) {
    curve.joins[bin] = (curve.joins[bin] as number) * share
    curve.crowding[bin] = (curve.crowding[bin] as number) * share
    curve.quality[bin] = (curve.quality[bin] as number) * share
  }
}

/** So many joins met this quality at this pressure. */
export function learnCurve(curve: Curve, pressure: number, quality: number, joins: number): void {
  if (!(pressure >= 0 && pressure < WALL_PRESSURE && quality >= 0 && joins > 0)) return
  const bin = Math.min(BINS - 1, Math.floor(pressure / BIN_WIDTH))
  curve.joins[bin] = (curve.joins[bin] as number) + joins
  curve.crowding[bin] = (curve.crowding[bin] as number) + joins * crowdingAt(pressure)
  curve.quality[bin] = (curve.quality[bin] as number) + joins * Math.min(MAX_QUALITY, quality)
}

const crowdingAt = (pressure: number): number => pressure / (1 - pressure)

/** Before the beats of a snapshot: moves the knee towards where the curve met the goal, as long as that was so. */
function moveKnee(curve: Curve, stepMs: number): void {
  if (curve.line === undefined) return
  const most = stepMs * MAX_MOVE_PER_MS
  curve.knee += Math.min(most, Math.max(-most, kneeOn(curve.line) - curve.knee))
}

function kneeOn({ atRest, slope }: Line): number {
  // Where even an idle pool misses the goal the quotient has no meaning any more.
  if (atRest >= REACHED) return LEAST_KNEE
  return Math.min(MOST_KNEE, Math.max(LEAST_KNEE, (REACHED - atRest) / (REACHED - atRest + slope)))
}

/** After the beats of a snapshot. */
export function settleCurve(curve: Curve): void {
  curve.line = fitted(curve)
}

/**
 * Weighted least squares over the bins. Latency scatters in proportion to itself, so it is the relative error that is made
 * least. Undefined: too few bins, too narrow, or latency does not rise with load.
 */
function fitted({ joins, crowding, quality }: Curve): Line | undefined {
  let [bins, least, most] = [0, Number.POSITIVE_INFINITY, 0]
  let [sum, sumX, sumY, sumXX, sumXY] = [0, 0, 0, 0, 0]
  for (let bin = 0; bin < BINS; bin += 1) {
    const count = joins[bin] as number
    if (count < LEAST_JOINS) continue
    const x = (crowding[bin] as number) / count
    const y = (quality[bin] as number) / count
    const weight = Math.min(MOST_JOINS, count) / Math.max(y, 0.01) ** 2
    bins += 1
    least = Math.min(least, x)
    most = Math.max(most, x)
    sum += weight
    sumX += weight * x
    sumY += weight * y
    sumXX += weight * x * x
    sumXY += weight * x * y
  }
  if (bins < LEAST_BINS || most - least < LEAST_SPREAD) return undefined
  const slope = (sum * sumXY - sumX * sumY) / (sum * sumXX - sumX * sumX)
  return slope > 0 ? { atRest: (sumY - slope * sumX) / sum, slope } : undefined
}

interface Learned {
  readonly curve: Curve
}

/** The pressure at which the goal is just met; 0.65 until it was learned. */
export const kneeOf = ({ curve }: Learned): number => curve.knee

export const isKneeLearned = ({ curve }: Learned): boolean => curve.line !== undefined

/** Latency ÷ goal that load explains at this pressure. Undefined: not known yet, or the pressure is beyond the curve. */
export function expectedQuality({ curve: { line } }: Learned, pressure: number): number | undefined {
  if (line === undefined || !(pressure >= 0 && pressure < WALL_PRESSURE)) return undefined
  return Math.max(0, line.atRest + line.slope * crowdingAt(pressure))
}
