// Everything the autoscaler learns of a pool by watching it, in one pass over the nodes for each snapshot. Deterministic; each
// heartbeat counts once and for the time it stands for, however often a snapshot is taken. Called by core.ts.
import type { Instant } from '../../ambient/clock.ts'
import type { Targets } from '../../api/rtcautoscaler-spec.ts'
import type { Reading } from '../../load/reading.ts'
import { type Arrivals, beginArrivals, learnArrivals, newArrivals } from './arrivals.ts'
import {
  beginCapacity,
  type Capacity,
  countCapacity,
  learnCapacity,
  newCapacity,
  settleCapacity,
  shapeNamed,
} from './capacity.ts'
import { beginCurve, type Curve, learnCurve, newCurve, settleCurve } from './curve.ts'
import {
  beginDispersion,
  type Dispersion,
  learnDispersion,
  newDispersion,
  SETTLES_IN_MS,
  settleDispersion,
} from './dispersion.ts'
import { type ForecastState, learnForecasts, newForecasts } from './forecasts.ts'
import { type LeadTime, leadTimeOf, learnLeadTime, newLeadTime } from './lead-time.ts'
import {
  LOOK_BACK_MS,
  memoryOf,
  type NodeMemories,
  type NodeMemory,
  newNodeMemories,
  newNodeMemory,
  standsForMs,
} from './node-memory.ts'
import { newPassage, type Passage, pass } from './passage.ts'
import type { NodeSample, Snapshot } from './snapshot.ts'
import { beginTrim, forgetJoins, learnTrim, newTrim, type Trim } from './trim.ts'

/** Plain data, changed in place. Bounded by the number of nodes. */
export interface Learning {
  readonly passage: Passage
  readonly nodes: NodeMemories
  /** Snapshots so far. */
  rounds: number
  /** Passed at the last `learnDemand`. */
  demandMs: number
  readonly capacity: Capacity
  readonly curve: Curve
  readonly trim: Trim
  readonly dispersion: Dispersion
  readonly leadTime: LeadTime
  readonly arrivals: Arrivals
  readonly forecasts: ForecastState
}

/** `ms`: what has passed already, of one that is restored. */
export const newLearning = (now: Instant, ms = 0): Learning => ({
  passage: newPassage(now, ms),
  nodes: newNodeMemories(),
  rounds: 0,
  demandMs: ms,
  capacity: newCapacity(),
  curve: newCurve(),
  trim: newTrim(),
  dispersion: newDispersion(),
  leadTime: newLeadTime(),
  arrivals: newArrivals(),
  forecasts: newForecasts(),
})

/**
 * Folds a snapshot in. While latency is known to have another cause than load, neither the curve nor the trim learn from it:
 * else they would buy nodes that do not help.
 */
export function learnNodes(learning: Learning, at: Snapshot, latencyIsLoadRelated: boolean): void {
  const { passage, capacity, curve, trim, dispersion, arrivals } = learning
  const stepMs = pass(passage, at.now)
  learning.rounds += 1
  beginCapacity(capacity, stepMs)
  beginCurve(curve, goalsOf(at.spec.targets), stepMs)
  beginTrim(trim, passage.ms)
  beginDispersion(dispersion, stepMs)
  beginArrivals(arrivals, stepMs)
  for (let place = 0; place < at.nodes.length; place += 1) learnNode(learning, at, place, latencyIsLoadRelated)
  forgetGone(learning, at.nodes.length)
  settleCapacity(capacity)
  settleCurve(curve)
  settleDispersion(dispersion)
  if (!latencyIsLoadRelated) forgetJoins(trim)
}

