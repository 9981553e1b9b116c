// Where demand is going: damped Holt smoothing (Gardner & McKenzie 1985) over steps of ten seconds, believed as far as its errors
// run one way (the tracking signal of Trigg 1964): a rise does that, noise does not (the step "Forecast" of docs/scaling.md).
// Pure; fed and read by forecasts.ts.

export interface Trend {
  /** Undefined: no demand was known for a whole step yet. */
  level: number | undefined
  /** Units a step. */
  slope: number
  /** Of the errors of its next step, smoothed: with their signs, and without. */
  bias: number
  deviation: number
  /** Demand as it was last told: it holds until it is told anew. NaN: not known. */
  held: number
  /** Of the step that is under way: the integral of demand over it so far, and how much of it has passed. */
  integral: number
  passedMs: number
}

const STEP_MS = 10_000
const [LEVEL_GAIN, SLOPE_GAIN, DAMPING] = [0.5, 0.2, 0.9]
const ERROR_GAIN = 0.15
/** The signal of a rise is near 1; up to here it may be that of noise. */
const NOISE = 0.4
/** Of a steady rise, damping lets the slope show so much. */
const SHOWN = SLOPE_GAIN / (1 - (1 - SLOPE_GAIN) * DAMPING)

export const newTrend = (): Trend => ({
  level: undefined,
  slope: 0,
  bias: 0,
  deviation: 0,
  held: Number.NaN,
  integral: 0,
  passedMs: 0,
})

/** A step counts as the mean of its demand, so neither how often nor when within it this is called makes a difference. */
export function learnTrend(trend: Trend, demand: number | undefined, stepMs: number): void {
  if (demand === undefined || Number.isNaN(trend.held)) {
    Object.assign(trend, newTrend(), { held: demand ?? Number.NaN })
    return
  }
  let leftMs = stepMs
  while (leftMs > 0) {
    const takenMs = Math.min(leftMs, STEP_MS - trend.passedMs)
    trend.integral += trend.held * takenMs
    trend.passedMs += takenMs
    leftMs -= takenMs
    if (trend.passedMs >= STEP_MS) foldStep(trend)
  }
  trend.held = demand
}

function foldStep(trend: Trend): void {
  const demand = trend.integral / STEP_MS
  trend.integral = 0
  trend.passedMs = 0
  const before = trend.level
  if (before === undefined) {
    trend.level = demand
    return
  }
  const damped = DAMPING * trend.slope
  const error = demand - (before + damped)
  trend.bias += ERROR_GAIN * (error - trend.bias)
  trend.deviation += ERROR_GAIN * (Math.abs(error) - trend.deviation)
  trend.level = LEVEL_GAIN * demand + (1 - LEVEL_GAIN) * (before + damped)
  trend.slope = SLOPE_GAIN * (trend.level - before) + (1 - SLOPE_GAIN) * damped
}

/** What its slope adds to demand in `seconds`; below 0 while demand falls. All of a steady rise, little of noise. */
export function growthIn({ slope, bias, deviation }: Trend, seconds: number): number {
  if (deviation === 0) return 0
  const signal = (Math.sign(slope) * bias) / deviation
  const credit = Math.max(0, (signal - NOISE) / (1 - NOISE))
  return (credit * slope * seconds * 1_000) / (SHOWN * STEP_MS)
}
