// Keeps a listener in step with a part of the registry: the whole of it first, then each change, and the whole again
// whenever changes could have been missed. The library's own watcher loses events; this one loses none.
import type { Clock } from '../ambient/clock.ts'
import type { Random } from '../ambient/random.ts'
import type { Logger } from '../telemetry/log.ts'
import type { RegistryConnection } from './connection.ts'

export interface RegistryEntry {
  readonly key: string
  readonly value: Uint8Array
  /** Of the key's last change. */
  readonly revision: number
  /** Undefined when the key is bound to no lease. */
  readonly leaseId?: string
}

export type RegistryChange =
  | { readonly type: 'put'; readonly entry: RegistryEntry }
  | { readonly type: 'delete'; readonly key: string; readonly revision: number }

/** Why the whole is read (again); the label of the resync metric. */
export type ResyncCause = 'start' | 'disconnected' | 'silent' | 'compacted' | 'went-backwards' | 'garbage' | 'periodic'

export interface WatchListener {
  /** All that is there now; what is not in it is gone. */
  onWhole(entries: readonly RegistryEntry[], cause: ResyncCause): void
  onChanges(changes: readonly RegistryChange[]): void
  /** The registry answered: up to now nothing is missing. */
  onProgress?(): void
}

export interface WatchOptions {
  readonly connection: RegistryConnection
  /** Either every key that begins with `prefix`, or one `key`. */
  readonly range: { readonly prefix: string } | { readonly key: string }
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
}

/** Runs until the signal aborts; no fault of the registry, and no throwing listener, ends it. */
export function watchRegistry(options: WatchOptions, listener: WatchListener, signal: AbortSignal): Promise<void> {
  throw new Error(`being written: ${Object.keys(options)} ${Object.keys(listener)} ${signal.aborted}`)
}