function learnNode(learning: Learning, { spec, nodes }: Snapshot, place: number, latencyIsLoadRelated: boolean): void {
  const { dispersion, rounds, passage } = learning
  const sample = nodes[place] as NodeSample
  const node = followNode(learning, sample, place)
  node.round = rounds
  const { reading } = sample
  if (sample.heard && reading !== undefined) {
    if (sample.beat !== node.beat) learnBeat(learning, node, sample.beat, reading, spec, latencyIsLoadRelated)
    const isSettled = node.supply === 'open' && passage.ms - node.openMs >= SETTLES_IN_MS
    if (isSettled && reading.pressure < spec.watermarks.shed.enter) learnDispersion(dispersion, reading.pressure)
  }
  countCapacity(node, passage.ms)
}

/** Its record, brought up to where the node stands now. */
function followNode(learning: Learning, sample: NodeSample, place: number): NodeMemory {
  const { nodes, capacity, leadTime, passage, rounds } = learning
  let node = memoryOf(nodes, sample.name, place)
  const isNew = node === undefined
  if (node === undefined) {
    node = newNodeMemory(sample.name, shapeNamed(capacity, sample.shape))
    nodes.byName.set(sample.name, node)
  }
  nodes.inOrder[place] = node
  // Of those that are there at the very first nobody knows when they began.
  learnLeadTime(leadTime, node, sample, isNew && rounds > 1, passage.ms)
  if (sample.supply !== 'open') node.openMs = Number.NaN
  else if (Number.isNaN(node.openMs)) node.openMs = passage.ms
  if (node.shape.name !== sample.shape) node.shape = shapeNamed(capacity, sample.shape)
  node.supply = sample.supply
  return node
}

function learnBeat(
  { capacity, curve, trim, arrivals, passage }: Learning,
  node: NodeMemory,
  beat: number,
  reading: Reading,
  spec: Snapshot['spec'],
  latencyIsLoadRelated: boolean,
): void {
  const forMs = standsForMs(node, passage.ms)
  node.beat = beat
  node.heardMs = passage.ms
  learnCapacity(capacity, node, reading, forMs)
  learnArrivals(arrivals, node, reading, forMs)
  const { quality, pressure } = reading
  const joins = joinsIn(reading, spec.targets, forMs)
  if (!latencyIsLoadRelated || quality === undefined || joins === 0) return
  learnCurve(curve, pressure, quality, joins)
  // A node that is full has rooms kept from it. Late joins there are no reason to keep all others emptier.
  if (pressure < spec.watermarks.shed.enter) learnTrim(trim, quality, joins)
}

/**
 * Joins that this heartbeat tells of and none before it did: each tells of the last half minute. Where joining has no goal, a
 * second of any other quality is as good as one.
 */
function joinsIn({ joins }: Reading, { joinLatencyP99Ms }: Targets, forMs: number): number {
  if (joinLatencyP99Ms === undefined) return forMs / 1_000
  return joins > 0 && joins <= MAX_JOINS ? (joins * forMs) / LOOK_BACK_MS : 0
}

/** What is beyond was no count. */
const [MAX_JOINS, MAX_DEMAND] = [1e6, 1e12]

const goalsOf = ({ joinLatencyP99Ms, forwardLatencyP99Ms, packetLossPercent }: Targets): string =>
  `${joinLatencyP99Ms}/${forwardLatencyP99Ms}/${packetLossPercent}`

function forgetGone({ nodes: { byName, inOrder }, rounds }: Learning, count: number): void {
  inOrder.length = count
  if (byName.size === count) return
  for (const [name, { round }] of byName) if (round !== rounds) byName.delete(name)
}

/** Folds demand in, in units; to be called after `learnNodes`. Undefined: it is not known, which is not the same as none. */
export function learnDemand(learning: Learning, demand: number | undefined): void {
  const { forecasts, passage, demandMs } = learning
  learning.demandMs = passage.ms
  const known = demand !== undefined && demand >= 0 && demand <= MAX_DEMAND ? demand : undefined
  learnForecasts(forecasts, known, passage, passage.ms - demandMs, leadTimeOf(learning).planSeconds)
}
