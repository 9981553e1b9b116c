// How much a node bears: units at pressure 1, learned as units / pressure (the step "Capacity" of docs/scaling.md). For each node,
// and as the median of each shape, which nodes that are new to it inherit. Pure; fed by learning.ts, read by demand.ts and size.ts.
import type { Reading } from '../../load/reading.ts'
import { memoryOf, type NodeMemories, type NodeMemory } from './node-memory.ts'
import { kept } from './passage.ts'
import { add, medianOf } from './sample.ts'
import { newShape, type Shape } from './shape.ts'

export interface Capacity {
  readonly shapes: Map<string, Shape>
  /** The median over the nodes of the last snapshot; 0: nothing is known. */
  pool: number
  /** Units / pressure as far as it tells something; 0: not yet. */
  prior: number
}

export const newCapacity = (): Capacity => ({ shapes: new Map(), pool: 0, prior: 0 })

/** In between, use grows with pressure. Below it is mostly what an empty SFU needs, above it latency takes what is left. */
const [LEAST_PRESSURE, MOST_PRESSURE] = [0.3, 0.9]
/** From here units / pressure says something, if there is nothing better. */
const TELLING_PRESSURE = 0.05
/** Half a minute of heartbeats makes a measurement; ten minutes are looked back on. */
const [MEASURED_MS, MEMORY_MS] = [30_000, 600_000]
/** One sick node, or one that tells nonsense, is no further from its like than this. */
const MAX_RATIO = 4
const MAX_CAPACITY = 1e9
/** Shapes without a node that are remembered: a roll-back finds them again. */
export const MAX_GONE_SHAPES = 16

export function shapeNamed(capacity: Capacity, name: string): Shape {
  const known = capacity.shapes.get(name)
  if (known !== undefined) return known
  const shape = newShape(name)
  capacity.shapes.set(name, shape)
  return shape
}

/** Before the nodes of a snapshot. */
export function beginCapacity({ shapes }: Capacity, stepMs: number): void {
  const share = kept(stepMs, MEMORY_MS)
  for (const shape of shapes.values()) {
    shape.measured.count = 0
    shape.living = 0
    shape.units *= share
    shape.pressure *= share
  }
}

/** `forMs`: the reading stands for so long. A running mean over the first ten minutes, then an EWMA. */
export function learnCapacity(capacity: Capacity, node: NodeMemory, { units, pressure }: Reading, forMs: number): void {
  const bears = units / pressure
  if (!(bears > 0 && bears < MAX_CAPACITY && pressure >= TELLING_PRESSURE)) return
  node.shape.units += units * forMs
  node.shape.pressure += pressure * forMs
  if (pressure < LEAST_PRESSURE || pressure > MOST_PRESSURE || forMs <= 0) return
  const usual = node.shape.median || capacity.pool
  const believed = usual === 0 ? bears : Math.min(usual * MAX_RATIO, Math.max(usual / MAX_RATIO, bears))
  node.measuredMs = Math.min(MEMORY_MS, node.measuredMs + forMs)
  node.capacity += ((believed - node.capacity) * forMs) / node.measuredMs
}

/** Counts the node among those of its shape, whether or not it was heard. */
export function countCapacity({ shape, supply, capacity, measuredMs }: NodeMemory, nowMs: number): void {
  if (supply !== 'leaving') shape.living += 1
  shape.livedMs = nowMs
  if (measuredMs >= MEASURED_MS) add(shape.measured, capacity)
}

/** After the nodes of a snapshot. */
export function settleCapacity(capacity: Capacity): void {
  for (const shape of capacity.shapes.values()) {
    if (shape.measured.count > 0) shape.median = medianOf(shape.measured)
  }
  if (capacity.shapes.size > MAX_GONE_SHAPES) forgetGone(capacity.shapes)
  capacity.prior = priorOf(capacity)
  capacity.pool = poolMedian(capacity)
}

/** What any node of the pool bears: of the shapes by their nodes, else of the shape that was there last, else the prior. */
function poolMedian({ shapes, prior }: Capacity): number {
  const known = [...shapes.values()].filter(({ median }) => median > 0)
  const living = known.filter(shape => shape.living > 0).sort((a, b) => a.median - b.median)
  const nodes = living.reduce((sum, shape) => sum + shape.living, 0)
  let counted = 0
  for (const shape of living) {
    counted += shape.living
    if (counted * 2 >= nodes) return shape.median
  }
  const last = known.reduce<Shape | undefined>((a, b) => (a === undefined || b.livedMs > a.livedMs ? b : a), undefined)
  return last?.median ?? prior
}

function priorOf({ shapes, prior }: Capacity): number {
  let [units, pressure] = [0, 0]
  for (const shape of shapes.values()) {
    units += shape.units
    pressure += shape.pressure
  }
  // In a pool that is idle for days all but the last figure fades away.
  return pressure >= 1 ? units / pressure : prior
}

function forgetGone(shapes: Map<string, Shape>): void {
  const gone = [...shapes.values()].filter(({ living }) => living === 0).sort((a, b) => b.livedMs - a.livedMs)
  for (const { name } of gone.slice(MAX_GONE_SHAPES)) shapes.delete(name)
}

/**
 * Units that the node bears at pressure 1: its own, else the median of its shape, else of the pool. Before any node was between
 * pressure 0.3 and 0.9: units / pressure of those from 0.05. Undefined: nothing is known yet.
 * Quicker with its place in the last snapshot.
 */
export function capacityOf(
  { capacity, nodes }: { readonly capacity: Capacity; readonly nodes: NodeMemories },
  name: string,
  place = -1,
): number | undefined {
  const node = memoryOf(nodes, name, place)
  if (node === undefined) return known(capacity.pool)
  if (node.measuredMs >= MEASURED_MS) return node.capacity
  return known(node.shape.median || capacity.pool)
}

/** The median over the nodes that stay, of what they bear. Undefined: nothing is known yet. */
export const poolCapacity = ({ capacity }: { readonly capacity: Capacity }): number | undefined => known(capacity.pool)

const known = (units: number): number | undefined => (units > 0 ? units : undefined)
