// Runs one controller: changes become keys, keys become reconciles, failures come back later. What a reconcile does is the
// controller's own business; that it runs once a key at a time, with caught-up caches and only on the leader, is ours.
import type { Clock } from '../ambient/clock.ts'
import type { Random } from '../ambient/random.ts'
import { type ObjectKey, splitKey } from '../api/meta.ts'
import type { LogFields, Logger } from '../telemetry/log.ts'
import { type Note, noTraces, type ReconcileSubject, type Traces } from '../telemetry/traces.ts'
import { type Cache, isSynced } from './cache.ts'
import { boundedBy } from './deadline.ts'
import { isConflict, NotLeaderError } from './errors.ts'
import type { KubeMetrics } from './metrics.ts'
import { type WorkQueue, workQueue } from './queue.ts'
import type { Change } from './store.ts'

export type Enqueue = (key: ObjectKey, afterMs?: number) => void

/** Where keys come from: a cache, or anything else that knows when a key deserves a look. */
export interface Watch {
  subscribe(enqueue: Enqueue, enqueueInitial: Enqueue): () => void
  /** Reconciles wait until it is; that of a key, until it is for the key's namespace too. Default: always ready. */
  ready?(key?: ObjectKey): boolean
}

/** Changes of a cache as a source; `keysOf` says whose business a change is. */
export const watchCache = <T>(cache: Cache<T>, keysOf: (change: Change<T>) => Iterable<ObjectKey>): Watch => ({
  subscribe: (enqueue, enqueueInitial) =>
    cache.onChange((change, { initial }) => {
      for (const key of keysOf(change)) (initial ? enqueueInitial : enqueue)(key)
    }),
  ready: key => isSynced(cache, key),
})

/** As `watch`, but each change waits a little, so that what comes together is looked at together. */
export const gathered = (watch: Watch, patienceMs: (key: ObjectKey) => number): Watch => ({
  ...watch,
  subscribe: (enqueue, enqueueInitial) => watch.subscribe(key => enqueue(key, patienceMs(key)), enqueueInitial),
})

export interface ReconcileContext {
  /** Carries controller, namespace, name and reconcileID. */
  log: Logger
  reconcileId: string
  /** For the span of this reconcile: what was decided, and why. */
  note: Note
  /** Aborts when the process ends and the reconcile had its time. */
  signal: AbortSignal
}

export interface ReconcileResult {
  /** Look again after so long even if nothing changes. */
  lookAgainMs?: number
}

/** What a controller is; the rest of its options is the same for all of them. */
export type ControllerSpec = Omit<ControllerOptions, 'mayWrite' | 'clock' | 'random' | 'log' | 'metrics' | 'traces'>

export interface ControllerOptions {
  name: string
  workers: number
  watches: readonly Watch[]
  /** Throwing means "again, later and later". Returning means done, whatever was done. */
  reconcile(key: ObjectKey, context: ReconcileContext): Promise<ReconcileResult | undefined>
  /** Leadership. Until it holds, keys wait; caches stay warm. */
  mayWrite(): boolean
  /** Keys that hundreds of others must not delay: they take turns with those. Default: none. */
  isUrgent?(key: ObjectKey): boolean
  /** More about the object for every log line of its reconcile, such as its UID. */
  logFields?(key: ObjectKey): LogFields
  /** The caches show this controller's own last writes about the key; see expectations.ts. Default: always. */
  caughtUp?(key: ObjectKey): boolean
  clock: Clock
  random: Random
  log: Logger
  metrics: KubeMetrics
  /** Default: none. */
  traces?: Traces
}

export interface Controller {
  readonly name: string
  /** Works until the signal aborts, then lets reconciles under way end for up to 5 s. */
  run(signal: AbortSignal): Promise<void>
}

/** Caches tell by themselves when they have caught up; this is for the day they do not. */
export const CATCH_UP_MS = 1_000
export const whenCaughtUp: ReconcileResult = { lookAgainMs: CATCH_UP_MS }

const DRAIN_MS = 5_000
const GATE_POLL_MS = 50
/** The event that we wait for adds the key anyway; this is for the case that it never comes. */
const CATCH_UP_POLL_MS = 500

