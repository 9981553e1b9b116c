// What was learned, as text that fits into the status of the RTCAutoscaler and survives a restart. Written and read by core.ts. The
// text may have been edited or cut by anybody: what cannot be read is as good as nothing, and never harms.
import { z } from 'zod'
import type { Instant } from '../../ambient/clock.ts'
import { MAX_GONE_SHAPES, settleCapacity } from './capacity.ts'
import { BINS, LEAST_KNEE, MOST_KNEE, settleCurve } from './curve.ts'
import { MAX_SIGMA } from './dispersion.ts'
import { addStart, MAX_SECONDS, MAX_STARTS } from './lead-time.ts'
import { type Learning, newLearning } from './learning.ts'
import { LEAST_PERIODS, MAX_RATIO, MINUTES_OF_HOUR, MINUTES_OF_WEEK, type Profile } from './season.ts'
import { newShape } from './shape.ts'
import { MAX_LOSS, type TrackRecord } from './track-record.ts'
import { LEAST_TRIM, MOST_TRIM } from './trim.ts'

/** Grows when the text gets another form; an older one is then not read any more. */
export const LEARNED_VERSION = 1

/** Of the field in the status. */
const MAX_CHARACTERS = 16_384
const MAX_MORE_CHARACTERS = 5_500
const MAX_SHAPE_NAME = 128

/** A profile has two characters a minute: its ratio in steps of 0.0015, and in how many periods it was seen. */
const DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
const STEPS = 1_023
const profileSchema = (minutes: number) => z.string().regex(new RegExp(`^[A-Za-z0-9_-]{${minutes * 2}}$`))

const MAX_FIGURE = 1e12
const figure = z.number().min(0).max(MAX_FIGURE)
const share = (least: number, most: number) => z.number().min(least).max(most)
const record = z.tuple([
  z
    .int()
    .min(0)
    .max(MINUTES_OF_WEEK * 2),
  share(0, MAX_LOSS),
  share(0, MAX_LOSS),
  share(0, MAX_LOSS),
])

const savedSchema = z.strictObject({
  /** Of the passage. */
  ms: figure,
  shapes: z.array(z.tuple([z.string().max(MAX_SHAPE_NAME), figure])).max(MAX_GONE_SHAPES),
  goals: z.string().max(128),
  bins: z.array(z.tuple([figure, figure, figure])).length(BINS),
  knee: share(LEAST_KNEE, MOST_KNEE),
  trim: share(LEAST_TRIM, MOST_TRIM),
  sigma: share(0, MAX_SIGMA),
  /** Seconds; negative: it waited for a host. */
  starts: z.array(share(-MAX_SECONDS, MAX_SECONDS).refine(seconds => seconds !== 0)).max(MAX_STARTS),
  arrivals: z.tuple([figure, figure, figure, figure, figure, figure]),
  hour: profileSchema(MINUTES_OF_HOUR),
  day: profileSchema(MINUTES_OF_WEEK),
  peak: figure,
  records: z.tuple([record, record, record]),
  more: z.unknown(),
})

/** `more`: what else the caller wants to keep, a JSON value of 5,500 characters at most; a longer one is left out. */
export function saved(learning: Learning, more: unknown): string {
  const { passage, curve, trim, dispersion, leadTime, arrivals, forecasts } = learning
  const { came, seconds, rooms, pressure, squares, weight } = arrivals
  const { season, records } = forecasts
  const plain: z.input<typeof savedSchema> = {
    // Whole, because others reckon from it what is past.
    ms: Math.min(MAX_FIGURE, Math.ceil(passage.ms)),
    shapes: shapesToKeep(learning),
    goals: curve.goals,
    bins: Array.from(curve.joins, (joins, bin) => [
      short(joins),
      short(curve.crowding[bin] as number),
      short(curve.quality[bin] as number),
    ]),
    knee: short(curve.knee),
    trim: short(trim.factor),
    sigma: short(dispersion.sigma),
    starts: leadTime.starts.map(start => short(start.cold ? -start.seconds : start.seconds)),
    arrivals: [short(came), short(seconds), short(rooms), short(pressure), short(squares), short(weight)],
    hour: profileText(season.hour),
    day: profileText(season.day),
    peak: short(season.peak),
    records: [recordFigures(records.trend), recordFigures(records.hour), recordFigures(records.day)],
    more: fits(more) ? more : null,
  }
  const text = JSON.stringify(plain)
  return text.length <= MAX_CHARACTERS ? text : JSON.stringify({ ...plain, shapes: [], more: null })
}

