// `kubectl rtc top`: the table once, or, on a terminal, again whenever something changes and each second for the countdowns.
import { styleText } from 'node:util'
import { informer } from '../kube/informer.ts'
import { all, type Cluster } from './cluster.ts'
import { type ExitCode, FINE, NotPossibleError } from './errors.ts'
import { answer, type Output } from './output.ts'
import { type Fleet, type Sorting, topOf } from './top.ts'
import { type Paint, type Tone, topText } from './top-text.ts'

export interface TopWishes {
  readonly allNamespaces: boolean
  readonly sorting: Sorting
  /** Only nodes of this pool. */
  readonly pool: string | undefined
}

/** Undefined where there is no terminal. */
export interface Terminal {
  write(text: string): void
  size(): { readonly rows: number; readonly columns: number }
  /** Aborts when the person has had enough: Ctrl-C or q. */
  readonly quits: AbortSignal
}

export async function top(
  cluster: Cluster,
  output: Output,
  wishes: TopWishes,
  terminal: Terminal | undefined,
): Promise<ExitCode> {
  const selection = wishes.allNamespaces ? {} : { namespace: cluster.namespace }
  // Also before a live view: what is refused is told at once and in words.
  const [pools, nodes, autoscalers] = await Promise.all([
    all(cluster.pools, selection),
    all(cluster.nodes, selection),
    all(cluster.autoscalers, selection),
  ])
  if (wishes.pool !== undefined && !pools.some(({ metadata }) => metadata.name === wishes.pool)) {
    const there = pools.map(({ metadata }) => metadata.name).join(', ')
    throw new NotPossibleError(
      `there is no RTCNodePool “${wishes.pool}”`,
      `there are: ${there || 'none'}; look elsewhere with -n`,
    )
  }
  if (terminal !== undefined) {
    await live(cluster, wishes, terminal)
    return FINE
  }
  const table = topOf(only({ pools, nodes, autoscalers }, wishes.pool), wishes.sorting, cluster.now())
  answer(output, table, () => topText(table, { withNamespace: wishes.allNamespaces }))
  return FINE
}

function only(fleet: Fleet, pool: string | undefined): Fleet {
  if (pool === undefined) return fleet
  const uids = new Set(fleet.pools.filter(({ metadata }) => metadata.name === pool).map(({ metadata }) => metadata.uid))
  return {
    pools: fleet.pools.filter(({ metadata }) => uids.has(metadata.uid)),
    nodes: fleet.nodes.filter(({ metadata }) => metadata.ownerReferences?.some(({ uid }) => uids.has(uid))),
    autoscalers: fleet.autoscalers,
  }
}

const tones: Readonly<Record<Tone, Parameters<typeof styleText>[0]>> = {
  dim: 'dim',
  bold: 'bold',
  good: 'green',
  busy: 'yellow',
  bad: 'red',
}
const inColour: Paint = (tone, text) => styleText(tones[tone], text)

const ESCAPE = '\u001b['
const [ENTER, LEAVE] = [`${ESCAPE}?1049h${ESCAPE}?25l`, `${ESCAPE}?25h${ESCAPE}?1049l`]
const [HOME, CLEAR_LINE, CLEAR_BELOW] = [`${ESCAPE}H`, `${ESCAPE}K`, `${ESCAPE}J`]
const COLOUR = new RegExp(`(${ESCAPE.replace('[', '\\[')}[0-9;]*m)`)
const DRAW_EVERY_MS = 1_000
/** Changes come in bursts: they are drawn together. */
const GATHER_MS = 200

async function live(cluster: Cluster, { allNamespaces, sorting, pool }: TopWishes, terminal: Terminal): Promise<void> {
  const { ambient, clock } = cluster
  const options = { ...ambient, ...(allNamespaces ? {} : { namespace: cluster.namespace }) }
  const [pools, nodes, autoscalers] = [
    informer(cluster.pools, options),
    informer(cluster.nodes, options),
    informer(cluster.autoscalers, options),
  ]
  const caches = [pools, nodes, autoscalers]
  const ended = new AbortController()
  const running = caches.map(cache => cache.run(ended.signal))
  let changed = Promise.withResolvers<void>()
  for (const cache of caches) cache.onChange(() => changed.resolve())
  terminal.write(ENTER)
  try {
    await Promise.all(caches.map(cache => cache.whenSynced(terminal.quits)))
    while (!terminal.quits.aborted) {
      changed = Promise.withResolvers()
      const fleet = { pools: [...pools.list()], nodes: [...nodes.list()], autoscalers: [...autoscalers.list()] }
      const { rows, columns: width } = terminal.size()
      const text = topText(topOf(only(fleet, pool), sorting, cluster.now()), {
        paint: inColour,
        height: rows - 2,
        withNamespace: allNamespaces,
      })
      const footer = styleText('dim', `${new Date(cluster.now()).toISOString().slice(11, 19)} UTC · Ctrl-C or q ends`)
      const lines = [...text, '', footer].map(line => cutTo(width, line))
      terminal.write(HOME + lines.map(line => line + CLEAR_LINE).join('\r\n') + CLEAR_BELOW)
      await clock.sleep(GATHER_MS, terminal.quits)
      await Promise.race([changed.promise, clock.sleep(DRAW_EVERY_MS - GATHER_MS, terminal.quits)])
    }
  } catch (error) {
    if (!terminal.quits.aborted) throw error
  } finally {
    terminal.write(LEAVE)
    ended.abort()
    await Promise.all(running)
  }
}

/** Lines that wrap would push others off the screen. Codes of colours take no room. */
export function cutTo(width: number, line: string): string {
  let room = width
  let cut = ''
  for (const part of line.split(COLOUR)) {
    if (part.startsWith(ESCAPE)) {
      cut += part
      continue
    }
    cut += part.slice(0, room)
    room = Math.max(0, room - part.length)
  }
  return cut
}
