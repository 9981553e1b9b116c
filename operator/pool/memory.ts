// What the shell must remember about a pool between two plans and no cache tells: that the API server refused a node, and
// which nodes may or may not have been made. Lost with the process, and that does no harm.
import type { Clock } from '../ambient/clock.ts'
import type { ObjectKey } from '../api/meta.ts'
import { type Refusal, refusalsByKey } from '../kube/refusal.ts'

export interface PoolMemory {
  refused(key: ObjectKey, message: string): void
  accepted(key: ObjectKey): void
  /** 0 ms: it is time to ask again. */
  refusal(key: ObjectKey): Refusal | undefined
  /** Nodes whose making nobody confirmed. They must be looked for before more are made. */
  unsure(key: ObjectKey): Set<ObjectKey>
  /** How many nodes it had when it was planned last. */
  size(key: ObjectKey): number
  sized(key: ObjectKey, members: number): void
  forget(key: ObjectKey): void
}

interface Remembered {
  unsure: Set<ObjectKey>
  size: number
}

export function poolMemory(clock: Clock): PoolMemory {
  const pools = new Map<ObjectKey, Remembered>()
  const refusals = refusalsByKey(clock)
  function of(key: ObjectKey): Remembered {
    const known = pools.get(key) ?? { unsure: new Set(), size: 0 }
    pools.set(key, known)
    return known
  }
  return {
    refused: refusals.note,
    accepted: refusals.forget,
    refusal: refusals.of,
    unsure: key => of(key).unsure,
    size: key => pools.get(key)?.size ?? 0,
    sized(key, members) {
      of(key).size = members
    },
    forget(key) {
      refusals.forget(key)
      pools.delete(key)
    },
  }
}
