// Whether we see the registry. What was seen before it went out of sight proves nothing afterwards.
import type { Monotonic } from '../ambient/clock.ts'

/** Nothing heard for so long, though asked each 2 s, means that we no longer see the registry. */
export const SILENT_MS = 5_000

/** Proof of life that is older than `since` is void: much may have happened unseen. */
export type Sight =
  | { readonly state: 'none'; readonly because: 'not-synced' | 'disconnected'; readonly since: Monotonic }
  | { readonly state: 'clear'; readonly since: Monotonic; readonly heardAt: Monotonic }

/** Before anything was seen. */
export const noSightYet = (now: Monotonic): Sight => ({ state: 'none', because: 'not-synced', since: now })

export const sightAt = (sight: Sight, now: Monotonic): Sight =>
  sight.state === 'clear' && now - sight.heardAt > SILENT_MS
    ? { state: 'none', because: 'disconnected', since: sight.heardAt }
    : sight

/** To be told only what is complete: all of the registry, or a change or an answer that directly follows it. */
export function heardAgain(before: Sight, now: Monotonic): Sight {
  const sight = sightAt(before, now)
  return sight.state === 'clear' ? { ...sight, heardAt: now } : { state: 'clear', since: now, heardAt: now }
}
