// The fleet as the registry shows it, kept in memory: who is alive, what they carry, what they were told. Read by the
// controllers at every reconcile, so that nobody asks etcd.
import type { Clock } from '../ambient/clock.ts'
import type { Random } from '../ambient/random.ts'
import type { ObjectKey } from '../api/meta.ts'
import type { Logger } from '../telemetry/log.ts'
import type { RegistryConnection } from './connection.ts'
import type { KnownIntent, Registration } from './registration.ts'

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
}

export function fleetView(connection: RegistryConnection, options: FleetViewOptions): FleetView {
  throw new Error(`being written: ${connection.prefix} ${options.ttlMs}`)
}