export function runController(options: ControllerOptions): Controller {
  const { name, clock, random, metrics, watches, traces = noTraces } = options
  const log = options.log.child({ controller: name })

  const isReady = (key?: ObjectKey): boolean => watches.every(it => it.ready?.(key) ?? true)
  const mayWork = (): boolean => options.mayWrite() && isReady()

  async function work(queue: WorkQueue<ObjectKey>, stop: AbortSignal, abandon: AbortSignal): Promise<void> {
    while (!stop.aborted) {
      if (!mayWork()) {
        await clock.sleep(GATE_POLL_MS, stop).catch(() => {})
        continue
      }
      const key = await queue.next(stop)
      if (key === undefined) return
      // Leadership may have ended while this worker waited for a key.
      if (!mayWork()) queue.addAfter(key, GATE_POLL_MS)
      else if (!isReady(key) || options.caughtUp?.(key) === false) queue.addAfter(key, CATCH_UP_POLL_MS)
      else await reconcile(queue, key, abandon)
      queue.done(key)
    }
  }

  async function reconcile(queue: WorkQueue<ObjectKey>, key: ObjectKey, signal: AbortSignal): Promise<void> {
    const reconcileId = random.uuid()
    const about = { ...splitKey(key), ...options.logFields?.(key) }
    const itsLog = log.child({ ...about, reconcileID: reconcileId })
    const startedAt = clock.monotonic()
    activeWorkers += 1
    try {
      const result = await traces.reconcile(subjectOf(about, reconcileId), async note => {
        const itsResult = await options.reconcile(key, { log: itsLog, reconcileId, note, signal })
        note({ 'rtcnode.result': resultOf(itsResult) })
        return itsResult
      })
      queue.forget(key)
      if (result?.lookAgainMs !== undefined) queue.addAfter(key, result.lookAgainMs)
      count(resultOf(result))
    } catch (error) {
      if (signal.aborted) return
      if (error instanceof NotLeaderError) return queue.addAfter(key, GATE_POLL_MS)
      const againInMs = Math.round(queue.retry(key))
      count('error')
      metrics.controller_runtime_reconcile_errors_total.inc({ controller: name })
      // A lost race is everyday life: the fresh object is on its way here.
      if (isConflict(error)) itsLog.debug('conflict, again with the fresh object', { againInMs })
      else itsLog.error('reconcile failed', { error, againInMs })
    } finally {
      activeWorkers -= 1
      const seconds = (clock.monotonic() - startedAt) / 1_000
      metrics.controller_runtime_reconcile_time_seconds.observe({ controller: name }, seconds)
    }
  }

  const subjectOf = (about: LogFields, id: string): ReconcileSubject => ({
    name: `reconcile ${name}`,
    id,
    attributes: {
      'rtcnode.controller': name,
      'rtcnode.reconcile.id': id,
      ...Object.fromEntries(
        Object.entries(about).map(([field, value]) => [`rtcnode.object.${field}`, value as string | undefined]),
      ),
    },
  })

  const count = (result: string, by = 1): void =>
    metrics.controller_runtime_reconcile_total.inc({ controller: name, result }, by)

  let activeWorkers = 0
  for (const result of ['success', 'requeue_after', 'error']) count(result, 0)
  metrics.controller_runtime_reconcile_errors_total.inc({ controller: name }, 0)
  metrics.controller_runtime_max_concurrent_reconciles.set({ controller: name }, options.workers)
  metrics.controller_runtime_active_workers.follow({ controller: name }, () => activeWorkers)

  return {
    name,
    async run(signal) {
      const queue = workQueue<ObjectKey>({ name, isUrgent: options.isUrgent, clock, random, metrics })
      const enqueue: Enqueue = (key, afterMs = 0) => queue.addAfter(key, afterMs)
      const enqueueInitial: Enqueue = key => queue.add(key, 'low')
      const unsubscribes = watches.map(it => it.subscribe(enqueue, enqueueInitial))
      const abandon = new AbortController()
      const workers = Promise.all(Array.from({ length: options.workers }, () => work(queue, signal, abandon.signal)))
      await aborted(signal)
      for (const unsubscribe of unsubscribes) unsubscribe()
      queue.close()
      const tooLate = (): Error => new Error(`controller ${name}: reconciles did not end within ${DRAIN_MS} ms`)
      await boundedBy({ ms: DRAIN_MS, reason: tooLate, clock }, () => workers).catch((error: unknown) => {
        log.warn('reconciles under way were abandoned', { error })
        abandon.abort(error)
      })
    },
  }
}

const resultOf = (result: ReconcileResult | undefined): string =>
  result?.lookAgainMs === undefined ? 'success' : 'requeue_after'

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise(resolve => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
