// The fleet as the registry shows it, kept in memory: who is alive, what they carry, what they were told. Read by the
// controllers at every reconcile, so that nobody asks etcd.
import type { Clock } from '../ambient/clock.ts'
import type { Random } from '../ambient/random.ts'
import type { ObjectKey } from '../api/meta.ts'
import type { Logger } from '../telemetry/log.ts'
import { announcements } from './announcements.ts'
import type { RegistryChange, RegistryEntry } from './change.ts'
import type { RegistryConnection } from './connection.ts'
import { fleetContents } from './fleet-contents.ts'
import { judge } from './fleet-state.ts'
import { freezeCauses, frozenAtStart, nextFreeze } from './freeze.ts'
import { listeners } from './listeners.ts'
import { materialOf } from './material.ts'
import type { RegistryMetrics } from './metrics.ts'
import { rejectionCauses } from './parse.ts'
import type { KnownIntent, Registration } from './registration.ts'
import { heardAgain, noSightYet, type Sight, sightAt } from './sight.ts'
import { watchRegistry } from './watch.ts'
import { type ResyncCause, resyncCauses } from './watch-course.ts'

export interface FleetView {
  registration(key: ObjectKey): Registration
  intent(key: ObjectKey): KnownIntent
  health(): FleetHealth
  /** Text of `/sfu/flags/<name>`; the last known one while the registry is out of sight. */
  flag(name: string): string | undefined
  /**
   * `material` when the change could change a decision, also by time alone (fresh → stale); `beat` when not. A change of
   * the whole view (synced, unsynced, frozen, thawed) is told for every key that is or was there.
   */
  onChange(listener: (key: ObjectKey, what: 'material' | 'beat') => void): () => void
  /** When `health().state` or the presence of `health().freeze` has changed: concerns also nodes that never had a key. */
  onHealthChange(listener: () => void): () => void
  /** The RTCNode is gone: its missing key is no longer missed. */
  forget(key: ObjectKey): void
  /** Watches until the signal aborts. Never rejects for a fault of the registry. */
  run(signal: AbortSignal): Promise<void>
}

export interface FleetHealth {
  readonly state: 'synced' | 'unsynced'
  /** Without a break; 0 while it is not in sight. */
  readonly inSightForMs: number
  /** Why it cannot be seen, when that is known. */
  readonly because?: string
  /** Node keys that are there, readable or not. */
  readonly keys: number
  readonly rejectedValues: number
  /** While set: no kill, no scale-in. */
  readonly freeze?: Freeze
}

export interface Freeze {
  readonly sinceMs: number
  readonly vanished: number
  readonly expected: number
  readonly because: string
}

/** Three beats missed. */
export const STALE_AFTER_MS = 9_000

export interface FleetViewOptions {
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
  /** Default STALE_AFTER_MS. */
  readonly staleAfterMs?: number
  /** Default 10,000: the TTL of the agents' leases. */
  readonly ttlMs?: number
  readonly metrics?: RegistryMetrics
}

// How late a change by time alone may be told.
const SWEEP_MS = 1_000

