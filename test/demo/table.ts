// What the demo writes to the terminal: what is said, what is done, and pool and nodes as a table below it that refreshes in
// place. Where there is no terminal, each row that has changed is a line instead.
import { styleText } from 'node:util'
import type { RTCAutoscaler } from '../../operator/api/rtcautoscaler.ts'
import type { RTCNodePool } from '../../operator/api/rtcnodepool.ts'
import { isGone, type NodeSeen, phaseOf, reasonOf, revisionOf } from './node-seen.ts'
import type { Look } from './observer.ts'

export interface Screen {
  headline(text: string): void
  title(text: string): void
  say(text: string): void
  /** A command, as a user would type it. */
  command(text: string): void
  /** Progress that is of no interest once it is over. */
  aside(text: string): void
  show(look: Look): void
  /** Ends an act: the table stays as it is, and this comes below. */
  curtain(text: string): void
  /** From now on nothing is written any more. */
  mute(): void
}

const columns = [
  { title: 'NODE', width: 8 },
  { title: 'PHASE', width: 11 },
  { title: 'REASON', width: 20 },
  { title: 'HOST', width: 8 },
  { title: 'ADDRESS', width: 12 },
  { title: 'REGISTRY', width: 8 },
  { title: 'SESSIONS', width: 8 },
  { title: 'REVISION', width: 17 },
] as const

const INDENT = '   '

export function createScreen(out: NodeJS.WriteStream): Screen {
  let { write, show, freeze } = out.isTTY ? liveTable(out) : changedRows(out)
  return {
    headline: text => write(paint('bold', text)),
    title(text) {
      freeze()
      write(`\n${paint('bold', text)}`)
    },
    say: text => write(INDENT + text),
    command: text => write(INDENT + paint('cyan', `$ ${text}`)),
    aside: text => write(INDENT + paint('dim', text)),
    show: look => show(tableOf(look)),
    curtain(text) {
      freeze()
      write(INDENT + paint('dim', text))
    },
    mute() {
      write = show = freeze = () => undefined
    },
  }
}

interface Row {
  readonly name: string
  readonly text: string
  readonly style: Parameters<typeof styleText>[0]
  readonly isOver: boolean
}

interface Table {
  /** And its autoscaler; above the header, which is that of the nodes. */
  readonly pool: readonly Row[]
  readonly nodes: readonly Row[]
}

interface Output {
  write(line: string): void
  show(table: Table): void
  /** What was shown stays as it is; the next comes below, without what is over. */
  freeze(): void
}

function liveTable(out: NodeJS.WriteStream): Output {
  let table: readonly string[] = []
  let over: readonly string[] = []
  const buried = new Set<string>()

  /** Takes the table off the screen, and puts the line and a table in its place. */
  function draw(lines: readonly string[], next: readonly string[]): void {
    const back = table.length > 0 ? `\u001B[${table.length}A\u001B[0J` : ''
    out.write(back + [...lines, ...next].map(line => `${line}\n`).join(''))
    table = next
  }

  return {
    write: line => draw([line], table),
    show({ pool, nodes }) {
      // A line that wraps would take two rows of the terminal, and the next refresh would begin one too low.
      const fitting = (line: string) => (INDENT + line).slice(0, out.columns)
      const shown = nodes.filter(({ name }) => !buried.has(name))
      const painted = (rows: readonly Row[]) => rows.map(({ text, style }) => paint(style, fitting(text)))
      const next = ['', ...painted(pool), paint('dim', fitting(header)), ...painted(shown)]
      if (next.join() !== table.join()) draw([], next)
      over = shown.filter(({ isOver }) => isOver).map(({ name }) => name)
    },
    freeze() {
      table = []
      for (const name of over) buried.add(name)
    },
  }
}

function changedRows(out: NodeJS.WriteStream): Output {
  const startedAt = performance.now()
  const shown = new Map<string, string>()
  let isHeaded = false

  const write = (line: string): void => void out.write(`${line}\n`)
  return {
    write,
    show({ pool, nodes }) {
      for (const { name, text } of [...pool, ...nodes].filter(row => shown.get(row.name) !== row.text)) {
        if (!isHeaded) write(`${INDENT}   TIME  ${header}`)
        isHeaded = true
        shown.set(name, text)
        const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1)
        write(`${INDENT}${seconds.padStart(5)} s  ${text}`)
      }
    },
    freeze() {
      isHeaded = false
    },
  }
}

const inColumns = (cells: readonly string[]): string =>
  columns
    .map(({ width }, index) => (cells[index] ?? '').padEnd(width))
    .join('  ')
    .trimEnd()

const header = inColumns(columns.map(({ title }) => title))

const tableOf = ({ pool, autoscaler, nodes }: Look): Table => ({
  pool: [...(pool ? [rowOfPool(pool)] : []), ...(autoscaler ? [rowOfAutoscaler(autoscaler)] : [])],
  nodes: nodes.map(rowOfNode),
})

/** The figures of `kubectl get rtcp`. */
function rowOfPool({ metadata, spec, status }: RTCNodePool): Row {
  const { openReplicas = 0, drainingReplicas = 0, updatedReplicas = 0, conditions } = status ?? {}
  const reason = conditions?.find(({ type }) => type === 'Progressing')?.reason ?? '–'
  const figures = `desired ${spec.replicas} · open ${openReplicas} · draining ${drainingReplicas} · updated ${updatedReplicas}`
  const text = `pool ${metadata.name}:  ${figures} · ${reason}`
  return { name: `pool ${metadata.name}`, text, style: 'bold', isOver: false }
}

/** The figures of `kubectl get rtca`. */
function rowOfAutoscaler({ metadata, status }: RTCAutoscaler): Row {
  const { currentReplicas = 0, desiredReplicas = 0, pressure, latency = '–', conditions } = status ?? {}
  const reason = conditions?.find(({ type }) => type === 'ScalingActive')?.reason ?? '–'
  const figures = `${currentReplicas} → ${desiredReplicas} · pressure ${pressure?.toFixed(2) ?? '–'} · joins p99 ${latency}`
  const text = `autoscaler ${metadata.name}:  ${figures} · ${reason}`
  return { name: `autoscaler ${metadata.name}`, text, style: 'bold', isOver: false }
}

function rowOfNode(seen: NodeSeen): Row {
  const { name, object, pod, key } = seen
  const { nodeName = '–', address = '–' } = object?.status ?? {}
  const reason = object ? reasonOf(seen) : pod || key ? 'leftovers' : '–'
  const registered = key ? [key.heartbeat.state, String(key.heartbeat.sessions)] : ['–', '–']
  const cells = [name, phaseOf(seen), reason, nodeName, address, ...registered, revisionOf(seen) ?? '–']
  const isOver = isGone(seen)
  return { name, text: inColumns(cells), style: phaseStyles[isOver ? 'gone' : phaseOf(seen)], isOver }
}

const phaseStyles = { Pending: 'yellow', Running: 'green', Terminating: 'magenta', gone: 'dim' } as const

/** Without colours where NO_COLOR is set or the terminal has none. */
export const paint = (style: Parameters<typeof styleText>[0], text: string): string =>
  styleText(style, text, { stream: process.stdout })
