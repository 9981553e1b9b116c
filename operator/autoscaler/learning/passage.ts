// Time as learning counts it: the sum of steps that can be believed. A wall clock may leap, and an operator may be away for days;
// nothing that was learned may age or be measured by that. Kept by learning.ts, pure.
import type { Instant } from '../../ambient/clock.ts'

export interface Passage {
  /** The wall clock at the last step. */
  at: Instant
  /** Milliseconds since learning began, without leaps and without the time between two operators. All durations are differences of this. */
  ms: number
  /** The last step was cut: the clock went back or leapt ahead, or nobody looked for long. */
  leapt: boolean
}

export const newPassage = (now: Instant, ms = 0): Passage => ({ at: now, ms, leapt: true })

/** Snapshots are 10 s apart or less; after a silence longer than this nobody knows what happened in it. */
const MAX_STEP_MS = 60_000
/** Clocks are set back by so much in ordinary service. */
const SLEW_MS = 1_000

/** Goes on to `now` and tells the step in milliseconds: 0 when the clock went back, a minute at most. */
export function pass(passage: Passage, now: Instant): number {
  const toldMs = now - passage.at
  const stepMs = stepTo(passage, now)
  // A second look at the same moment is no step.
  if (toldMs !== 0) passage.leapt = !(toldMs >= -SLEW_MS && toldMs <= MAX_STEP_MS)
  passage.at = now
  passage.ms += stepMs
  return stepMs
}

/** Milliseconds at `now`, which is the last step or soon after it. Never fewer than at the last step. */
export const passedAt = (passage: Passage, now: Instant): number => passage.ms + stepTo(passage, now)

const stepTo = ({ at }: Passage, now: Instant): number => Math.min(MAX_STEP_MS, Math.max(0, now - at))

/** What is left of a weight that halves every `halfLifeMs`. Two short steps leave as much as one long. */
export const kept = (stepMs: number, halfLifeMs: number): number => 2 ** (-stepMs / halfLifeMs)
