// Kubernetes events about objects, for people who run `kubectl describe`. Fire and forget: a reconcile never waits for one
// and never fails because of one. Repeats become a series on one Event instead of many Events.
import type { Clock, Monotonic } from '../ambient/clock.ts'
import type { Random } from '../ambient/random.ts'
import { type KubeObject, type ObjectKey, objectKey } from '../api/meta.ts'
import type { Logger } from '../telemetry/log.ts'
import { isNotFound } from './errors.ts'
import type { KubeMetrics } from './metrics.ts'
import { toMicroTime } from './micro-time.ts'
import type { ResourceClient, ResourceType } from './resource.ts'

export interface KubeEvent extends KubeObject {
  readonly type: 'Normal' | 'Warning'
  readonly reason: string
  readonly action: string
  readonly note: string
  readonly series?: { readonly count: number; readonly lastObservedTime: string }
}

export const eventType: ResourceType<KubeEvent> = {
  apiVersion: 'events.k8s.io/v1',
  kind: 'Event',
  plural: 'events',
  namespaced: true,
}

/** Events of others in the form that all of them can be read in; who reads them says what of it. */
export const coreEventType = {
  apiVersion: 'v1',
  kind: 'Event',
  plural: 'events',
  namespaced: true,
  withoutBookmarks: true,
} as const

export interface Happening {
  type: 'Normal' | 'Warning'
  /** Why, as one CamelCase word. */
  reason: string
  /** What was done or tried, as one CamelCase word. */
  action: string
  /** A sentence for people; cut at 1,024 characters. */
  note: string
  /** A second object that has a part in it. */
  related?: KubeObject
}

export interface EventRecorder {
  record(regarding: KubeObject, happening: Happening): void
  /** Waits until what was recorded is written, but no longer than this; later records are dropped. */
  close(withinMs: number): Promise<void>
}

export interface EventRecorderOptions {
  client: ResourceClient<KubeEvent>
  /** Who reports, such as `rtcnode.io/operator`. */
  controller: string
  /** Which process of it. */
  instance: string
  clock: Clock
  random: Random
  log: Logger
  metrics: KubeMetrics
}

/** A repeat within this time continues a series, as in client-go. */
const SERIES_MS = 6 * 60_000
/** How often a running series is written again. */
const SERIES_WRITE_MS = 30_000
const BURST_PER_OBJECT = 25
const REFILL_MS = 5 * 60_000
const MAX_OBJECTS = 4_096
const MAX_WAITING = 1_000
const MAX_NOTE = 1_024

interface Series {
  key: ObjectKey
  event: object
  count: number
  writtenCount: number
  lastAt: Monotonic
  /** A write of it waits or is under way. */
  queued: boolean
}

interface Bucket {
  tokens: number
  filledAt: Monotonic
}

