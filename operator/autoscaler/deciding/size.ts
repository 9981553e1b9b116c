// How many nodes that is (the step "Size" of docs/scaling.md). Two answers: so many are needed, and so many are worth keeping;
// between them nothing changes, so that noise moves nobody. Pure; asked by assess.ts.
import { poolCapacity } from '../learning/capacity.ts'
import { leadTimeOf } from '../learning/lead-time.ts'
import type { Learning } from '../learning/learning.ts'
import type { Snapshot } from '../learning/snapshot.ts'
import type { Demand } from './demand.ts'
import type { Expected } from './forecast.ts'
import type { SafePressure } from './safe-pressure.ts'
import { burstOf } from './warm.ts'

export interface Size {
  /** `ceil((expected − draining + unseen) / (capacity × safe pressure)) + warm` */
  readonly needed: number
  /** With fewer nodes than this they would be too full: people on nodes that empty come back elsewhere, and room is left. */
  readonly kept: number
  /** Of `needed`: spec.warmSpares, or more when rooms come in bursts. */
  readonly warm: number
  /** Units per node. */
  readonly capacity: number
}

/** Nodes are taken away only as long as those that stay keep a tenth of their safe room free. */
const FULL_ENOUGH = 0.9

/**
 * Spares are there for bursts too: whatever comes while a node starts must find room before nodes take no more rooms, so there
 * are at least `(load + burst) / shed watermark` nodes.
 */
export function sizeOf(learning: Learning, at: Snapshot, safe: SafePressure, demand: Demand, expected: Expected): Size {
  const { warmSpares, watermarks } = at.spec
  const capacity = poolCapacity(learning) ?? 1
  const burst = burstOf(learning, leadTimeOf(learning).planSeconds) * capacity
  const nodes = (load: number, unknown: number, fullness: number): number =>
    Math.max(
      nodesFor(load + unknown, capacity * safe.mean * fullness) + warmSpares,
      nodesFor(load + burst, capacity * watermarks.shed.enter * fullness),
    )
  const serving = expected.demand - demand.draining
  // The last node is where load is told: without it the pool would never be found to be needed again.
  const needed = Math.max(Math.min(1, at.replicas), nodes(serving, demand.unseen, 1))
  return {
    needed,
    kept: Math.max(needed, nodes(expected.demand, demand.feared, FULL_ENOUGH)),
    warm: needed - nodesFor(serving + demand.unseen, capacity * safe.mean),
    capacity,
  }
}

/** Sums of thousands of fractions: what is a hundred nodes in one order must not be a hundred and one in another. */
const ROUNDING = 1e-6

const nodesFor = (units: number, each: number): number => Math.max(0, Math.ceil(units / each - ROUNDING))
