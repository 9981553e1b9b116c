// Writes what the operator wants of a node, and reads it. Each write is a compare-and-set on the revision it was decided
// on, fenced by the leader's claim: what an old leader decided never lands on what a new one wrote.
import type { Clock } from '../ambient/clock.ts'
import type { Random } from '../ambient/random.ts'
import type { Intent } from '../api/intent.ts'
import type { ObjectKey } from '../api/meta.ts'
import type { Logger } from '../telemetry/log.ts'
import type { RegistryConnection } from './connection.ts'
import type { KnownIntent } from './registration.ts'

export interface IntentWriter {
  /**
   * Takes over the registry: from now on writes of whoever claimed it before throw StaleLeaderError. To be called when
   * leadership begins, and after a StaleLeaderError while still leading. Writes before the first claim are not fenced.
   */
  claim(leader: { identity: string; epoch: number }, signal?: AbortSignal): Promise<void>
  /** Throws IntentConflictError, StaleLeaderError, RegistryError, UnusableKeyError. */
  write(
    key: ObjectKey,
    intent: Intent,
    expect: { revision: number } | 'absent',
    signal?: AbortSignal,
  ): Promise<{ revision: number }>
  /** Done too when it is gone already. Throws as `write`. */
  remove(key: ObjectKey, expect: { revision: number }, signal?: AbortSignal): Promise<void>
}

export function intentWriter(connection: RegistryConnection): IntentWriter {
  throw new Error(`being written: ${connection.prefix}`)
}

/** Tells the intent of one node whenever it changes, `unknown` first, until the signal aborts. For the agent. */
export function watchIntent(
  deps: { connection: RegistryConnection; clock: Clock; random: Random; log: Logger },
  key: ObjectKey,
  onIntent: (intent: KnownIntent) => void,
  signal: AbortSignal,
): Promise<void> {
  throw new Error(`being written: ${deps.connection.prefix} ${key} ${onIntent.name} ${signal.aborted}`)
}
