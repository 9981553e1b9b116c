// A lease that is held: granted, kept alive, and granted anew when it is lost. Used by the agent, whose node's key lives
// as long as the lease does.
import type { Clock } from '../ambient/clock.ts'
import type { Random } from '../ambient/random.ts'
import type { Logger } from '../telemetry/log.ts'
import type { RegistryConnection } from './connection.ts'

export interface HeldLease {
  /** Undefined while none is held. */
  id(): string | undefined
  /** `held`: put your key now, also after a loss. `lost`: etcd may have expired it by now, your key is gone or going. */
  onChange(listener: (change: { state: 'held'; id: string } | { state: 'lost'; because: string }) => void): () => void
  /**
   * Puts the value under the lease. While an older put of the same key is still under way it waits, and only the latest
   * value goes next: a value that was overtaken resolves without having been put. Throws LeaseNotHeldError, RegistryError.
   */
  put(key: string, value: string): Promise<void>
  /** Grants and keeps until the signal aborts; then revokes, which deletes the keys, within 2 s or not at all. */
  run(signal: AbortSignal): Promise<void>
}

/** Keeps many leases alive through one stream. An agent has one; a process that simulates many nodes shares it. */
export interface LeaseKeeper {
  /** Renews once; resolves when etcd has answered. Throws LeaseExpiredError, RegistryError. */
  keepAlive(leaseId: string, signal?: AbortSignal): Promise<void>
}

export interface HeldLeaseOptions {
  readonly connection: RegistryConnection
  /** Default: a keeper of its own. */
  readonly keeper?: LeaseKeeper
  /** Default 10. Renewed each third of it. */
  readonly ttlSeconds?: number
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
}

export function leaseKeeper(deps: { connection: RegistryConnection; clock: Clock }): LeaseKeeper {
  throw new Error(`being written: ${deps.connection.prefix}`)
}

export function heldLease(options: HeldLeaseOptions): HeldLease {
  throw new Error(`being written: ${options.connection.prefix}`)
}
