// The limits that hold now: minReplicas and maxReplicas, or what the schedules say instead. A schedule holds while its last start
// is later than its last end; cron lines are read in their time zone, so that 08:00 stays 08:00 when summer begins.
import { Cron } from 'croner'
import { type Instant, instant } from '../../ambient/clock.ts'
import type { RTCAutoscalerSpec, Schedule } from '../../api/rtcautoscaler-spec.ts'

export interface Bounds {
  readonly min: number
  readonly max: number
  /** So many are asked for as long as that is not more than `max`. */
  readonly ideal: number
  /** The schedules that `min` and `ideal` are of; undefined: of none. */
  readonly minBy: string | undefined
  readonly idealBy: string | undefined
  /** From when on a schedule last began or ended, and until when none does. */
  readonly since: Instant
  readonly until: Instant
  /** One line for each cron line or zone that cannot be read. */
  readonly complaints: readonly string[]
}

export type Scheduled = Pick<RTCAutoscalerSpec, 'minReplicas' | 'maxReplicas' | 'schedules'>

interface Known extends Bounds {
  readonly from: Instant
}

/** To look a cron line up takes a fifth of a millisecond, and its answer holds for hours. */
const lastKnown = new WeakMap<Scheduled, Known>()

export function boundsOf(spec: Scheduled, now: Instant): Bounds {
  const before = lastKnown.get(spec)
  if (before !== undefined && now >= before.from && now < before.until) return before
  const known = { ...lookUpBounds(spec, now), from: now }
  lastKnown.set(spec, known)
  return known
}

/** One line for each cron line or zone that cannot be read, with field, value and remedy. */
export const scheduleComplaints = (schedules: readonly Schedule[]): readonly string[] =>
  schedules.flatMap((schedule, i) => {
    const read = readSchedule(schedule, `spec.schedules[${i}]`)
    return Array.isArray(read) ? read : []
  })

/** As `boundsOf`, and remembers nothing: for moments to come, which would drive what holds now out of memory. */
export function lookUpBounds(spec: Scheduled, now: Instant): Bounds {
  const complaints: string[] = []
  const holding: Schedule[] = []
  let [since, until] = [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY]
  for (const [i, schedule] of spec.schedules.entries()) {
    const read = readSchedule(schedule, `spec.schedules[${i}]`)
    if (Array.isArray(read)) {
      complaints.push(...read)
      continue
    }
    const [began, ended] = [last(read.start, now), last(read.end, now)]
    if (began > ended) holding.push(schedule)
    since = Math.max(since, began, ended)
    until = Math.min(until, next(read.start, now), next(read.end, now))
  }
  const min = ofLargest(holding, 'minReplicas')
  const max = ofLargest(holding, 'maxReplicas')?.replicas ?? spec.maxReplicas
  const ideal = ofLargest(holding, 'idealReplicas')
  return {
    min: Math.min(max, min?.replicas ?? spec.minReplicas),
    max,
    ideal: Math.min(max, ideal?.replicas ?? 0),
    minBy: min?.name,
    idealBy: ideal?.name,
    since: instant(since),
    until: instant(until),
    complaints,
  }
}

type Field = 'minReplicas' | 'maxReplicas' | 'idealReplicas'

function ofLargest(holding: readonly Schedule[], field: Field): { name: string; replicas: number } | undefined {
  let found: { name: string; replicas: number } | undefined
  for (const { name, [field]: replicas } of holding)
    if (replicas !== undefined && replicas > (found?.replicas ?? -1)) found = { name, replicas }
  return found
}

interface Lines {
  readonly start: Cron
  readonly end: Cron
}

function readSchedule({ start, end, timeZone }: Schedule, field: string): Lines | string[] {
  if (!isZone(timeZone))
    return [
      `${field}.timeZone "${timeZone}" is no known time zone; write an IANA name such as Europe/Berlin or Etc/UTC`,
    ]
  const read = { start: readLine(start, timeZone), end: readLine(end, timeZone) }
  const complaints = (['start', 'end'] as const).flatMap(which => {
    const line = read[which]
    const text = which === 'start' ? start : end
    return typeof line === 'string'
      ? [
          `${field}.${which} "${text}" is no cron line (${line}); write minute hour day month weekday, such as "0 8 * * 1-5"`,
        ]
      : []
  })
  return complaints.length > 0 ? complaints : (read as Lines)
}

function isZone(name: string): boolean {
  try {
    return Intl.DateTimeFormat('en', { timeZone: name }) !== undefined
  } catch {
    return false
  }
}

const FIVE_FIELDS = /^\s*\S+(\s+\S+){4}\s*$/

/** A time that summer skips is taken when it is over, and one that comes twice counts once, as in Vixie cron. */
function readLine(text: string, timezone: string): Cron | string {
  if (!FIVE_FIELDS.test(text)) return 'it has not five fields'
  try {
    const line = new Cron(text, { timezone, mode: '5-part', fixedTimeRule: 'no-wildcard', paused: true })
    return line.nextRun(SOME_DAY) === null ? 'no such day ever comes' : line
  } catch (error) {
    return (error as Error).message.replace(/^CronPattern: /, '')
  }
}

const SOME_DAY = new Date('2024-01-01T00:00:00Z')

/** croner tells what was strictly before. */
const last = (line: Cron, now: Instant): number =>
  line.previousRuns(1, new Date(now + 1))[0]?.getTime() ?? Number.NEGATIVE_INFINITY

const next = (line: Cron, now: Instant): number => line.nextRun(new Date(now))?.getTime() ?? Number.POSITIVE_INFINITY
