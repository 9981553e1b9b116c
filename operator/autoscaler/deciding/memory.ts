// All that is remembered between two snapshots, one slice a step, and what of it outlives the process: plain data. Windows and
// policies survive a restart, unlike those of a HorizontalPodAutoscaler, so that a new leader shrinks no sooner than the old one.
import { z } from 'zod'
import type { Instant } from '../../ambient/clock.ts'
import { noteChange as noteForLeadTime } from '../learning/lead-time.ts'
import { type Learning, newLearning } from '../learning/learning.ts'
import { passedAt } from '../learning/passage.ts'
import * as learned from '../learning/saved.ts'
import { noteStep, type Step } from './behavior.ts'
import { type Causality, newCausality } from './causality.ts'
import { type Needs, newNeeds } from './stabilization.ts'
import { newSight, type SightMemory } from './telemetry.ts'
import { coarser, type Window } from './window.ts'

export interface Memory {
  readonly learning: Learning
  readonly causality: Causality
  readonly sight: SightMemory
  readonly needs: Needs
  readonly steps: Step[]
}

export interface Change {
  readonly at: Instant
  readonly from: number
  readonly to: number
}

export const newMemory = (now: Instant): Memory => remembering(newLearning(now))

const remembering = (learning: Learning): Memory => ({
  learning,
  causality: newCausality(),
  sight: newSight(),
  needs: newNeeds(),
  steps: [],
})

/** Replicas were really set, by us. */
export function noteChange({ learning, steps }: Memory, change: Change): void {
  noteForLeadTime(learning, change)
  noteStep(steps, { at: passedAt(learning.passage, change.at), by: change.to - change.from })
}

/** So many are kept of each window and of the steps: about 3 kB. */
const MOST_SAVED = 64

/** At most 16,384 characters. */
export const saved = ({ learning, needs, steps }: Memory): string =>
  learned.saved(learning, {
    kept: pairsOf(needs.kept),
    needed: pairsOf(needs.needed),
    knownSince: needs.knownSince ?? null,
    steps: steps.slice(-MOST_SAVED).map(({ at, by }) => [Math.round(at), by]),
  })

const pairsOf = (window: Window): [number, number][] => {
  const { at, value } = coarser(window, MOST_SAVED)
  return at.map((ms, i) => [Math.round(ms), value[i] as number])
}

/** Undefined: it cannot be read, and all begins anew. Windows that cannot be read only make it wait before it shrinks. */
export function restored(data: string, version: number, now: Instant): Memory | undefined {
  const found = learned.restored(data, version, now)
  if (found === undefined) return undefined
  const memory = remembering(found.learning)
  const { data: more } = moreSchema.safeParse(found.more)
  if (more === undefined) return memory
  const { ms } = found.learning.passage
  fill(memory.needs.kept, more.kept, ms)
  fill(memory.needs.needed, more.needed, ms)
  if (more.knownSince !== null) memory.needs.knownSince = Math.min(ms, more.knownSince)
  for (const [at, by] of more.steps) memory.steps.push({ at: Math.min(ms, at), by })
  return memory
}

const pairs = z.array(z.tuple([z.number().min(0), z.int()])).max(MOST_SAVED)
const moreSchema = z.object({ kept: pairs, needed: pairs, knownSince: z.number().min(0).nullable(), steps: pairs })

/** Only as a window would have it: later ones are smaller. A change may have been noted a little after the last snapshot. */
function fill(window: Window, from: readonly (readonly [number, number])[], latestMs: number): void {
  for (const [at, value] of from) {
    if (at < (window.at.at(-1) ?? 0) || value >= (window.value.at(-1) ?? Number.POSITIVE_INFINITY)) continue
    window.at.push(Math.min(latestMs, at))
    window.value.push(value)
  }
}
