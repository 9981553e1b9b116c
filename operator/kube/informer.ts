// A cache of one kind that keeps itself true: list, watch, and begin again after whatever goes wrong. Controllers read it
// and are told of changes; they never read the API server for what an informer holds.
import type { Clock, Monotonic } from '../ambient/clock.ts'
import type { Random } from '../ambient/random.ts'
import { type KubeObject, keyOf } from '../api/meta.ts'
import type { Logger } from '../telemetry/log.ts'
import { backoff } from './backoff.ts'
import type { ChangeListener, Informer, ListenerContext, Progress, Range } from './cache.ts'
import { ApiError, isForbidden, isFromTheFuture, isGone, TransportError } from './errors.ts'
import type { KubeMetrics } from './metrics.ts'
import type { ResourceClient, Selection } from './resource.ts'
import { compareVersions } from './resource-version.ts'
import { type Change, type Indexes, store } from './store.ts'
import { united } from './united.ts'

export interface InformerOptions<T> extends Selection {
  /** Each is listed and watched by itself, and the whole cluster never. Default: as `namespace`. */
  namespaces?: readonly string[] | undefined
  indexes?: Indexes<T>
  /** Leaves out what nobody reads, to save memory. Must keep metadata. */
  keep?: (object: T) => T
  /** What metrics and logs call it, where there are several of one kind. Default: the kind. */
  name?: string
  clock: Clock
  random: Random
  log: Logger
  metrics: KubeMetrics
}

const PAGE_SIZE = 500
const LIST_DEADLINE_MS = 60_000
/** Bookmarks come about each minute, so two minutes of silence mean that nobody is there. */
const SILENCE_MS = 125_000
const WATCH_SECONDS = { from: 290, to: 580 }
/** Where no bookmarks come, the end of the watch is the sign of life. */
const WATCH_SECONDS_WITHOUT_BOOKMARKS = { from: 90, to: 115 }
/** After so many failed watches in a row, even errors that say nothing about the version make us list again. */
const FAILURES_BEFORE_RELIST = 5

export function informer<T extends KubeObject>(
  client: ResourceClient<T>,
  { namespaces, ...options }: InformerOptions<T>,
): Informer<T> {
  const { metrics } = options
  const kind = options.name ?? client.type.kind
  const all =
    namespaces === undefined
      ? rangeInformer(client, options)
      : united(new Map(namespaces.map(namespace => [namespace, rangeInformer(client, { ...options, namespace })])))
  for (const cause of ['timeout', 'expired', 'failed'])
    metrics.rtcnode_informer_watch_restarts_total.inc({ kind, cause }, 0)
  metrics.rtcnode_informer_stale_seconds.follow({ kind }, () => Math.min(all.staleForMs(), 1e9) / 1_000)
  metrics.rtcnode_informer_objects.follow({ kind }, () => all.size)
  return all
}

