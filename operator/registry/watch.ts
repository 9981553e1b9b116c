// Keeps a listener in step with a part of the registry: all of it first, then each change, and all of it again whenever
// a change could have been missed. It never resumes a broken watch: reading all (0.1 s for 10,000 keys) needs no proof
// that history did not change underneath, and survives cuts, compaction and lost data alike. Used by fleet and agent.
import { GRPCResourceExhastedError } from 'etcd3'
import type { Clock } from '../ambient/clock.ts'
import { jittered, type Random } from '../ambient/random.ts'
import type { Logger } from '../telemetry/log.ts'
import type { RegistryConnection } from './connection.ts'
import { RegistryError } from './errors.ts'
import { MAX_VALUE_BYTES } from './parse.ts'
import { SILENT_MS } from './sight.ts'
import type { WatchAnswer, WatchedPair } from './watch-answer.ts'

export interface RegistryEntry {
  readonly key: string
  /** Cut off one byte after MAX_VALUE_BYTES: enough to refuse it, whatever its size. */
  readonly value: Uint8Array
  /** Of the key's last change. */
  readonly revision: number
  /** Undefined when the key is bound to no lease. */
  readonly leaseId?: string
}

export type RegistryChange =
  | { readonly type: 'put'; readonly entry: RegistryEntry }
  | { readonly type: 'delete'; readonly key: string; readonly revision: number }

/** Why all is read (again); the label of the resync metric. */
export const resyncCauses = [
  'start',
  'disconnected',
  'silent',
  'compacted',
  'went-backwards',
  'garbage',
  'periodic',
] as const
export type ResyncCause = (typeof resyncCauses)[number]

export interface WatchListener {
  /** All that is there now; what is not in it is gone. */
  onWhole(entries: readonly RegistryEntry[], cause: ResyncCause): void
  onChanges(changes: readonly RegistryChange[]): void
  /** The registry has answered: what was told is how it stands now. */
  onProgress?(): void
  /** It could not be read; it is tried again. */
  onFailure?(error: unknown): void
}

export interface WatchOptions {
  readonly connection: RegistryConnection
  /** Either every key that begins with `prefix`, or one `key`. */
  readonly range: { readonly prefix: string } | { readonly key: string }
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
}

const PROGRESS_EVERY_MS = 2_000
const RESYNC_EVERY_MS = 300_000
const PAGE_KEYS = 1_000

/** Runs until the signal aborts; no fault of the registry, and no throwing listener, ends it. */
export async function watchRegistry(
  options: WatchOptions,
  listener: WatchListener,
  signal: AbortSignal,
): Promise<void> {
  const { clock, random, log } = options
  const guarded = guard(listener, log)
  let cause: ResyncCause = 'start'
  let backoffMs = 0
  while (!signal.aborted) {
    try {
      const whole = await readWhole(options, signal)
      guarded.onWhole(whole.entries, cause)
      const startedAt = clock.monotonic()
      cause = await follow(options, whole, guarded, signal)
      const lived = clock.monotonic() - startedAt > SILENT_MS
      backoffMs = lived ? 0 : nextBackoff(backoffMs)
    } catch (error) {
      if (!signal.aborted) {
        log.warn('the registry cannot be read', { error, attempt: cause })
        guarded.onFailure(error)
      }
      if (cause !== 'start') cause = 'disconnected'
      backoffMs = nextBackoff(backoffMs)
    }
    if (backoffMs > 0) await clock.sleep(jittered(backoffMs, 0.3, random), signal).catch(() => undefined)
  }
}

const nextBackoff = (ms: number): number => Math.min(Math.max(ms * 2, 100), 3_000)

interface Whole {
  readonly entries: readonly RegistryEntry[]
  readonly revision: number
  readonly clusterId: string
}

/** All keys as they were at one revision, read page by page. */
async function readWhole({ connection, range }: WatchOptions, signal: AbortSignal): Promise<Whole> {
  const { first, end } = bounds(range)
  const entries: RegistryEntry[] = []
  let from = first
  let limit = PAGE_KEYS
  let at: { revision: string; clusterId: string } | undefined
  for (;;) {
    try {
      const page = await connection.range(
        { key: from, ...(end && { range_end: end }), limit, ...(at && { revision: at.revision }) },
        signal,
      )
      at ??= { revision: page.header.revision, clusterId: page.header.cluster_id }
      for (const kv of page.kvs) entries.push(toEntry(kv))
      const last = page.kvs.at(-1)
      if (!page.more || !last) return { entries, revision: Number(at.revision), clusterId: at.clusterId }
      from = Buffer.concat([last.key, Buffer.of(0)])
    } catch (error) {
      // Somebody wrote values so big that a page of them is no longer one message.
      if (limit === 1 || !isTooBig(error)) throw error
      limit = Math.ceil(limit / 8)
    }
  }
}

