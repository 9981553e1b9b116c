// How good a forecast has been: it is compared with what came when its time has come. A learned shape counts only while its record
// beats that of the trend over the very same minutes. Pure; fed and read by forecasts.ts.

export interface TrackRecord {
  /** So many minutes are looked back on. */
  readonly memory: number
  /** So many forecasts were compared, up to `memory`. */
  count: number
  /** Means over the last of them, as shares of demand. */
  error: number
  loss: number
  /** The loss of the trend for the same minutes. */
  trendLoss: number
}

export const newTrackRecord = (memory: number): TrackRecord => ({
  memory,
  count: 0,
  error: 0,
  loss: 0,
  trendLoss: 0,
})

/** Someone who is late because of too few nodes is worth nine that idle: the loss of a 90th percentile. */
const QUANTILE = 0.9
/** However wrong it was, one forecast is no more than one. */
export const MAX_LOSS = 4

/** All in units, `actual` above 0. */
export function judge(record: TrackRecord, forecast: number, byTrend: number, actual: number): void {
  record.count = Math.min(record.memory, record.count + 1)
  const follow = (mean: number, value: number): number => mean + (Math.min(MAX_LOSS, value) - mean) / record.count
  record.error = follow(record.error, Math.abs(forecast - actual) / actual)
  record.loss = follow(record.loss, lossOf(forecast, actual))
  record.trendLoss = follow(record.trendLoss, lossOf(byTrend, actual))
}

const lossOf = (forecast: number, actual: number): number =>
  ((forecast < actual ? QUANTILE : QUANTILE - 1) * (actual - forecast)) / actual

export const beatsTrend = ({ loss, trendLoss }: TrackRecord): boolean => loss < trendLoss

/** Undefined: none was compared yet. */
export const errorPercentOf = ({ count, error }: TrackRecord): number | undefined =>
  count === 0 ? undefined : error * 100
