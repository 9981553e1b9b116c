// Folds a snapshot into the memory: at every tick and at every event, as often as anybody likes. Whatever is learned is weighted
// by time, so that looking twice teaches nothing twice. Part of the pure core.

import { learnDemand, learnNodes } from '../learning/learning.ts'
import { passedAt } from '../learning/passage.ts'
import type { Snapshot } from '../learning/snapshot.ts'
import { learnCausality } from './causality.ts'
import type { Memory } from './memory.ts'
import { loadOf, needOf } from './need.ts'
import { forgetNeed, noteNeed } from './stabilization.ts'
import { noteSight } from './telemetry.ts'

export function learn(memory: Memory, at: Snapshot): void {
  const { learning, causality, sight, needs } = memory
  const now = passedAt(learning.passage, at.now)
  learnCausality(causality, learning, at, now)
  learnNodes(learning, at, causality.unrelatedSince === undefined)
  const load = loadOf(memory, at)
  noteSight(sight, load.sight, now)
  const isKnown = load.sight !== 'poor' && load.demand.known > 0
  learnDemand(learning, isKnown ? load.demand.load : undefined)
  if (!isKnown) return forgetNeed(needs)
  const { wanted, size } = needOf(memory, at, load)
  noteNeed(needs, now, wanted.replicas, Math.max(size.kept, wanted.replicas))
}
