// What crash plans of nodes and of pools share: a planned write that the operator dies of, plans that begin together, and the
// outcome that all must come to.
import assert from 'node:assert/strict'
import { NotInTime, until } from '../../cluster/until.ts'
import type { Operators } from './one-after-another.ts'
import type { Fate, Write } from './writes.ts'

export interface PlannedWrite {
  readonly write: string
  /** The how-manieth of that name; default the first. */
  readonly nth?: number
  readonly when: 'before' | 'after'
}

export interface Trap {
  readonly sprung: boolean
}

/** The operator is killed when the planned write comes by; the gate sees to it that the write is lost in the planned way. */
export function setTraps({ gate, killSoon }: Operators): (namespace: string, plan: PlannedWrite) => Trap {
  const traps: { readonly namespace: string; readonly plan: PlannedWrite; seen: number; sprung: boolean }[] = []
  gate.decideBy(({ namespace, what }: Write): Fate => {
    const trap = traps.find(it => !it.sprung && it.namespace === namespace && it.plan.write === what)
    if (!trap) return 'pass'
    trap.seen += 1
    if (trap.seen < (trap.plan.nth ?? 1)) return 'pass'
    trap.sprung = true
    killSoon()
    return trap.plan.when === 'before' ? 'lose request' : 'lose answer'
  })
  return (namespace, plan) => {
    const trap = { namespace, plan, seen: 0, sprung: false }
    traps.push(trap)
    return trap
  }
}

export interface Gathering {
  arrive(): Promise<void>
}

/** All begin together: so one death of an operator serves many plans. */
export function gathering(count: number): Gathering {
  const all = Promise.withResolvers<void>()
  let missing = count
  return {
    arrive() {
      missing -= 1
      if (missing <= 0) all.resolve()
      return all.promise
    },
  }
}

export async function expectOutcome(
  outcome: () => Promise<unknown>,
  wanted: unknown,
  within: { withinMs: number; everyMs: number },
): Promise<void> {
  let last: unknown
  const same = async (): Promise<boolean> => {
    last = await outcome()
    try {
      assert.deepEqual(last, wanted)
      return true
    } catch {
      return false
    }
  }
  await until('the outcome of the clean run', same, within).catch((error: unknown) => {
    if (!(error instanceof NotInTime)) throw error
    assert.deepEqual(last, wanted, 'ends as the clean run does')
  })
}
