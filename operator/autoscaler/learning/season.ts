// What demand does again and again: by how much it rises after each minute of the hour (meetings begin at :00 and :30), and after
// each minute of the day, for weekdays and weekends (the step "Forecast" of docs/scaling.md). In UTC, so the day moves with summer
// time and is learned anew within days. Pure; fed and read by forecasts.ts.

/** For each minute: demand rises to `ratios` times what it is, before the horizon; seen in so many `periods`. */
export interface Profile {
  readonly ratios: Float64Array
  readonly periods: Uint8Array
}

export interface Season {
  readonly hour: Profile
  readonly day: Profile
  /** The largest demand there was, fading: hours that are quiet against it tell nothing about busy ones. */
  peak: number
}

const newProfile = (minutes: number): Profile => ({
  ratios: new Float64Array(minutes).fill(1),
  periods: new Uint8Array(minutes),
})

export const MINUTES_OF_HOUR = 60
export const MINUTES_OF_DAY = 1_440
export const MINUTES_OF_WEEK = 2 * MINUTES_OF_DAY
export const newSeason = (): Season => ({
  hour: newProfile(MINUTES_OF_HOUR),
  day: newProfile(MINUTES_OF_WEEK),
  peak: 0,
})

/** No rise beyond this is believed, nor prepared for. */
export const MAX_RATIO = 2.5
/** A shape counts when it was seen so often. */
export const LEAST_PERIODS = 3
/** The 90th percentile over the hours: up by 0.18 when it was exceeded, down by 0.02 when not. */
const [QUANTILE, HOUR_GAIN] = [0.9, 0.2]
/** Yesterday counts 30 %. */
const DAY_GAIN = 0.3
const QUIET = 0.2
/** Of the peak, for each minute: a half in a day. */
const PEAK_KEPT = 0.5 ** (1 / MINUTES_OF_DAY)

/** `minute`: minutes since the epoch. Demand was `demand` when it began, and `most` at most before the horizon. */
export function learnSeason(season: Season, minute: number, demand: number, most: number): void {
  season.peak = Math.max(demand, season.peak * PEAK_KEPT)
  if (!(demand > 0)) return
  const ratio = Math.min(MAX_RATIO, Math.max(1, most / demand))
  learnDay(season.day, minuteOfWeek(minute), ratio)
  if (demand >= QUIET * season.peak) learnHour(season.hour, minute % MINUTES_OF_HOUR, ratio)
}

function learnDay({ ratios, periods }: Profile, slot: number, ratio: number): void {
  const before = ratios[slot] as number
  ratios[slot] = periods[slot] === 0 ? ratio : before + DAY_GAIN * (ratio - before)
  seenAgain(periods, slot)
}

/** The mean of the first few, then their running quantile, which never steps over what it has just seen. */
function learnHour({ ratios, periods }: Profile, slot: number, ratio: number): void {
  const before = ratios[slot] as number
  const seen = periods[slot] as number
  if (seen < LEAST_PERIODS) ratios[slot] = before + (ratio - before) / (seen + 1)
  else if (ratio >= before) ratios[slot] = Math.min(ratio, before + HOUR_GAIN * QUANTILE)
  else ratios[slot] = Math.max(ratio, before - HOUR_GAIN * (1 - QUANTILE))
  seenAgain(periods, slot)
}

/** Beyond what counts, how often makes no difference. */
function seenAgain(periods: Uint8Array, slot: number): void {
  periods[slot] = Math.min(LEAST_PERIODS, (periods[slot] as number) + 1)
}

export const ratioOfHour = ({ hour }: Season, minute: number): number => hour.ratios[minute % MINUTES_OF_HOUR] as number
export const ratioOfDay = ({ day }: Season, minute: number): number => day.ratios[minuteOfWeek(minute)] as number

/** In so many periods this minute was seen, up to 3. */
export const hoursSeen = ({ hour }: Season, minute: number): number => hour.periods[minute % MINUTES_OF_HOUR] as number
export const daysSeen = ({ day }: Season, minute: number): number => day.periods[minuteOfWeek(minute)] as number

/** The 1,440 minutes of a weekday, then those of a day at the weekend. The epoch began on a Thursday. */
function minuteOfWeek(minute: number): number {
  const weekday = (Math.floor(minute / MINUTES_OF_DAY) + 4) % 7
  return (minute % MINUTES_OF_DAY) + (weekday === 0 || weekday === 6 ? MINUTES_OF_DAY : 0)
}