const isTooBig = (error: unknown): boolean =>
  error instanceof RegistryError && error.cause instanceof GRPCResourceExhastedError

/** Tells each change after `whole`; resolves with the reason why that could not go on. */
async function follow(
  { connection, range, clock, random, log }: WatchOptions,
  whole: Whole,
  listener: Required<WatchListener>,
  signal: AbortSignal,
): Promise<ResyncCause> {
  const { first, end } = bounds(range)
  const done = new AbortController()
  const stream = await connection.openWatch(AbortSignal.any([signal, done.signal]))
  const resyncAt = clock.monotonic() + jittered(RESYNC_EVERY_MS, 0.2, random)
  let heardAt = clock.monotonic()
  let newestRevision = whole.revision
  let cancelTick = (): void => undefined

  function take(answer: WatchAnswer): ResyncCause | undefined {
    // Also when this process was stopped: what waited in the socket since is old, however fresh it comes in.
    if (clock.monotonic() - heardAt > SILENT_MS) return 'silent'
    heardAt = clock.monotonic()
    const { header, compact_revision, canceled, created, events } = answer
    if (compact_revision !== '0') return 'compacted'
    if (canceled) return 'disconnected'
    if (header.cluster_id !== whole.clusterId) return 'went-backwards'
    const revision = Number(header.revision)
    if (!Number.isSafeInteger(revision)) return 'garbage'
    // The member that serves the watch may lag the one that was read, at first: only later may it be held to it.
    if (!created && revision < newestRevision) return 'went-backwards'
    newestRevision = Math.max(newestRevision, revision)
    const news: RegistryChange[] = []
    for (const { type, kv } of events) {
      if (!kv) return 'garbage'
      if (Number(kv.mod_revision) > whole.revision) news.push(toChange(type, kv))
    }
    if (news.length > 0) listener.onChanges(news)
    else if (!created) listener.onProgress()
    return undefined
  }

  try {
    return await new Promise<ResyncCause>(resolve => {
      const tick = (): void => {
        const now = clock.monotonic()
        if (now - heardAt > SILENT_MS) return resolve('silent')
        if (now > resyncAt) return resolve('periodic')
        stream.write({ progress_request: {} })
        cancelTick = clock.after(PROGRESS_EVERY_MS, tick)
      }
      stream
        .on('data', answer => {
          const broken = take(answer)
          if (broken) resolve(broken)
        })
        .on('error', error => {
          if (!signal.aborted) log.warn('the watch on the registry broke', { error })
          resolve('disconnected')
        })
        .on('end', () => resolve('disconnected'))
      stream.write({
        create_request: {
          key: first,
          ...(end && { range_end: end }),
          // Not one later: to a watch that begins in the future etcd reports no progress until something is written, and
          // a registry in which nothing happens would look dead.
          start_revision: whole.revision,
          fragment: true,
        },
      })
      cancelTick = clock.after(PROGRESS_EVERY_MS, tick)
    })
  } finally {
    cancelTick()
    done.abort()
  }
}

function bounds(range: WatchOptions['range']): { first: Buffer; end?: Buffer } {
  if ('key' in range) return { first: Buffer.from(range.key) }
  const first = Buffer.from(range.prefix)
  // Every key that begins with the prefix sorts before the prefix with its last byte raised; no prefix of ours ends in 0xff.
  const end = Buffer.from(first)
  end[end.length - 1] = (end.at(-1) ?? 0) + 1
  return { first, end }
}

const toChange = (type: string, kv: WatchedPair): RegistryChange =>
  type.toLowerCase() === 'delete'
    ? { type: 'delete', key: kv.key.toString(), revision: Number(kv.mod_revision) }
    : { type: 'put', entry: toEntry(kv) }

const toEntry = ({ key, value, mod_revision, lease }: WatchedPair): RegistryEntry => ({
  key: key.toString(),
  value: value.length > MAX_VALUE_BYTES ? Buffer.from(value.subarray(0, MAX_VALUE_BYTES + 1)) : value,
  revision: Number(mod_revision),
  ...(lease !== '0' && { leaseId: lease }),
})

/** A listener that throws is a mistake of ours; it must not cost the rest of the batch, nor the watch. */
function guard(listener: WatchListener, log: Logger): Required<WatchListener> {
  const guarded =
    <Args extends unknown[]>(tell: (...args: Args) => void) =>
    (...args: Args): void => {
      try {
        tell(...args)
      } catch (error) {
        log.error('a listener of the registry failed', { error })
      }
    }
  return {
    onWhole: guarded((entries, cause) => listener.onWhole(entries, cause)),
    onChanges: guarded(changes => listener.onChanges(changes)),
    onProgress: guarded(() => listener.onProgress?.()),
    onFailure: guarded(error => listener.onFailure?.(error)),
  }
}
