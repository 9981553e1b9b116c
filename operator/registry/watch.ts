// Keeps a listener in step with a part of the registry: all of it first, then each change, and all of it again whenever
// a change could have been missed. It never resumes a broken watch: reading all (0.1 s for 10,000 keys) needs no proof
// that history did not change underneath, and survives cuts, compaction and lost data alike. Used by fleet and agent.
import { GRPCResourceExhastedError } from 'etcd3'
import type { Clock, Monotonic } from '../ambient/clock.ts'
import { jittered, type Random } from '../ambient/random.ts'
import type { Logger } from '../telemetry/log.ts'
import { type RegistryChange, type RegistryEntry, toEntry } from './change.ts'
import type { RegistryConnection } from './connection.ts'
import { RegistryError } from './errors.ts'
import { SILENT_MS } from './sight.ts'
import type { WatchAnswer } from './watch-answer.ts'
import { type KeyRange, type ReadAt, type ResyncCause, watchCourse } from './watch-course.ts'

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
/** Told more than this, the rest is asked for anew: 500 a second. */
const RUSH_PER_MS = 0.5
/** For so long changes are counted: less than etcd takes to bring a watch up to date, so that a rush goes from answer to answer. */
const COUNT_MS = 80

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

interface Whole extends ReadAt {
  readonly entries: readonly RegistryEntry[]
}

/** All keys as they were at one revision, read page by page. */
async function readWhole({ connection, range }: WatchOptions, signal: AbortSignal): Promise<Whole> {
  const { key, ...end } = bounds(range)
  let from = key
  const entries: RegistryEntry[] = []
  let limit = PAGE_KEYS
  let at: { revision: string; clusterId: string } | undefined
  for (;;) {
    try {
      const page = await connection.range({ key: from, ...end, limit, ...(at && { revision: at.revision }) }, signal)
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

/**
 * Tells each change after `whole`; resolves with the reason why that could not go on.
 *
 * etcd tells a watch that is in step each write by itself, and a watch that is behind all it has missed in one answer, ten
 * times a second (watchResyncPeriod). Waking up for each heartbeat of a large fleet costs more than reading it. So when much
 * is told the watch is given up and asked for again from where it was, which puts it behind: then comes one answer for all
 * that was written meanwhile, some 0.1 s late. See docs/decisions/0022.
 */
async function follow(
  { connection, range, clock, random, log }: WatchOptions,
  whole: Whole,
  listener: Required<WatchListener>,
  signal: AbortSignal,
): Promise<ResyncCause> {
  const done = new AbortController()
  const stream = await connection.openWatch(AbortSignal.any([signal, done.signal]))
  const course = watchCourse(bounds(range), whole)
  const isRush = rushes(clock.monotonic())
  const resyncAt = clock.monotonic() + jittered(RESYNC_EVERY_MS, 0.2, random)
  let heardAt = clock.monotonic()
  let cancelTick = (): void => undefined

  const ask = (): void => {
    for (const request of course.ask()) stream.write(request)
  }

  function take(answer: WatchAnswer): ResyncCause | undefined {
    // Also when this process was stopped: what waited in the socket since is old, however fresh it comes in.
    if (clock.monotonic() - heardAt > SILENT_MS) return 'silent'
    heardAt = clock.monotonic()
    const heard = course.take(answer)
    if (typeof heard === 'string') return heard
    if (heard.changes.length > 0) listener.onChanges(heard.changes)
    else if (heard.isAll) listener.onProgress()
    // Not within an answer: a watch from there would not tell the rest of it.
    if (isRush(heard.changes.length, heardAt) && heard.isAll) ask()
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
      ask()
      cancelTick = clock.after(PROGRESS_EVERY_MS, tick)
    })
  } finally {
    cancelTick()
    done.abort()
  }
}

/** Tells now and then, at an answer, whether so many changes came since it last did that they are a rush. */
function rushes(since: Monotonic): (changes: number, now: Monotonic) => boolean {
  let told = 0
  return (changes, now) => {
    told += changes
    const countedMs = now - since
    if (countedMs < COUNT_MS) return false
    const isRush = told > RUSH_PER_MS * countedMs
    told = 0
    since = now
    return isRush
  }
}

function bounds(range: WatchOptions['range']): KeyRange {
  if ('key' in range) return { key: Buffer.from(range.key) }
  const key = Buffer.from(range.prefix)
  // Every key that begins with the prefix sorts before the prefix with its last byte raised; no prefix of ours ends in 0xff.
  const end = Buffer.from(key)
  end[end.length - 1] = (end.at(-1) ?? 0) + 1
  return { key, range_end: end }
}

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
