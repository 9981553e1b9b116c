// What the shell remembers of a pod between two looks: for how long its people have been there or gone, when it was written last,
// since when its host is asked for. Lost with the process, which then waits anew before it takes a protection off.
import type { Clock, Instant, Monotonic } from '../../ambient/clock.ts'
import type { ObjectKey, Uid } from '../../api/meta.ts'
import type { People } from './protect.ts'

export interface Remembered {
  /** For how long people have been `are`, this look included. */
  lastedMs(are: People['are']): number
  unwrittenForMs(): number
  /** When this ask was first seen; undefined: nobody asks. */
  asked(isAsked: boolean, now: Instant): Instant | undefined
  unaskedForMs(): number
  wrote(): void
}

export interface ProtectionMemory {
  /** Begins anew with another pod of the same name. */
  of(key: ObjectKey, pod: Uid): Remembered
  /** Whether this pod's protection was over at the last look; notes how it is now. */
  wasOver(key: ObjectKey, isOver: boolean): boolean
  forget(key: ObjectKey): void
}

interface Entry {
  readonly pod: Uid
  are: People['are'] | undefined
  areSince: Monotonic
  /** Or seen first. */
  writtenAt: Monotonic
  askedSince: Instant | undefined
  unaskedSince: Monotonic
  isOver: boolean
}

export function protectionMemory(clock: Clock): ProtectionMemory {
  const entries = new Map<ObjectKey, Entry>()

  function entryOf(key: ObjectKey, pod: Uid): Entry {
    const known = entries.get(key)
    if (known?.pod === pod) return known
    const now = clock.monotonic()
    const fresh: Entry = {
      pod,
      are: undefined,
      areSince: now,
      writtenAt: now,
      askedSince: undefined,
      unaskedSince: now,
      isOver: false,
    }
    entries.set(key, fresh)
    return fresh
  }

  return {
    of(key, pod) {
      const entry = entryOf(key, pod)
      return {
        lastedMs(are) {
          if (entry.are !== are) entry.areSince = clock.monotonic()
          entry.are = are
          return clock.monotonic() - entry.areSince
        },
        unwrittenForMs: () => clock.monotonic() - entry.writtenAt,
        asked(isAsked, now) {
          if (!isAsked && entry.askedSince !== undefined) entry.unaskedSince = clock.monotonic()
          entry.askedSince = isAsked ? (entry.askedSince ?? now) : undefined
          return entry.askedSince
        },
        unaskedForMs: () => clock.monotonic() - entry.unaskedSince,
        wrote: () => void (entry.writtenAt = clock.monotonic()),
      }
    },
    wasOver(key, isOver) {
      const entry = entries.get(key)
      const was = entry?.isOver ?? false
      if (entry !== undefined) entry.isOver = isOver
      return was
    },
    forget: key => void entries.delete(key),
  }
}
