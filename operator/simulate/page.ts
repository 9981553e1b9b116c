// The page that `rtcnode simulate --out` writes: table, curves and decisions in one file that loads nothing.
import { type Instant, toTimestamp } from '../ambient/clock.ts'
import { svgOf } from './chart.ts'
import type { Result } from './contest.ts'
import type { Decided } from './ours.ts'
import { pictures } from './pictures.ts'
import { tableOf } from './table.ts'
import type { Workload } from './workload.ts'

export interface Subject {
  readonly title: string
  /** What was simulated and with which numbers, a sentence each. */
  readonly notes: readonly string[]
}

const style = `
body { font: 14px/1.5 system-ui, sans-serif; max-width: 1100px; margin: 2rem auto; padding: 0 1rem; color: #222; background: #fff }
table { border-collapse: collapse; margin: 1rem 0 }
th, td { padding: .25rem .6rem; border-bottom: 1px solid #ddd; text-align: right; font-variant-numeric: tabular-nums }
th:first-child, td:first-child { text-align: left }
.decisions td:last-child, .decisions th:last-child { text-align: left; font-family: ui-monospace, monospace; font-size: 12px }
svg { display: block; margin: 1.5rem 0; max-width: 100%; height: auto }
`
/** A page that nobody can scroll to its end helps nobody. */
const MOST_DECISIONS = 500

export function pageOf(workload: Workload, result: Result, { title, notes }: Subject): string {
  const { head, rows } = tableOf(result)
  const decided = result.decisions.slice(-MOST_DECISIONS)
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${escaped(title)}</title>
<style>${style}</style>
<h1>${escaped(title)}</h1>
${notes.map(note => `<p>${escaped(note)}</p>`).join('\n')}
${table('figures', [...head], rows)}
${pictures(workload, result).map(svgOf).join('\n')}
<h2>Decisions</h2>
<p>The last ${decided.length} of ${result.decisions.length} changes by the RTCAutoscaler, as its events would tell them.</p>
${table('decisions', ['time', 'from', 'to', 'why'], decided.map(decisionRow))}
</html>
`
}

const decisionRow = ({ now, from, to, why, limits }: Decided): string[] => [
  timeOf(now),
  String(from),
  String(to),
  limits.length === 0 ? why : `${why} [${limits.join(', ')}]`,
]

const timeOf = (now: Instant): string => toTimestamp(now).replace('T', ' ').replace('Z', '')

const table = (name: string, head: readonly string[], rows: readonly (readonly string[])[]): string =>
  `<table class="${name}">
<tr>${head.map(cell => `<th>${escaped(cell)}</th>`).join('')}</tr>
${rows.map(row => `<tr>${row.map(cell => `<td>${escaped(cell)}</td>`).join('')}</tr>`).join('\n')}
</table>`

const entities: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }
const escaped = (text: string): string => text.replaceAll(/[&<>"]/g, character => entities[character] ?? character)
