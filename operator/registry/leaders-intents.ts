// Intents as a leader writes them: the first write of each leadership claims the registry, so that whatever an earlier
// leader still has under way is refused from then on.
import type { ObjectKey } from '../api/meta.ts'
import { StaleLeaderError } from './errors.ts'
import type { IntentWriter } from './intents.ts'

export interface Leadership {
  readonly identity: string
  /** Greater for every later leader. */
  epoch(): number
  isLeader(): boolean
}

export function leadersIntents(
  writer: IntentWriter,
  { identity, epoch, isLeader }: Leadership,
): Omit<IntentWriter, 'claim'> {
  let claim: { readonly epoch: number; readonly made: Promise<void> } | undefined

  /** One claim for all who write: a second one would refuse what was begun under the first. */
  function claimed(signal: AbortSignal | undefined): Promise<void> {
    const current = epoch()
    if (claim?.epoch === current) return claim.made
    const made = writer.claim({ identity, epoch: current }, signal)
    const ours = { epoch: current, made }
    claim = ours
    made.catch(() => {
      if (claim === ours) claim = undefined
    })
    return made
  }

  /** A claim fences off all earlier leaders, so a process that was paused must not make one when it wakes. */
  function requireLeadership(key: ObjectKey): void {
    if (!isLeader()) throw new StaleLeaderError(key)
  }

  async function asLeader<T>(key: ObjectKey, signal: AbortSignal | undefined, write: () => Promise<T>): Promise<T> {
    requireLeadership(key)
    await claimed(signal)
    requireLeadership(key)
    const under = claim
    try {
      return await write()
    } catch (error) {
      // The registry may have lost its data, and our claim with it: claim again before the next write.
      if (error instanceof StaleLeaderError && claim === under) claim = undefined
      throw error
    }
  }

  return {
    write: (key, intent, expect, signal) => asLeader(key, signal, () => writer.write(key, intent, expect, signal)),
    remove: (key, expect, signal) => asLeader(key, signal, () => writer.remove(key, expect, signal)),
  }
}
