// Draws the table of `kubectl rtc top` as lines of text. Pure; colours are handed in, so that there are none where nobody sees them.
import { columns } from './columns.ts'
import type { NodeLine, PoolLine, Top } from './top.ts'
import { countdown, counted, figure, people } from './words.ts'

export type Tone = 'dim' | 'bold' | 'good' | 'busy' | 'bad'
export type Paint = (tone: Tone, text: string) => string
export const plain: Paint = (_tone, text) => text

const [BUSY, FULL] = [0.65, 0.82]
const BAR = 10

/** `█████░░░░░  48 %`: full is the whole bar, more than full is told by the number. */
export function bar(load: number | undefined): string {
  if (load === undefined) return `${'·'.repeat(BAR)}     ?`
  const filled = Math.max(0, Math.min(BAR, Math.round(load * BAR)))
  return `${'█'.repeat(filled)}${'░'.repeat(BAR - filled)} ${String(Math.round(load * 100)).padStart(3)} %`
}

const toneOf = ({ load = 0, standing }: NodeLine): Tone | undefined => {
  if (standing === 'troubled' || standing === 'unwell' || load >= FULL) return 'bad'
  if (load >= BUSY) return 'busy'
  return standing === 'open' ? undefined : 'dim'
}

const head = ['NODE', 'POOL', 'STATE', 'LOAD', 'PEOPLE', 'P99 JOIN', 'HOST', 'DRAIN'] as const
const aligned = ['left', 'left', 'left', 'left', 'right', 'right', 'left', 'left'] as const

/** `height`: so many lines at most; what does not fit is counted in the last. `withNamespace`: nodes of several are shown. */
export function topText(
  top: Top,
  { paint = plain, height = Number.POSITIVE_INFINITY, withNamespace = false }: TopTextOptions = {},
): string[] {
  const above = [...top.pools.map(pool => poolText(pool, withNamespace, paint)), ...(top.pools.length > 0 ? [''] : [])]
  if (top.nodes.length === 0) return [...above, 'no RTCNodes'].slice(0, height)
  const room = Math.max(1, height - above.length - 1)
  const shown = top.nodes.length > room ? top.nodes.slice(0, Math.max(1, room - 1)) : top.nodes
  const [titles = '', ...lines] = columns([head, ...shown.map(line => cellsOf(line, withNamespace))], aligned)
  const rest = top.nodes.length - shown.length
  return [
    ...above,
    paint('bold', titles),
    ...lines.map((text, row) => {
      const tone = shown[row] && toneOf(shown[row])
      return tone === undefined ? text : paint(tone, text)
    }),
    ...(rest === 0 ? [] : [paint('dim', `… ${counted(rest, 'node')} more: a larger window, or --sort`)]),
  ]
}

export interface TopTextOptions {
  readonly paint?: Paint
  readonly height?: number
  readonly withNamespace?: boolean
}

function poolText(pool: PoolLine, withNamespace: boolean, paint: Paint): string {
  const name = withNamespace ? `${pool.namespace}/${pool.name}` : pool.name
  const { autoscaler: by, sessions } = pool
  const state = [
    `${pool.open} of ${pool.wanted} open`,
    ...(pool.draining === 0 ? [] : [`${pool.draining} draining`]),
    ...(sessions === undefined ? [] : [people(sessions)]),
    pool.reason,
  ].join(' · ')
  if (by === undefined) return `${paint('bold', `pool ${name}`)}  ${state}`
  const scaling = [
    `autoscaler ${by.name}: ${by.reason}`,
    ...(by.desired === undefined ? [] : [`wants ${by.desired}`]),
    ...(by.pressure === undefined ? [] : [`${figure(by.pressure * 100)} % full`]),
    ...(by.latency === undefined ? [] : [by.latency]),
  ].join(' · ')
  return `${paint('bold', `pool ${name}`)}  ${state}  ${paint('dim', `[${scaling}]`)}`
}

function cellsOf(line: NodeLine, withNamespace: boolean): string[] {
  return [
    withNamespace ? `${line.namespace}/${line.name}` : line.name,
    line.pool ?? '-',
    line.reason,
    bar(line.load),
    line.sessions === undefined ? '?' : String(line.sessions),
    line.joinLatencyP99Ms === undefined ? '-' : `${Math.round(line.joinLatencyP99Ms)} ms`,
    line.host ?? '-',
    drainOf(line),
  ]
}

function drainOf({ standing, deadlineInMs, sessions }: NodeLine): string {
  if (standing === 'cordoned') return 'cordoned by people'
  if (standing !== 'closed' && standing !== 'draining') return ''
  const left = deadlineInMs === undefined ? 'no deadline yet' : `${countdown(deadlineInMs)} left`
  const parts = [left, ...(sessions === undefined ? [] : [people(sessions)])]
  return `${standing === 'closed' ? 'closed, ' : ''}${parts.join(' · ')}`
}
