// The API server's no to a write, and when to ask again: it is not cured by asking often. What was refused is remembered by
// whoever asked; used by the memories of all controllers.
import { type Clock, later, type Monotonic } from '../ambient/clock.ts'

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
