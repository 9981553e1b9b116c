// The work queue of a controller: keys, never events. A key waits in it once however often it is added, and is never in
// the hands of two workers. What a worker then does is decided by the newest state, so a lost duplicate loses nothing.
import type { Clock, Monotonic } from '../ambient/clock.ts'
import { jittered, type Random } from '../ambient/random.ts'
import type { KubeMetrics } from './metrics.ts'

/**
 * `urgent` and `normal` take turns: however many there are of one, the other goes on. `low`, after both: one of very many that
 * nobody waits for, such as the objects of the first list.
 */
export type Priority = 'urgent' | 'normal' | 'low'

export interface WorkQueue<K extends string> {
  /**
   * Ready now, by default as urgent as the key is. A key in progress comes once more when it is done; a later time asked for
   * before is dropped.
   */
  add(key: K, priority?: Priority): void
  /** Ready after `ms`, unless it is ready, or due, earlier. */
  addAfter(key: K, ms: number): void
  /** Ready after a wait that doubles with each call for this key, 5 ms to 60 s. Returns the wait. */
  retry(key: K): number
  /** The key succeeded: its next failure counts as the first. */
  forget(key: K): void
  /** The next key, waited for. Undefined once the signal aborts. The caller must call `done` with it. */
  next(signal: AbortSignal): Promise<K | undefined>
  done(key: K): void
  /** Keys ready and waiting for a worker. */
  readonly depth: number
  /** Keys in the hands of workers. */
  readonly inProgress: number
  /** Takes nothing more and forgets what is due later. */
  close(): void
}

export interface WorkQueueOptions<K> {
  name: string
  /** Asked whenever a key becomes ready. Default: none is. */
  isUrgent?: ((key: K) => boolean) | undefined
  clock: Clock
  random: Random
  metrics: KubeMetrics
}

const FIRST_RETRY_MS = 5
const MAX_RETRY_MS = 60_000
const RETRY_JITTER = 0.2
const RANK: Readonly<Record<Priority, number>> = { urgent: 2, normal: 1, low: 0 }
/** Two turns. */
const URGENT_FIRST = ['urgent', 'normal', 'low'] as const
const URGENT_NEXT = ['normal', 'urgent', 'low'] as const

interface Waiter<K> {
  give(key: K | undefined): void
}

export function workQueue<K extends string>(options: WorkQueueOptions<K>): WorkQueue<K> {
  const { name, isUrgent = () => false, clock, random, metrics } = options
  // A key is ready, in progress (perhaps to come again), due later, or unknown. `ready` and `due` exclude each other.
  const ready: Record<Priority, Map<K, Monotonic>> = { urgent: new Map(), normal: new Map(), low: new Map() }
  const inProgress = new Map<K, { since: Monotonic; again?: Priority }>()
  const due = new Map<K, { at: Monotonic; cancel: () => void }>()
  const failures = new Map<K, number>()
  const waiters = new Set<Waiter<K>>()
  let closed = false
  let turn: readonly Priority[] = URGENT_FIRST

  const depth = (): number => ready.urgent.size + ready.normal.size + ready.low.size
  const priorityOf = (key: K): Priority | undefined => URGENT_FIRST.find(priority => ready[priority].has(key))
  const secondsSince = (at: Monotonic): number => (clock.monotonic() - at) / 1_000

  function add(key: K, priority: Priority = isUrgent(key) ? 'urgent' : 'normal'): void {
    if (closed) return
    unschedule(key)
    const working = inProgress.get(key)
    if (working) {
      if (working.again === undefined || RANK[priority] > RANK[working.again]) working.again = priority
      return
    }
    const before = priorityOf(key)
    if (before !== undefined && RANK[priority] <= RANK[before]) return
    const since = before === undefined ? clock.monotonic() : ready[before].get(key)
    if (before === undefined) metrics.workqueue_adds_total.inc({ name })
    else ready[before].delete(key)
    ready[priority].set(key, since ?? clock.monotonic())
    serve()
  }

  function unschedule(key: K): void {
    due.get(key)?.cancel()
    due.delete(key)
  }

  function addAfter(key: K, ms: number): void {
    if (ms <= 0) return add(key)
    const at = (clock.monotonic() + ms) as Monotonic
    const isEarlierAnyway =
      priorityOf(key) !== undefined || inProgress.get(key)?.again || (due.get(key)?.at ?? Infinity) <= at
    if (closed || isEarlierAnyway) return
    unschedule(key)
    const cancel = clock.after(ms, () => {
      due.delete(key)
      add(key)
    })
    due.set(key, { at, cancel })
  }

  /** Hands ready keys to waiting workers. */
  function serve(): void {
    for (const waiter of waiters) {
      const key = take()
      if (key === undefined) return
      waiters.delete(waiter)
      waiter.give(key)
    }
  }

  function take(): K | undefined {
    for (const priority of turn) {
      for (const [key, since] of ready[priority]) {
        ready[priority].delete(key)
        turn = priority === 'urgent' ? URGENT_NEXT : URGENT_FIRST
        inProgress.set(key, { since: clock.monotonic() })
        metrics.workqueue_queue_duration_seconds.observe({ name }, secondsSince(since))
        return key
      }
    }
    return undefined
  }

  function next(signal: AbortSignal): Promise<K | undefined> {
    if (signal.aborted) return Promise.resolve(undefined)
    const key = take()
    if (key !== undefined) return Promise.resolve(key)
    return new Promise(resolve => {
      const onAbort = (): void => {
        waiters.delete(waiter)
        resolve(undefined)
      }
      const waiter: Waiter<K> = {
        give: given => {
          signal.removeEventListener('abort', onAbort)
          resolve(given)
        },
      }
      signal.addEventListener('abort', onAbort, { once: true })
      waiters.add(waiter)
    })
  }

  const startTimes = (): Monotonic[] => [...inProgress.values()].map(it => it.since)
  metrics.workqueue_depth.follow({ name }, depth)
  metrics.workqueue_unfinished_work_seconds.follow({ name }, () =>
    startTimes().reduce((sum, since) => sum + secondsSince(since), 0),
  )
  metrics.workqueue_longest_running_processor_seconds.follow({ name }, () =>
    Math.max(0, ...startTimes().map(secondsSince)),
  )
  metrics.workqueue_adds_total.inc({ name }, 0)
  metrics.workqueue_retries_total.inc({ name }, 0)

  return {
    add,
    addAfter,
    retry(key) {
      const before = failures.get(key) ?? 0
      failures.set(key, before + 1)
      metrics.workqueue_retries_total.inc({ name })
      const ms = Math.min(MAX_RETRY_MS, jittered(FIRST_RETRY_MS * 2 ** Math.min(before, 30), RETRY_JITTER, random))
      addAfter(key, ms)
      return ms
    },
    forget: key => void failures.delete(key),
    next,
    done(key) {
      const finished = inProgress.get(key)
      if (!finished) return
      inProgress.delete(key)
      metrics.workqueue_work_duration_seconds.observe({ name }, secondsSince(finished.since))
      if (finished.again) add(key, finished.again)
    },
    get depth() {
      return depth()
    },
    get inProgress() {
      return inProgress.size
    },
    close() {
      closed = true
      for (const { cancel } of due.values()) cancel()
      due.clear()
    },
  }
}
