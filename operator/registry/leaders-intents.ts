// Intents as a leader writes them: the first write of each leadership claims the registry, so that whatever an earlier
// leader still has under way is refused from then on.
import { StaleLeaderError } from './errors.ts'
import type { IntentWriter } from './intents.ts'

export interface Leadership {
  readonly identity: string
  /** Greater for every later leader. */
  epoch(): number
}

export function leadersIntents(writer: IntentWriter, { identity, epoch }: Leadership): Omit<IntentWriter, 'claim'> {
  let claimed: number | undefined

  async function asLeader<T>(signal: AbortSignal | undefined, write: () => Promise<T>): Promise<T> {
    const current = epoch()
    if (claimed !== current) {
      await writer.claim({ identity, epoch: current }, signal)
      claimed = current
    }
    try {
      return await write()
    } catch (error) {
      // The registry may have lost its data, and our claim with it: claim again before the next write.
      if (error instanceof StaleLeaderError) claimed = undefined
      throw error
    }
  }

  return {
    write: (key, intent, expect, signal) => asLeader(signal, () => writer.write(key, intent, expect, signal)),
    remove: (key, expect, signal) => asLeader(signal, () => writer.remove(key, expect, signal)),
  }
}
