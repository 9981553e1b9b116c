// What is remembered of each node between two snapshots: one record, found once for each node and snapshot. Numbers only, and
// the same fields always, because thousands are walked at every tick. Kept by learning.ts; forgotten with the node.
import type { Shape } from './shape.ts'
import type { NodeSample } from './snapshot.ts'

export interface NodeMemory {
  readonly name: string
  shape: Shape
  supply: NodeSample['supply']
  /** The last heartbeat that was learned from, and when (on the passage). */
  beat: number
  heardMs: number
  /** Units at pressure 1; 0: not measured yet. */
  capacity: number
  /** For so long it has been measured. */
  measuredMs: number
  /** Rooms at the last heartbeat; −1: not told. */
  rooms: number
  /** Since when it takes rooms. */
  openMs: number
  /** When it was wished for; NaN: it does not start, or nobody saw it begin. */
  wishedMs: number
  waitedForHost: boolean
  /** The number of the last snapshot it was in. */
  round: number
}

export const newNodeMemory = (name: string, shape: Shape): NodeMemory => ({
  name,
  shape,
  supply: 'leaving',
  beat: Number.NaN,
  heardMs: Number.NaN,
  capacity: 0,
  measuredMs: 0,
  rooms: -1,
  openMs: Number.NaN,
  wishedMs: Number.NaN,
  waitedForHost: false,
  round: 0,
})

/** Of all nodes of the last snapshot. */
export interface NodeMemories {
  readonly byName: Map<string, NodeMemory>
  /** In the order of the snapshot. */
  readonly inOrder: NodeMemory[]
}

export const newNodeMemories = (): NodeMemories => ({ byName: new Map(), inOrder: [] })

/** `place`: where in the snapshot it is. Most often it was there the last time too, and need not be looked up. */
export function memoryOf({ byName, inOrder }: NodeMemories, name: string, place: number): NodeMemory | undefined {
  const likely = inOrder[place]
  return likely?.name === name ? likely : byName.get(name)
}

/** What a first heartbeat stands for: agents beat every 3 s. */
const BEAT_MS = 3_000
/** Agents tell rates and percentiles of the last half minute; a heartbeat after a long silence stands for no more. */
export const LOOK_BACK_MS = 30_000

/** Milliseconds that a heartbeat heard at `nowMs` stands for. */
export const standsForMs = ({ heardMs }: NodeMemory, nowMs: number): number =>
  Number.isNaN(heardMs) ? BEAT_MS : Math.min(LOOK_BACK_MS, nowMs - heardMs)