export function eventRecorder(options: EventRecorderOptions): EventRecorder {
  const { clock, random, metrics, log } = options
  const known = new Map<string, Series>()
  const buckets = new Map<string, Bucket>()
  const waiting: Series[] = []
  let sending: Promise<void> | undefined
  let sweepScheduled = false
  let closed = false

  function record(regarding: KubeObject, happening: Happening): void {
    if (closed) return
    const now = clock.monotonic()
    if (!takeToken(regarding.metadata.uid, now)) return drop('rate')
    const { type, reason, action, note } = happening
    const identity = JSON.stringify([regarding.metadata.uid, type, reason, action, note])
    const running = known.get(identity)
    if (running && now - running.lastAt < SERIES_MS) {
      running.count += 1
      running.lastAt = now
      // The second one is news; from then on the count is enough, now and then.
      if (running.count === 2) enqueue(running)
    } else {
      const series = begin(regarding, happening, now)
      known.set(identity, series)
      enqueue(series)
    }
    scheduleSweep()
  }

  function takeToken(uid: string, now: Monotonic): boolean {
    const bucket = buckets.get(uid) ?? { tokens: BURST_PER_OBJECT, filledAt: now }
    const refilled = Math.floor((now - bucket.filledAt) / REFILL_MS)
    const tokens = Math.min(BURST_PER_OBJECT, bucket.tokens + refilled)
    const filledAt = (bucket.filledAt + refilled * REFILL_MS) as Monotonic
    // Set anew each time, so that the first of the map is the one that was quiet for longest.
    buckets.delete(uid)
    buckets.set(uid, { tokens: Math.max(0, tokens - 1), filledAt })
    if (buckets.size > MAX_OBJECTS) forgetFirst(buckets)
    return tokens >= 1
  }

  function begin(regarding: KubeObject, happening: Happening, now: Monotonic): Series {
    const namespace = regarding.metadata.namespace ?? 'default'
    const name = `${regarding.metadata.name.slice(0, 220)}.${random.uuid().replaceAll('-', '').slice(0, 16)}`
    const { related, note, ...words } = happening
    const event = {
      apiVersion: eventType.apiVersion,
      kind: eventType.kind,
      metadata: { name, namespace },
      eventTime: toMicroTime(clock.wall()),
      reportingController: options.controller,
      reportingInstance: options.instance,
      ...words,
      note: note.length > MAX_NOTE ? `${note.slice(0, MAX_NOTE - 1)}…` : note,
      regarding: referenceTo(regarding),
      ...(related && { related: referenceTo(related) }),
    }
    return { key: objectKey(name, namespace), event, count: 1, writtenCount: 0, lastAt: now, queued: false }
  }

  function enqueue(series: Series): void {
    if (series.queued) return
    if (waiting.length >= MAX_WAITING) return drop('queue')
    series.queued = true
    waiting.push(series)
    sending ??= send().finally(() => {
      sending = undefined
    })
  }

  /** One after another: events are the least important of our calls. */
  async function send(): Promise<void> {
    for (let series = waiting.shift(); series; series = waiting.shift()) {
      series.queued = false
      await write(series).catch((error: unknown) => {
        drop('error')
        log.debug('event not written', { error })
      })
    }
  }

  async function write(series: Series): Promise<void> {
    const { count, key, event } = series
    if (count === series.writtenCount) return
    const observed = count > 1 ? { series: { count, lastObservedTime: toMicroTime(clock.wall()) } } : {}
    const isNew = series.writtenCount === 0
    series.writtenCount = count
    if (isNew) return void (await options.client.create({ ...event, ...observed }))
    await options.client.mergePatch(key, observed).catch((error: unknown) => {
      // The server keeps events for an hour; a series that lives on begins a new one.
      if (!isNotFound(error)) throw error
      return options.client.create({ ...event, ...observed })
    })
  }

  /** Writes counts that have grown, and forgets series that have ended. */
  function sweep(): void {
    sweepScheduled = false
    const now = clock.monotonic()
    for (const [identity, series] of known) {
      if (series.count > series.writtenCount) enqueue(series)
      if (now - series.lastAt >= SERIES_MS) known.delete(identity)
    }
    while (known.size > MAX_OBJECTS) forgetFirst(known)
    if (known.size > 0) scheduleSweep()
  }

  function scheduleSweep(): void {
    if (sweepScheduled || closed) return
    sweepScheduled = true
    clock.after(SERIES_WRITE_MS, sweep)
  }

  const drop = (cause: 'rate' | 'queue' | 'error'): void => metrics.rtcnode_events_dropped_total.inc({ cause })

  return {
    record,
    async close(withinMs) {
      closed = true
      sweep()
      const patience = new AbortController()
      const wait = clock.sleep(withinMs, patience.signal).catch(() => {})
      await Promise.race([sending, wait])
      patience.abort()
    },
  }
}

const forgetFirst = (map: Map<string, unknown>): void => {
  for (const [first] of map) return void map.delete(first)
}

function referenceTo({ apiVersion, kind, metadata: { name, namespace, uid, resourceVersion } }: KubeObject): object {
  return { apiVersion, kind, name, namespace, uid, resourceVersion }
}