/** The last ones that were there; those of the pool now are among them. */
function shapesToKeep({ capacity }: Learning): [string, number][] {
  return [...capacity.shapes.values()]
    .filter(({ name, median }) => median > 0 && name.length <= MAX_SHAPE_NAME)
    .sort((a, b) => b.livedMs - a.livedMs || b.living - a.living || (a.name < b.name ? -1 : 1))
    .slice(0, MAX_GONE_SHAPES)
    .map(({ name, median }) => [name, short(median)])
}

/** Six digits are more than is known of anything here; what is beyond all sense is cut, so that the rest can be read again. */
const short = (value: number): number => Number(Math.min(MAX_FIGURE, value).toPrecision(6))

function fits(more: unknown): boolean {
  const text: string | undefined = JSON.stringify(more)
  return text !== undefined && text.length <= MAX_MORE_CHARACTERS
}

const recordFigures = ({ count, error, loss, trendLoss }: TrackRecord): z.input<typeof record> => [
  count,
  short(error),
  short(loss),
  short(trendLoss),
]

function profileText({ ratios, periods }: Profile): string {
  let text = ''
  for (let minute = 0; minute < ratios.length; minute += 1) {
    const step = Math.round((((ratios[minute] as number) - 1) / (MAX_RATIO - 1)) * STEPS)
    const number = step * (LEAST_PERIODS + 1) + (periods[minute] as number)
    text += DIGITS.charAt(number >> 6) + DIGITS.charAt(number & 63)
  }
  return text
}

function readProfile({ ratios, periods }: Profile, text: string): void {
  for (let minute = 0; minute < ratios.length; minute += 1) {
    const number = DIGITS.indexOf(text.charAt(2 * minute)) * 64 + DIGITS.indexOf(text.charAt(2 * minute + 1))
    ratios[minute] = 1 + (Math.floor(number / (LEAST_PERIODS + 1)) / STEPS) * (MAX_RATIO - 1)
    periods[minute] = number % (LEAST_PERIODS + 1)
  }
}

/** Undefined: of another version, or not to be read; then learning begins anew. `more` is as it was found: check it. */
export function restored(
  data: string,
  version: number,
  now: Instant,
): { learning: Learning; more: unknown } | undefined {
  if (version !== LEARNED_VERSION || data.length > MAX_CHARACTERS) return undefined
  const read = savedSchema.safeParse(parsed(data))
  return read.success ? { learning: learningOf(read.data, now), more: read.data.more } : undefined
}

function parsed(data: string): unknown {
  try {
    return JSON.parse(data)
  } catch {
    return undefined
  }
}

function learningOf(read: z.infer<typeof savedSchema>, now: Instant): Learning {
  const learning = newLearning(now, read.ms)
  const { capacity, curve, trim, dispersion, leadTime, arrivals, forecasts } = learning
  read.shapes.forEach(([name, median], index) => {
    // The first was there last.
    capacity.shapes.set(name, { ...newShape(name, median), livedMs: -index })
  })
  curve.goals = read.goals
  read.bins.forEach(([joins, crowding, quality], bin) => {
    curve.joins[bin] = joins
    curve.crowding[bin] = crowding
    curve.quality[bin] = quality
  })
  curve.knee = read.knee
  trim.factor = read.trim
  dispersion.sigma = read.sigma
  dispersion.seen = read.sigma
  for (const seconds of read.starts) addStart(leadTime, { seconds: Math.abs(seconds), cold: seconds < 0 })
  const [came, seconds, rooms, pressure, squares, weight] = read.arrivals
  Object.assign(arrivals, { came, seconds, rooms, pressure, squares, weight })
  readProfile(forecasts.season.hour, read.hour)
  readProfile(forecasts.season.day, read.day)
  forecasts.season.peak = read.peak
  const [trend, hour, day] = read.records
  restoreRecord(forecasts.records.trend, trend)
  restoreRecord(forecasts.records.hour, hour)
  restoreRecord(forecasts.records.day, day)
  settleCapacity(capacity)
  settleCurve(curve)
  return learning
}

function restoreRecord(into: TrackRecord, [count, error, loss, trendLoss]: z.infer<typeof record>): void {
  Object.assign(into, { count: Math.min(into.memory, count), error, loss, trendLoss })
}