export function fleetView(connection: RegistryConnection, options: FleetViewOptions): FleetView {
  const { clock, log, metrics, staleAfterMs = STALE_AFTER_MS, ttlMs = 10_000 } = options
  // Beats of nodes are spread over one of their three periods: when the first is stale, all that fell silent with it must count.
  const silentAfterMs = (staleAfterMs * 2) / 3
  const contents = fleetContents(connection.prefix, cause =>
    metrics?.rtcnode_registry_rejected_values_total.inc({ cause }),
  )
  const changes = announcements(key => materialOf(judged(key), intent(key)), log)
  const healthListeners = listeners<[]>('health of the fleet view', log)
  let sight: Sight = noSightYet(clock.monotonic())
  let freeze = frozenAtStart(clock.monotonic())
  let silence = { silent: 0, silencedLately: 0 }
  let toldHealth = 'unsynced frozen'
  let failure: string | undefined

  const sightNow = (): Sight => sightAt(sight, clock.monotonic())

  /** Its heartbeat changes in place with the next beat. */
  function judged(key: ObjectKey): Registration {
    const standing = contents.intents.get(key)
    const intentRevision = standing?.state === 'known' ? standing.revision : undefined
    return judge(contents.nodes.get(key), { sight: sightNow(), intentRevision, staleAfterMs, now: clock.monotonic() })
  }

  function registration(key: ObjectKey): Registration {
    const now = judged(key)
    return now.state === 'fresh' ? { ...now, heartbeat: { ...now.heartbeat } } : now
  }

  function intent(key: ObjectKey): KnownIntent {
    if (sightNow().state === 'none') return { state: 'unknown' }
    return contents.intents.get(key) ?? { state: 'absent' }
  }

  function health(): FleetHealth {
    const { present, rejected, missing } = contents.counts()
    const freezing = freeze.state === 'frozen' && {
      freeze: {
        sinceMs: clock.monotonic() - freeze.since,
        vanished: missing,
        expected: present + missing,
        because: freeze.because,
      },
    }
    const now = sightNow()
    const state = now.state === 'clear' ? 'synced' : 'unsynced'
    const inSightForMs = now.state === 'clear' ? clock.monotonic() - now.since : 0
    const because = state === 'unsynced' && failure !== undefined && { because: failure }
    return { state, inSightForMs, ...because, keys: present, rejectedValues: rejected, ...freezing }
  }

  const knownKeys = (): Set<ObjectKey> => new Set([...contents.nodes.keys(), ...contents.intents.keys()])

  function reckon(): void {
    const now = clock.monotonic()
    const inSight = sightNow().state === 'clear'
    const wasThawed = freeze.state === 'thawed'
    freeze = nextFreeze(freeze, { inSight, ...contents.census(ttlMs, now), ...silence }, ttlMs, now)
    if (wasThawed && freeze.state === 'frozen') metrics?.rtcnode_registry_freezes_total.inc({ cause: freeze.cause })
    const newHealth = `${inSight ? 'synced' : 'unsynced'} ${freeze.state}`
    if (newHealth === toldHealth) return
    log.info('the view of the registry has changed', { from: toldHealth, to: newHealth, ...health() })
    toldHealth = newHealth
    changes.tellAll(knownKeys())
    healthListeners.tell()
  }

  /** Time alone makes nodes stale, begins and ends freezes, and takes the registry out of sight. */
  function sweep(): void {
    const now = clock.monotonic()
    const seen = sightNow()
    if (seen.state !== 'clear') return reckon()
    contents.expire(seen.since, now)
    // While the registry is silent itself (it is asked each 2 s), or we were, the silence of nodes is none of theirs.
    if (now - seen.heardAt < silentAfterMs / 2) silence = contents.silence(silentAfterMs, ttlMs, now)
    // First, so that nobody who is told of a stale node finds the view not frozen yet.
    reckon()
    for (const [key, { beatAt }] of contents.nodes) {
      if (beatAt !== undefined && now - beatAt > staleAfterMs) changes.tellIfMaterial(key)
    }
  }

  function onWhole(entries: readonly RegistryEntry[], cause: ResyncCause): void {
    metrics?.rtcnode_registry_resyncs_total.inc({ cause })
    const now = clock.monotonic()
    const before = sightAt(sight, now)
    sight = heardAgain(sight, now)
    failure = undefined
    const knownBefore = knownKeys()
    contents.replace(entries, before.state === 'clear' ? before.heardAt : undefined, now)
    reckon()
    for (const key of new Set([...knownBefore, ...knownKeys()])) changes.tellIfMaterial(key)
  }

  function onChanges(batch: readonly RegistryChange[]): void {
    const now = clock.monotonic()
    sight = heardAgain(sight, now)
    const before = contents.counts()
    const about = new Set(batch.map(change => contents.apply(change, now)))
    // First, so that nobody who is told of a missing key finds the view not frozen yet.
    const { present, missing } = contents.counts()
    if (present !== before.present || missing !== before.missing) reckon()
    for (const key of about) if (key) changes.tell(key)
  }

  function onProgress(): void {
    sight = heardAgain(sight, clock.monotonic())
  }

  function onFailure(error: unknown): void {
    failure = error instanceof Error ? error.message : String(error)
  }

  const silentMs = (): number => (sight.state === 'clear' ? clock.monotonic() - sight.heardAt : Number.NaN)
  if (metrics) {
    followView(metrics, health, silentMs)
    const expiresAt = (): number => connection.clientCertificate()?.notAfter ?? Number.NaN
    metrics.rtcnode_registry_certificate_expiry_timestamp_seconds.follow({}, () => expiresAt() / 1_000)
  }

  return {
    registration,
    intent,
    health,
    flag: name => contents.flags.get(name),
    onChange: changes.listen,
    onHealthChange: healthListeners.add,
    forget(key) {
      contents.forget(key)
      if (!contents.nodes.has(key)) changes.forget(key)
    },
    async run(signal) {
      const range = { prefix: `${connection.prefix}/` }
      const watching = watchRegistry(
        { connection, range, ...options },
        { onWhole, onChanges, onProgress, onFailure },
        signal,
      )
      while (!signal.aborted) {
        await clock.sleep(SWEEP_MS, signal).catch(() => undefined)
        sweep()
      }
      await watching
    },
  }
}

function followView(metrics: RegistryMetrics, health: () => FleetHealth, silentMs: () => number): void {
  metrics.rtcnode_registry_keys.follow({}, () => health().keys)
  metrics.rtcnode_registry_in_sight.follow({}, () => (health().state === 'synced' ? 1 : 0))
  metrics.rtcnode_registry_frozen.follow({}, () => (health().freeze ? 1 : 0))
  metrics.rtcnode_registry_progress_age_seconds.follow({}, () => silentMs() / 1_000)
  for (const cause of rejectionCauses) metrics.rtcnode_registry_rejected_values_total.inc({ cause }, 0)
  for (const cause of freezeCauses) metrics.rtcnode_registry_freezes_total.inc({ cause }, 0)
  for (const cause of resyncCauses) metrics.rtcnode_registry_resyncs_total.inc({ cause }, 0)
}