function rangeInformer<T extends KubeObject>(
  client: ResourceClient<T>,
  options: Omit<InformerOptions<T>, 'namespaces'>,
): Informer<T> {
  const { namespace, labelSelector, fieldSelector, clock, random, metrics } = options
  const kind = options.name ?? client.type.kind
  const log = options.log.child({ kind, ...(namespace !== undefined && { namespace }) })
  const selection: Selection = {
    ...(namespace !== undefined && { namespace }),
    ...(labelSelector !== undefined && { labelSelector }),
    ...(fieldSelector !== undefined && { fieldSelector }),
  }
  const held = store<T>(options)
  const listeners = new Set<ChangeListener<T>>()
  const firstList = Promise.withResolvers<void>()
  const progress: Progress = { resourceVersion: '', listBegun: 0, listCompleted: 0 }
  const range: Range = {
    get synced() {
      return progress.listCompleted > 0
    },
    get progress() {
      return { ...progress }
    },
  }
  let forbidden = false
  let heardAt: Monotonic | undefined

  const staleForMs = (): number => (heardAt === undefined ? Number.POSITIVE_INFINITY : clock.monotonic() - heardAt)

  function tell(listener: ChangeListener<T>, change: Change<T>, context: ListenerContext): void {
    try {
      listener(change, context)
    } catch (error) {
      log.error('a listener to changes failed', { error, key: change.key })
    }
  }

  function announce(changes: readonly Change<T>[], context: ListenerContext = { initial: false }): void {
    for (const change of changes) for (const listener of listeners) tell(listener, change, context)
  }

  /** All pages first, then one swap: readers see the old world or the new one, never a mixture. */
  async function list(signal: AbortSignal): Promise<void> {
    const number = ++progress.listBegun
    const objects: T[] = []
    let page = await listPage(undefined, signal)
    objects.push(...page.items)
    while (page.continue !== undefined) {
      page = await listPage(page.continue, signal)
      objects.push(...page.items)
    }
    const isFirst = progress.listCompleted === 0
    const changes = held.replaceAll(objects)
    progress.resourceVersion = page.resourceVersion
    progress.listCompleted = number
    forbidden = false
    heardAt = clock.monotonic()
    metrics.rtcnode_informer_lists_total.inc({ kind, result: 'success' })
    announce(changes, { initial: isFirst })
    firstList.resolve()
  }

  function listPage(token: string | undefined, signal: AbortSignal) {
    const next = token === undefined ? {} : { continue: token }
    return client.list({ ...selection, ...next, limit: PAGE_SIZE, signal, deadlineMs: LIST_DEADLINE_MS })
  }

  /** One watch, from the newest version on. Returns when the server ended it in good order. */
  async function watch(signal: AbortSignal): Promise<void> {
    const silence = new AbortController()
    let lastHeard = clock.monotonic()
    let cancel = (): void => {}
    const listen = (inMs: number): void => {
      cancel = clock.after(inMs, () => {
        const quietMs = clock.monotonic() - lastHeard
        if (quietMs < SILENCE_MS) return listen(SILENCE_MS - quietMs)
        silence.abort(new TransportError('SILENT', `nothing heard for ${Math.round(quietMs / 1_000)} s`))
      })
    }
    listen(SILENCE_MS)
    const { from, to } = client.type.withoutBookmarks ? WATCH_SECONDS_WITHOUT_BOOKMARKS : WATCH_SECONDS
    const timeoutSeconds = Math.round(from + random.next() * (to - from))
    try {
      const events = client.watch({
        ...selection,
        resourceVersion: progress.resourceVersion,
        timeoutSeconds,
        allowWatchBookmarks: true,
        signal: AbortSignal.any([signal, silence.signal]),
      })
      for await (const event of events) {
        heardAt = lastHeard = clock.monotonic()
        if (event.type === 'BOOKMARK') progress.resourceVersion = event.resourceVersion
        else take(event)
      }
      heardAt = clock.monotonic()
    } finally {
      cancel()
    }
  }

  function take({ type, object }: { type: 'ADDED' | 'MODIFIED' | 'DELETED'; object: T }): void {
    const { resourceVersion } = object.metadata
    const order = compareVersions(resourceVersion, progress.resourceVersion)
    // Within one watch versions only grow; a repeated or late event could bring a deleted object back.
    if (order !== undefined && order <= 0) return
    progress.resourceVersion = resourceVersion
    announce(type === 'DELETED' ? held.remove(object) : held.upsert(object))
  }

  async function run(signal: AbortSignal): Promise<void> {
    const wait = backoff({ firstMs: 800, maxMs: 30_000, resetAfterMs: 120_000, clock, random })
    let needsList = true
    let failedWatches = 0
    while (!signal.aborted) {
      const watchedSince = clock.monotonic()
      try {
        if (needsList) await list(signal)
        needsList = false
        await watch(signal)
        metrics.rtcnode_informer_watch_restarts_total.inc({ kind, cause: 'timeout' })
        failedWatches = 0
        // A server that ends each watch at once must not be asked in a tight loop.
        if (clock.monotonic() - watchedSince < 1_000) await clock.sleep(wait.nextMs(), signal)
      } catch (error) {
        if (signal.aborted) break
        forbidden = needsList && isForbidden(error)
        if (needsList) metrics.rtcnode_informer_lists_total.inc({ kind, result: 'error' })
        else metrics.rtcnode_informer_watch_restarts_total.inc({ kind, cause: isGone(error) ? 'expired' : 'failed' })
        failedWatches += 1
        if (isGone(error) || isFromTheFuture(error) || failedWatches >= FAILURES_BEFORE_RELIST) needsList = true
        const inMs = Math.max(wait.nextMs(), error instanceof ApiError ? (error.retryAfterSeconds ?? 0) * 1_000 : 0)
        // That a version is too old to go on from is everyday's business, above all where no bookmarks tell a newer one.
        log[isGone(error) ? 'info' : 'warn'](needsList ? 'listing again' : 'watching again', {
          error,
          inMs: Math.round(inMs),
        })
        await clock.sleep(inMs, signal).catch(() => {})
      }
    }
  }

  return {
    kind,
    get: key => held.get(key),
    list: () => held.list(),
    byIndex: (index, value) => held.byIndex(index, value),
    get size() {
      return held.size
    },
    get synced() {
      return range.synced
    },
    get forbidden() {
      return forbidden
    },
    rangeOf: () => range,
    staleForMs,
    onChange(listener) {
      for (const object of held.list()) tell(listener, { key: keyOf(object), new: object }, { initial: true })
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    run,
    whenSynced: signal => orAborted(firstList.promise, signal),
  }
}

async function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted()
  const { promise: aborted, reject } = Promise.withResolvers<never>()
  const onAbort = (): void => reject(signal.reason as Error)
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    return await Promise.race([promise, aborted])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}
