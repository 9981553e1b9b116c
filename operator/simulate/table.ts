// The figures of a contest as rows of text: printed by the command, and put into the page.
import type { Result } from './contest.ts'
import type { Outcome } from './world.ts'

export interface Table {
  readonly head: readonly string[]
  readonly rows: readonly (readonly string[])[]
}

const head = [
  'policy',
  'late joins',
  'minutes over goal',
  'node-hours',
  'over the minimum',
  'people cut',
  'people moved',
  'changes',
  'taken back < 15 min',
] as const

export function tableOf({ outcomes, minimum }: Result): Table {
  const nobody = ['–', '–', hours(minimum.nodeHours), '–', '–', '–', '–', '–']
  return { head, rows: [...outcomes.map(it => rowOf(it, minimum.nodeHours)), ['minimum, clairvoyant', ...nobody]] }
}

function rowOf({ policy, score }: Outcome, leastHours: number): string[] {
  return [
    policy,
    percent(score.lateShare),
    String(score.minutesOverGoal),
    hours(score.nodeHours),
    `+${Math.round((score.nodeHours / leastHours - 1) * 100)} %`,
    `${score.cut} (${percent(score.cutShare)})`,
    String(score.moved),
    String(score.changes),
    String(score.reversals),
  ]
}

const hours = (value: number): string => value.toFixed(0)
/** Three digits that count: the goals are thousandths of a percent. */
export const percent = (share: number): string => `${(share * 100).toFixed(3)} %`

/** Columns as wide as their widest value; all but the first are numbers, and end at the right. */
export function inColumns({ head: names, rows }: Table): string {
  const all = [names, ...rows]
  const widths = names.map((_, column) => Math.max(...all.map(row => (row[column] ?? '').length)))
  return all
    .map(row =>
      row
        .map((cell, column) => (column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}
