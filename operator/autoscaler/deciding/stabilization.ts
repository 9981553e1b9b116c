// What was needed within the windows of spec.behavior: upwards the smallest need counts, downwards the largest, as in
// stabilizeRecommendationWithBehaviors of the HorizontalPodAutoscaler. Unlike there it survives a restart, and a clock that
// leaps does not empty it. Fed by learn.ts, asked by up.ts and down.ts.
import { largest, newWindow, note, type Window } from './window.ts'

export interface Needs {
  readonly kept: Window
  /** Negated. */
  readonly needed: Window
  /** Since when the need has been known without a break; undefined: it is not known now. */
  knownSince: number | undefined
}

/** The longest window that spec.behavior may ask for: one that is made longer counts at once. */
const KEEP_MS = 3_600_000

export const newNeeds = (): Needs => ({ kept: newWindow(), needed: newWindow(), knownSince: undefined })

export function noteNeed(needs: Needs, now: number, needed: number, kept: number): void {
  needs.knownSince ??= now
  note(needs.kept, now, kept, KEEP_MS)
  note(needs.needed, now, -needed, KEEP_MS)
}

/** The need is not known now; another whole window has to be seen before anything is taken away. */
export function forgetNeed(needs: Needs): void {
  needs.knownSince = undefined
}

/** The smallest of the needs since then, and of `needed`, which is that of now. */
export const leastNeeded = (needs: Needs, since: number, needed: number): number =>
  -largest(needs.needed, since, -needed)

/** The most nodes that were worth keeping since then, and now. */
export const mostKept = (needs: Needs, since: number, kept: number): number => largest(needs.kept, since, kept)

/** Whether a whole window has been seen; before, nobody knows how much was needed in it. */
export const hasSeen = (needs: Needs, now: number, windowMs: number): boolean =>
  needs.knownSince !== undefined && now - needs.knownSince >= windowMs
