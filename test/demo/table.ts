// What the demo writes to the terminal: what is said, what is done, and the nodes as a table below it that refreshes in
// place. Where there is no terminal, each row that has changed is a line instead.
import { styleText } from 'node:util'
import { isGone, type NodeSeen, phaseOf, reasonOf } from './node-seen.ts'

export interface Screen {
  headline(text: string): void
  title(text: string): void
  say(text: string): void
  /** A command, as a user would type it. */
  command(text: string): void
  /** Progress that is of no interest once it is over. */
  aside(text: string): void
  show(nodes: readonly NodeSeen[]): void
  /** Ends an act: the table stays as it is, and this comes below. */
  curtain(text: string): void
  /** From now on nothing is written any more. */
  mute(): void
}

const columns = [
  { title: 'NODE', width: 6 },
  { title: 'PHASE', width: 11 },
  { title: 'REASON', width: 20 },
  { title: 'HOST', width: 8 },
  { title: 'ADDRESS', width: 12 },
  { title: 'SESSIONS', width: 8 },
  { title: 'REGISTRY KEY', width: 36 },
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
    show: nodes => show(nodes),
    curtain(text) {
      freeze()
      write(INDENT + paint('dim', text))
    },
    mute() {
      write = show = freeze = () => undefined
    },
  }
}

interface Output {
  write(line: string): void
  show(nodes: readonly NodeSeen[]): void
  /** What was shown stays as it is; the next comes below. */
  freeze(): void
}

function liveTable(out: NodeJS.WriteStream): Output {
  let table: readonly string[] = []

  /** Takes the table off the screen, and puts the line and a table in its place. */
  function draw(lines: readonly string[], next: readonly string[]): void {
    const back = table.length > 0 ? `\u001B[${table.length}A\u001B[0J` : ''
    out.write(back + [...lines, ...next].map(line => `${line}\n`).join(''))
    table = next
  }

  return {
    write: line => draw([line], table),
    show(nodes) {
      // A line that wraps would take two rows of the terminal, and the next refresh would begin one too low.
      const fitting = (line: string) => (INDENT + line).slice(0, out.columns)
      const rows = nodes.map(node => paint(styleOf(node), fitting(row(node))))
      const next = ['', paint('dim', fitting(header)), ...rows]
      if (next.join() !== table.join()) draw([], next)
    },
    freeze() {
      table = []
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
    show(nodes) {
      const changed = nodes.filter(node => shown.get(node.name) !== row(node))
      for (const node of changed) {
        if (!isHeaded) write(`${INDENT}   TIME  ${header}`)
        isHeaded = true
        shown.set(node.name, row(node))
        const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1)
        write(`${INDENT}${seconds.padStart(5)} s  ${row(node)}`)
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

function row(seen: NodeSeen): string {
  const { name, object, pod, key } = seen
  const { nodeName = '–', address = '–' } = object?.status ?? {}
  const reason = object ? reasonOf(seen) : pod || key ? 'leftovers' : '–'
  const registered = key ? [String(key.heartbeat.sessions), `${key.path} (${key.heartbeat.state})`] : ['–', '–']
  return inColumns([name, phaseOf(seen), reason, nodeName, address, ...registered])
}

const phaseStyles = { Pending: 'yellow', Running: 'green', Terminating: 'magenta', gone: 'dim' } as const

const styleOf = (seen: NodeSeen) => phaseStyles[isGone(seen) ? 'gone' : phaseOf(seen)]

/** Without colours where NO_COLOR is set or the terminal has none. */
export const paint = (style: Parameters<typeof styleText>[0], text: string): string =>
  styleText(style, text, { stream: process.stdout })
