// Waits that double with every failure in a row, for loops that never give up.
import type { Clock, Monotonic } from '../ambient/clock.ts'
import { jittered, type Random } from '../ambient/random.ts'

export interface Backoff {
  /** The next wait in milliseconds. A quiet spell of `resetAfterMs` since the last failure starts over. */
  nextMs(): number
}

export interface BackoffOptions {
  firstMs: number
  maxMs: number
  resetAfterMs: number
  /** Of each wait, to either side. Default 0.2. */
  jitter?: number
  clock: Clock
  random: Random
}

export function backoff({ firstMs, maxMs, resetAfterMs, jitter = 0.2, clock, random }: BackoffOptions): Backoff {
  let failures = 0
  let lastFailureAt: Monotonic | undefined
  return {
    nextMs() {
      const now = clock.monotonic()
      if (lastFailureAt !== undefined && now - lastFailureAt > resetAfterMs) failures = 0
      lastFailureAt = now
      return jittered(Math.min(maxMs, firstMs * 2 ** Math.min(failures++, 30)), jitter, random)
    },
  }
}
