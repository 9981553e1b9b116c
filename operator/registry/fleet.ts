// The fleet as the registry shows it, kept in memory: who is alive, what they carry, what they were told. Read by the
// controllers at every reconcile, so that nobody asks etcd.
import type { Clock } from '../ambient/clock.ts'
import type { Random } from '../ambient/random.ts'
import type { ObjectKey } from '../api/meta.ts'
import type { Logger } from '../telemetry/log.ts'
import type { RegistryConnection } from './connection.ts'
import { fleetContents } from './fleet-contents.ts'
import { judge } from './fleet-state.ts'
import { frozenAtStart, nextFreeze } from './freeze.ts'
import { materialOf } from './material.ts'
import type { RegistryMetrics } from './metrics.ts'
import { rejectionCauses } from './parse.ts'
import type { KnownIntent, Registration } from './registration.ts'
import { heardAgain, type Sight, sightAt } from './sight.ts'
import { resyncCauses, watchRegistry } from './watch.ts'

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

export interface FleetViewOptions {
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
  /** Default 9,000: three heartbeats. */
  readonly staleAfterMs?: number
  /** Default 10,000: the TTL of the agents' leases. */
  readonly ttlMs?: number
  readonly metrics?: RegistryMetrics
}

// How late a change by time alone may be told.
const SWEEP_MS = 1_000

export function fleetView(connection: RegistryConnection, options: FleetViewOptions): FleetView {
  const { clock, log, metrics, staleAfterMs = 9_000, ttlMs = 10_000 } = options
  const contents = fleetContents(connection.prefix, cause =>
    metrics?.rtcnode_registry_rejected_values_total.inc({ cause }),
  )
  const told = new Map<ObjectKey, string>()
  const changeListeners = new Set<Parameters<FleetView['onChange']>[0]>()
  const healthListeners = new Set<() => void>()
  let sight: Sight = { state: 'none', because: 'not-synced' }
  let freeze = frozenAtStart(clock.monotonic())
  let toldHealth = 'unsynced frozen'

  const sightNow = (): Sight => sightAt(sight, clock.monotonic())

  function registration(key: ObjectKey): Registration {
    const standing = contents.intents.get(key)
    const intentRevision = standing?.state === 'known' ? standing.revision : undefined
    return judge(contents.nodes.get(key), { sight: sightNow(), intentRevision, staleAfterMs, now: clock.monotonic() })
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
    const state = sightNow().state === 'clear' ? 'synced' : 'unsynced'
    return { state, keys: present, rejectedValues: rejected, ...freezing }
  }

  /** Tells a key's listeners; with `material` only if something that matters has changed since they were last told. */
  function tell(key: ObjectKey, least: 'beat' | 'material'): void {
    const material = materialOf(registration(key), intent(key))
    const changed = told.get(key) !== material
    if (!changed && least === 'material') return
    told.set(key, material)
    for (const listener of changeListeners) safely(() => listener(key, changed ? 'material' : 'beat'))
  }

  function tellAll(): void {
    for (const key of told.keys()) if (!contents.nodes.has(key) && !contents.intents.has(key)) told.delete(key)
    for (const key of new Set([...contents.nodes.keys(), ...contents.intents.keys()])) {
      told.set(key, materialOf(registration(key), intent(key)))
      for (const listener of changeListeners) safely(() => listener(key, 'material'))
    }
  }

  function reckon(): void {
    const now = clock.monotonic()
    const inSight = sightNow().state === 'clear'
    freeze = nextFreeze(freeze, { inSight, ...contents.census(ttlMs, now) }, ttlMs, now)
    const newHealth = `${inSight ? 'synced' : 'unsynced'} ${freeze.state}`
    if (newHealth === toldHealth) return
    log.info('the view of the registry has changed', { from: toldHealth, to: newHealth, ...health() })
    toldHealth = newHealth
    tellAll()
    for (const listener of healthListeners) safely(listener)
  }

  /** Time alone makes nodes stale, ends freezes, and takes the registry out of sight. */
  function sweep(): void {
    const now = clock.monotonic()
    const seen = sightNow()
    if (seen.state === 'clear') {
      contents.expire(seen.since, now)
      for (const [key, { beatAt }] of contents.nodes) {
        if (beatAt !== undefined && now - beatAt > staleAfterMs) tell(key, 'material')
      }
    }
    reckon()
  }

  function safely(listener: () => void): void {
    try {
      listener()
    } catch (error) {
      log.error('a listener of the fleet view failed', { error })
    }
  }

  if (metrics)
    followView(metrics, health, () => (sight.state === 'clear' ? clock.monotonic() - sight.heardAt : Number.NaN))

  return {
    registration,
    intent,
    health,
    flag: name => contents.flags.get(name),
    onChange(listener) {
      changeListeners.add(listener)
      return () => void changeListeners.delete(listener)
    },
    onHealthChange(listener) {
      healthListeners.add(listener)
      return () => void healthListeners.delete(listener)
    },
    forget(key) {
      contents.forget(key)
      if (!contents.nodes.has(key)) told.delete(key)
    },
    async run(signal) {
      const watching = watchRegistry(
        { connection, range: { prefix: `${connection.prefix}/` }, ...options },
        {
          onWhole(entries, cause) {
            metrics?.rtcnode_registry_resyncs_total.inc({ cause })
            const now = clock.monotonic()
            const before = sightAt(sight, now)
            sight = heardAgain(sight, now)
            contents.replace(entries, before.state === 'clear' ? before.heardAt : undefined, now)
            reckon()
            for (const key of new Set([...contents.nodes.keys(), ...contents.intents.keys(), ...told.keys()])) {
              tell(key, 'material')
            }
          },
          onChanges(changes) {
            const now = clock.monotonic()
            sight = heardAgain(sight, now)
            const { present } = contents.counts()
            const about = new Set(changes.map(change => contents.apply(change, now)))
            // First, so that nobody who is told of a missing key finds the view not frozen yet.
            if (contents.counts().present !== present) reckon()
            for (const key of about) if (key) tell(key, 'beat')
          },
          onProgress() {
            sight = heardAgain(sight, clock.monotonic())
          },
        },
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

function followView(metrics: RegistryMetrics, health: () => FleetHealth, progressAgeMs: () => number): void {
  metrics.rtcnode_registry_keys.follow({}, () => health().keys)
  metrics.rtcnode_registry_frozen.follow({}, () => (health().freeze ? 1 : 0))
  metrics.rtcnode_registry_progress_age_seconds.follow({}, () => progressAgeMs() / 1_000)
  for (const cause of rejectionCauses) metrics.rtcnode_registry_rejected_values_total.inc({ cause }, 0)
  for (const cause of resyncCauses) metrics.rtcnode_registry_resyncs_total.inc({ cause }, 0)
}
