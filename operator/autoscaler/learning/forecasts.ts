// Demand that is to come within the lead time, by three ways to tell it: its slope, the minute of the hour, the minute of the day.
// Each is compared with what came. Which of them counts is for forecast.ts to say. Pure; fed by learning.ts.
import type { Instant } from '../../ambient/clock.ts'
import { type LeadTime, leadTimeOf } from './lead-time.ts'
import type { Passage } from './passage.ts'
import {
  daysSeen,
  hoursSeen,
  LEAST_PERIODS,
  learnSeason,
  MAX_RATIO,
  MINUTES_OF_DAY,
  MINUTES_OF_HOUR,
  newSeason,
  ratioOfDay,
  ratioOfHour,
  type Season,
} from './season.ts'
import { beatsTrend, errorPercentOf, judge, newTrackRecord, type TrackRecord } from './track-record.ts'
import { growthIn, learnTrend, newTrend, type Trend } from './trend.ts'

/** What was said at the beginning of a minute, until its time has come. */
interface Pending {
  readonly minute: number
  readonly dueMs: number
  readonly demand: number
  readonly trend: number
  readonly hour: number
  readonly day: number
  most: number
}

export interface ForecastState {
  readonly trend: Trend
  readonly season: Season
  readonly records: { readonly trend: TrackRecord; readonly hour: TrackRecord; readonly day: TrackRecord }
  /** The oldest first; as many as there are minutes in the longest lead time. */
  readonly pending: Pending[]
  /** Minutes since the epoch, and demand when the last one began; −1: that was not seen. */
  minute: number
  demandThen: number
}

export const newForecasts = (): ForecastState => ({
  trend: newTrend(),
  season: newSeason(),
  // Each over whole periods of its own, else nights would judge what is said of mornings.
  records: {
    trend: newTrackRecord(6 * MINUTES_OF_HOUR),
    hour: newTrackRecord(6 * MINUTES_OF_HOUR),
    day: newTrackRecord(3 * MINUTES_OF_DAY),
  },
  pending: [],
  minute: -1,
  demandThen: 0,
})

const MINUTE_MS = 60_000
/** Who looks at a minute later than this has not seen it begin. */
const BEGINS_MS = 30_000

const minuteOf = (now: Instant): number => Math.floor(now / MINUTE_MS)

/** `demand` undefined: it is not known now, so nothing that spans this moment is learned. */
export function learnForecasts(
  state: ForecastState,
  demand: number | undefined,
  passage: Passage,
  stepMs: number,
  horizonSeconds: number,
): void {
  learnTrend(state.trend, demand, stepMs)
  if (demand === undefined || passage.leapt) {
    state.pending.length = 0
    state.minute = -1
    return
  }
  for (const pending of state.pending) pending.most = Math.max(pending.most, demand)
  for (let due = state.pending[0]; due !== undefined && due.dueMs <= passage.ms; due = state.pending[0]) {
    compare(state, due)
    state.pending.shift()
  }
  if (minuteOf(passage.at) !== state.minute) beginMinute(state, demand, passage, horizonSeconds)
}

/** A shape says one thing for a whole minute, so the horizon begins when the minute ends. */
function beginMinute(state: ForecastState, demand: number, { at, ms }: Passage, horizonSeconds: number): void {
  state.minute = minuteOf(at)
  state.demandThen = demand
  if (at % MINUTE_MS > BEGINS_MS) return
  state.pending.push({
    minute: state.minute,
    dueMs: ms + MINUTE_MS + horizonSeconds * 1_000,
    demand,
    trend: believable(demand, demand + growthIn(state.trend, MINUTE_MS / 1_000 + horizonSeconds)),
    hour: believable(demand, demand * ratioOfHour(state.season, state.minute)),
    day: believable(demand, demand * ratioOfDay(state.season, state.minute)),
    most: demand,
  })
}

function compare({ season, records }: ForecastState, { minute, demand, trend, hour, day, most }: Pending): void {
  if (most > 0) {
    judge(records.trend, trend, trend, most)
    if (hoursSeen(season, minute) > 0) judge(records.hour, hour, trend, most)
    if (daysSeen(season, minute) > 0) judge(records.day, day, trend, most)
  }
  learnSeason(season, minute, demand, most)
}

/** A forecast never lowers, and never does more than to multiply by 2.5. */
const believable = (demand: number, forecast: number): number =>
  Math.min(MAX_RATIO * demand, Math.max(demand, forecast))

export interface Forecast {
  /** In units; from the demand now up to 2.5 times that. */
  readonly demand: number
  /** It was seen in three periods or more, and has been better than the trend. Of the trend itself: always. */
  readonly counts: boolean
  /** How far it has been off, percent of demand; undefined: no such forecast was compared yet. */
  readonly errorPercent: number | undefined
}

export interface Forecasts {
  readonly trend: Forecast
  readonly hour: Forecast
  readonly day: Forecast
}

/** The largest demand until a node that is wished for now takes rooms. */
export function forecastsOf(
  learning: { readonly forecasts: ForecastState; readonly leadTime: LeadTime },
  demand: number,
  now: Instant,
): Forecasts {
  const { trend, season, records, minute, demandThen } = learning.forecasts
  const thisMinute = minuteOf(now)
  const base = thisMinute === minute ? demandThen : demand
  return {
    trend: {
      demand: believable(demand, demand + growthIn(trend, leadTimeOf(learning).planSeconds)),
      counts: true,
      errorPercent: errorPercentOf(records.trend),
    },
    hour: {
      demand: believable(demand, base * ratioOfHour(season, thisMinute)),
      counts: hoursSeen(season, thisMinute) >= LEAST_PERIODS && beatsTrend(records.hour),
      errorPercent: errorPercentOf(records.hour),
    },
    day: {
      demand: believable(demand, base * ratioOfDay(season, thisMinute)),
      counts: daysSeen(season, thisMinute) >= LEAST_PERIODS && beatsTrend(records.day),
      errorPercent: errorPercentOf(records.day),
    },
  }
}
