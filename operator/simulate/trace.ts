// A load trace of the user's own, from a CSV file or a Prometheus range query. Only what can be replayed gets through: what has
// gaps, goes backwards or tells nonsense is refused with line, value and remedy. Called by the command.
import { CsvError, parse } from 'csv-parse/sync'
import { z } from 'zod'
import { type Instant, instant } from '../ambient/clock.ts'
import { BadInputError, shown } from './bad-input.ts'

export interface TraceRow {
  readonly at: Instant
  readonly participants: number
  readonly rooms: number | undefined
}

export type Trace = readonly TraceRow[]

/** A row before it is judged, with where it stands. */
interface RawRow {
  readonly line: number | undefined
  readonly time: string
  readonly participants: string
  readonly rooms: string | undefined
}

const columns = {
  time: ['time', 'timestamp'],
  participants: ['participants', 'sessions', 'value'],
  rooms: ['rooms'],
} as const

const MOST_PARTICIPANTS = 10_000_000
const MOST_DAYS = 92
const LEAST_SPACING_MS = 1_000
/** A step so many times as long as the usual one is a gap. */
const GAP = 5

/** @throws {BadInputError} */
export function readTrace(text: string, file: string): Trace {
  const rows = /^\s*[{[]/.test(text) ? prometheusRows(text, file) : csvRows(text, file)
  const trace = rows.map(row => judged(row, file))
  refuseDisorder(trace, rows, file)
  return trace
}

function csvRows(text: string, file: string): RawRow[] {
  let header: string[] = []
  let records: { readonly info: { readonly lines: number }; readonly record: Record<string, string> }[]
  try {
    records = parse(text, {
      bom: true,
      trim: true,
      info: true,
      skip_empty_lines: true,
      columns: (names: string[]) => (header = names.map(name => name.toLowerCase())),
    })
  } catch (error) {
    if (!(error instanceof CsvError)) throw error
    const line = typeof error['lines'] === 'number' ? error['lines'] : undefined
    throw new BadInputError(
      { file, line, field: 'row' },
      `cannot be read: ${error.message}`,
      'write as many values as the first line has names',
      { cause: error },
    )
  }
  const named = (of: keyof typeof columns): string | undefined => columns[of].find(name => header.includes(name))
  const [time, participants, rooms] = [named('time'), named('participants'), named('rooms')]
  if (time === undefined || participants === undefined) {
    const field = time === undefined ? 'time' : 'participants'
    throw new BadInputError(
      { file, line: 1, field },
      `is no column; the first line is ${shown(header.join(','))}`,
      `begin the file with a line like “time,participants”; ${columns[field].join(' or ')} will do`,
    )
  }
  return records.map(({ info, record }) => ({
    line: info.lines,
    time: record[time] ?? '',
    participants: record[participants] ?? '',
    rooms: rooms === undefined ? undefined : record[rooms],
  }))
}

const rangeSchema = z.looseObject({
  data: z.looseObject({
    resultType: z.literal('matrix'),
    result: z.array(z.looseObject({ values: z.array(z.tuple([z.number(), z.string()])) })),
  }),
})

/** What `/api/v1/query_range` answers. */
function prometheusRows(text: string, file: string): RawRow[] {
  let answer: unknown
  try {
    answer = JSON.parse(text)
  } catch (error) {
    throw new BadInputError(
      { file, field: 'file' },
      `is no JSON: ${String(error)}`,
      'save the answer of /api/v1/query_range as it is',
      { cause: error },
    )
  }
  const parsed = rangeSchema.safeParse(answer)
  if (!parsed.success) {
    const issue = parsed.error.issues[0]
    const field = issue?.path.join('.') || 'file'
    throw new BadInputError(
      { file, field },
      `is not that of a range query: ${issue?.message ?? ''}`,
      'save the answer of /api/v1/query_range with resultType matrix',
    )
  }
  const { result } = parsed.data.data
  if (result.length > 1) {
    throw new BadInputError(
      { file, field: 'data.result' },
      `has ${result.length} series`,
      'ask for one, for example sum(rtcnode_agent_sessions)',
    )
  }
  return (result[0]?.values ?? []).map(([time, value]) => ({
    line: undefined,
    time: `${time}`,
    participants: value,
    rooms: undefined,
  }))
}

function judged({ line, time, participants, rooms }: RawRow, file: string): TraceRow {
  const count = (field: string, value: string): number => {
    const number = value === '' ? Number.NaN : Number(value)
    if (!(number >= 0 && number <= MOST_PARTICIPANTS)) {
      throw new BadInputError(
        { file, line, field },
        `is ${shown(value)}`,
        `write a number from 0 to ${MOST_PARTICIPANTS}`,
      )
    }
    return number
  }
  const at = timeOf(time)
  if (at === undefined) {
    throw new BadInputError(
      { file, line, field: 'time' },
      `is ${shown(time)}`,
      'write it with its zone, like 2026-01-05T09:00:00Z, or as seconds since 1970',
    )
  }
  return {
    at,
    participants: count('participants', participants),
    rooms: rooms === undefined || rooms === '' ? undefined : count('rooms', rooms),
  }
}

/** Later than this in seconds, it is milliseconds: in the year 5138. */
const MILLISECONDS_FROM = 1e11

function timeOf(text: string): Instant | undefined {
  if (/^\d+(\.\d+)?$/.test(text)) {
    const number = Number(text)
    return instant(number >= MILLISECONDS_FROM ? number : number * 1_000)
  }
  if (!/^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)$/.test(text)) return undefined
  const at = Date.parse(text)
  return Number.isNaN(at) ? undefined : instant(at)
}

function refuseDisorder(trace: Trace, rows: readonly RawRow[], file: string): void {
  const first = trace[0]
  const last = trace.at(-1)
  if (first === undefined || last === undefined || trace.length < 2) {
    const problem = trace.length === 0 ? 'are none: the trace is empty' : 'are only one'
    throw new BadInputError({ file, field: 'rows' }, problem, 'a trace needs at least two')
  }
  const spacings = trace.slice(1).map(({ at }, index) => at - (trace[index] as TraceRow).at)
  const usual = spacings.toSorted((a, b) => a - b)[Math.floor(spacings.length / 2)] as number
  for (const [index, spacing] of spacings.entries()) {
    const { time, line } = rows[index + 1] as RawRow
    const refuse = (problem: string, remedy: string): never => {
      throw new BadInputError(
        { file, line, field: 'time' },
        `${shown(time)} ${problem} ${shown(rows[index]?.time)}`,
        remedy,
      )
    }
    if (spacing === 0) refuse('stands there twice, after', 'keep one row for each moment')
    if (spacing < 0) refuse('is before the row above,', 'sort the rows by time')
    if (spacing < LEAST_SPACING_MS)
      refuse('comes less than a second after', 'take the mean of each second, or of each minute')
    if (spacing > GAP * usual) {
      refuse(
        `comes ${seconds(spacing)} after the row above, the others ${seconds(usual)}: a gap after`,
        'fill it with what you know of that time, or cut the trace there',
      )
    }
  }
  if (last.at - first.at > MOST_DAYS * 86_400_000) {
    const { line, time } = rows.at(-1) as RawRow
    throw new BadInputError(
      { file, line, field: 'time' },
      `${shown(time)} is more than ${MOST_DAYS} days after the first`,
      'cut the trace',
    )
  }
}

const seconds = (ms: number): string => `${ms / 1_000} s`
