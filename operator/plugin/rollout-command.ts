// `kubectl rtc rollout status|history|undo|unpin`: reads pool and records, lets rollout.ts judge, and writes the pin.
import { stringify } from 'yaml'
import { keyOf } from '../api/meta.ts'
import type { RTCNodePool } from '../api/rtcnodepool.ts'
import { informer } from '../kube/informer.ts'
import { all, type Cluster, named, ownedBy } from './cluster.ts'
import { columns } from './columns.ts'
import { type ExitCode, FINE, FOUND, NotPossibleError } from './errors.ts'
import { answer, type Output } from './output.ts'
import { type HistoryRow, historyOf, type Progress, progressOf, undoOf } from './rollout.ts'
import { ago } from './words.ts'

export async function history(
  cluster: Cluster,
  output: Output,
  name: string,
  revision: number | undefined,
): Promise<ExitCode> {
  const pool = await named(cluster.pools, name, cluster.namespace)
  const rows = await rowsOf(cluster, pool)
  if (revision === undefined) {
    answer(output, { pool: name, revisions: rows }, () => historyText(rows, cluster))
    return FINE
  }
  const row = rows.find(it => it.revision === revision)
  if (row === undefined) {
    const there = rows.map(it => it.revision).join(', ')
    throw new NotPossibleError(`pool ${name} has no revision ${revision}`, `there are: ${there || 'none yet'}`)
  }
  answer(output, row, () => [`# revision ${revision} of pool ${name}, ${row.name}`, stringify(row.template).trimEnd()])
  return FINE
}

async function rowsOf({ revisions, nodes, namespace }: Cluster, pool: RTCNodePool): Promise<HistoryRow[]> {
  const [records, members] = await Promise.all([all(revisions, { namespace }), all(nodes, { namespace })])
  return historyOf(pool, ownedBy(pool, records), ownedBy(pool, members))
}

function historyText(rows: readonly HistoryRow[], cluster: Cluster): string[] {
  if (rows.length === 0) return ['no revision is recorded yet']
  const head = ['REVISION', 'RECORDED', 'NODES', 'IS', 'CHANGE']
  const lines = rows.map(({ revision, recordedAt, nodes, is, changes }) => [
    String(revision),
    ago(recordedAt, cluster.now()),
    String(nodes),
    is.join(', '),
    changes.join('; '),
  ])
  return columns([head, ...lines], ['right', 'left', 'right', 'left', 'left'])
}

export async function undo(cluster: Cluster, output: Output, name: string, to: number | undefined): Promise<ExitCode> {
  const pool = await named(cluster.pools, name, cluster.namespace)
  const undoing = undoOf(pool, await rowsOf(cluster, pool), to)
  if (undoing.do === 'pin') await pin(cluster, pool, undoing.revision)
  answer(output, { pool: name, ...undoing }, () => [
    undoing.says,
    ...(undoing.do === 'refuse' ? [`  → ${undoing.remedy}`] : []),
  ])
  return undoing.do === 'refuse' ? FOUND : FINE
}

export async function unpin(cluster: Cluster, output: Output, name: string): Promise<ExitCode> {
  const pool = await named(cluster.pools, name, cluster.namespace)
  const { pinnedRevision } = pool.spec.strategy
  if (pinnedRevision !== undefined) await pin(cluster, pool, null)
  const says =
    pinnedRevision === undefined
      ? `pool ${name} is not pinned: nodes are made from spec.template`
      : `pool ${name} is no longer pinned to revision ${pinnedRevision}: nodes are made from spec.template, what differs rolls out`
  answer(output, { pool: name, do: pinnedRevision === undefined ? 'nothing' : 'unpin', says }, () => [says])
  return FINE
}

/** Of this life of the pool; whatever else changed meanwhile does not matter. */
const pin = ({ pools }: Cluster, pool: RTCNodePool, pinnedRevision: number | null): Promise<RTCNodePool> =>
  pools.mergePatch(keyOf(pool), { metadata: { uid: pool.metadata.uid }, spec: { strategy: { pinnedRevision } } })

export interface Patience {
  /** False: one look. */
  readonly watch: boolean
  readonly timeoutMs: number
}

/** Prints each change until the roll-out is complete, held or stuck, or until time is up. */
export async function status(
  cluster: Cluster,
  output: Output,
  name: string,
  { watch, timeoutMs }: Patience,
): Promise<ExitCode> {
  const pool = await named(cluster.pools, name, cluster.namespace)
  const tell = ({ says }: Progress): void => {
    if (output.format === 'text') output.print(says)
  }
  let progress = progressOf(pool)
  tell(progress)
  if (watch && progress.state === 'under-way') progress = await untilSettled(cluster, pool, timeoutMs, tell)
  const timedOut = watch && progress.state === 'under-way'
  answer(output, { pool: name, ...progress, timedOut }, () => [
    ...(timedOut ? [`not complete within ${timeoutMs / 1_000} s; it goes on`] : []),
    ...(progress.remedy === undefined ? [] : [`  → ${progress.remedy}`]),
  ])
  return progress.state === 'complete' ? FINE : FOUND
}

/** Resolves with what it came to, or with where it was when time is up. */
async function untilSettled(
  { pools, namespace, clock, ambient }: Cluster,
  pool: RTCNodePool,
  timeoutMs: number,
  onChange: (progress: Progress) => void,
): Promise<Progress> {
  const settled = new AbortController()
  const cache = informer(pools, { ...ambient, namespace, fieldSelector: `metadata.name=${pool.metadata.name}` })
  let last = progressOf(pool)
  cache.onChange(({ new: now }) => {
    const next: Progress =
      now === undefined ? { state: 'stuck', says: 'the pool was deleted meanwhile' } : progressOf(now)
    if (next.says === last.says && next.state === last.state) return
    last = next
    onChange(next)
    if (next.state !== 'under-way') settled.abort()
  })
  const watching = cache.run(settled.signal)
  await clock.sleep(timeoutMs, settled.signal).catch(() => {})
  settled.abort()
  await watching
  return last
}
