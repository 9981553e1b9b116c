// What the shell must remember about a node between two decisions and no cache tells: that the API server refused its
// pod, and which intent we wrote last. Lost with the process, and that does no harm.
import { type Clock, later, type Monotonic } from '../ambient/clock.ts'
import type { ObjectKey } from '../api/meta.ts'
import { type RetryWait, waitAfterRefusal } from '../kube/refusal.ts'
import type { KnownIntent } from '../registry/registration.ts'
import type { Refusal } from './decision.ts'

export interface NodeMemory {
  refused(key: ObjectKey, refusal: Omit<Refusal, 'retryInMs'>): void
  accepted(key: ObjectKey): void
  /** Undefined when nothing was refused, or when it is time to ask again. */
  refusal(key: ObjectKey): Refusal | undefined
  /** Notes what this node is in the middle of; tells how many were at once since it began, at most. */
  crowd(key: ObjectKey, doing: Doing | undefined): number
  wroteIntent(key: ObjectKey, revision: number): void
  /** Whether the fleet view shows our last intent, or a later one. */
  intentSeen(key: ObjectKey, intent: KnownIntent): boolean
  forget(key: ObjectKey): void
}

export type Doing = 'starting' | 'draining'

export function nodeMemory(clock: Clock): NodeMemory {
  const refusals = new Map<ObjectKey, RetryWait & { refusal: Omit<Refusal, 'retryInMs'> }>()
  const intents = new Map<ObjectKey, { revision: number; until: Monotonic }>()
  const crowds = { starting: new Map<ObjectKey, number>(), draining: new Map<ObjectKey, number>() }
  return {
    crowd(key, doing) {
      if (doing !== 'starting') crowds.starting.delete(key)
      if (doing === undefined) return 0
      const alike = crowds[doing]
      const atOnce = Math.max(alike.get(key) ?? 1, alike.size)
      alike.set(key, atOnce)
      return atOnce
    },
    refused(key, refusal) {
      refusals.set(key, { refusal, ...waitAfterRefusal(refusals.get(key), clock) })
    },
    accepted: key => void refusals.delete(key),
    refusal(key) {
      const known = refusals.get(key)
      if (known === undefined) return undefined
      const retryInMs = known.retryAt - clock.monotonic()
      return retryInMs > 0 ? { ...known.refusal, retryInMs } : undefined
    },
    // A registry that lost its data counts from one again and never shows our revision: wait for it, but not for ever.
    wroteIntent: (key, revision) => void intents.set(key, { revision, until: later(clock.monotonic(), 5_000) }),
    intentSeen(key, intent) {
      const written = intents.get(key)
      if (written === undefined) return true
      const shown = (intent.state === 'known' || intent.state === 'unreadable') && intent.revision >= written.revision
      if (!shown && clock.monotonic() < written.until) return false
      intents.delete(key)
      return true
    },
    forget(key) {
      crowds.starting.delete(key)
      crowds.draining.delete(key)
      refusals.delete(key)
      intents.delete(key)
    },
  }
}
