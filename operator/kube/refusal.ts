// The API server's no to a write, and when to ask again: it is not cured by asking often. What was refused is remembered by
// whoever asked; used by the memories of all controllers.
import { type Clock, later, type Monotonic } from '../ambient/clock.ts'
import type { ObjectKey } from '../api/meta.ts'
import { isAlreadyExists, isRefusal } from './errors.ts'

/** The wait after the last refusal in a row. */
export interface RetryWait {
  readonly waitMs: number
  readonly retryAt: Monotonic
}

const [FIRST_MS, MAX_MS] = [1_000, 60_000]

/** 1 s, 2 s, 4 s … a minute. `before`: undefined for the first in a row. */
export function waitAfterRefusal(before: RetryWait | undefined, clock: Clock): RetryWait {
  const waitMs = before === undefined ? FIRST_MS : Math.min(MAX_MS, before.waitMs * 2)
  return { waitMs, retryAt: later(clock.monotonic(), waitMs) }
}

/** Resolves with the API server's words when it would not take what is written, or has something of that name already. */
export async function refusalOf(write: Promise<void>): Promise<string | undefined> {
  try {
    await write
    return undefined
  } catch (error) {
    if (isRefusal(error) || isAlreadyExists(error)) return error.message
    throw error
  }
}

/** The last no, in its words, and how long to wait until it is asked again; 0: it is time. */
export interface Refusal {
  readonly message: string
  readonly retryInMs: number
}

export interface Refusals {
  of(key: ObjectKey): Refusal | undefined
  note(key: ObjectKey, message: string): void
  forget(key: ObjectKey): void
}

/** What was refused, for each object that something was to be done for. */
export function refusalsByKey(clock: Clock): Refusals {
  const last = new Map<ObjectKey, RetryWait & { readonly message: string }>()
  return {
    of(key) {
      const refused = last.get(key)
      return refused && { message: refused.message, retryInMs: Math.max(0, refused.retryAt - clock.monotonic()) }
    },
    note: (key, message) => void last.set(key, { message, ...waitAfterRefusal(last.get(key), clock) }),
    forget: key => void last.delete(key),
  }
}
