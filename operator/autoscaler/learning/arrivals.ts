// How often rooms come and how much each brings, for the spare nodes that must be there before more can be made: a compound
// Poisson process (the step "Size" of docs/scaling.md). Pure; fed by learning.ts, read by warm.ts.
import type { Reading } from '../../load/reading.ts'
import type { NodeMemory } from './node-memory.ts'
import { kept } from './passage.ts'

/** Sums that fade: what came in how long, and what the rooms that are there weigh. */
export interface Arrivals {
  came: number
  seconds: number
  rooms: number
  pressure: number
  /** Squares of what a node's pressure differs from that of as many mean rooms, for each of its rooms. */
  squares: number
  weight: number
  /** Of a room, in the snapshot before: the same for all nodes of the next one. */
  meanPressure: number
}

export const newArrivals = (): Arrivals => ({
  came: 0,
  seconds: 0,
  rooms: 0,
  pressure: 0,
  squares: 0,
  weight: 0,
  meanPressure: 0,
})

/** Rooms come in waves, but their sizes change little from hour to hour. */
const [RATE_HALF_LIFE_MS, SIZE_HALF_LIFE_MS] = [300_000, 1_800_000]
/** So much must have been seen for a rate. */
const LEAST_SECONDS = 60
/** Room-milliseconds: of what has faded below this, for days without a room, no digit is left. */
const LEAST_ROOMS = 1e-9
/** What is beyond was no measurement. */
const [MAX_ROOMS, MAX_PRESSURE] = [1e6, 100]

/** Before the nodes of a snapshot. */
export function beginArrivals(arrivals: Arrivals, stepMs: number): void {
  const [rateShare, sizeShare] = [kept(stepMs, RATE_HALF_LIFE_MS), kept(stepMs, SIZE_HALF_LIFE_MS)]
  arrivals.came *= rateShare
  arrivals.seconds = arrivals.seconds * rateShare + stepMs / 1_000
  arrivals.rooms *= sizeShare
  arrivals.pressure *= sizeShare
  arrivals.squares *= sizeShare
  arrivals.weight *= sizeShare
  if (arrivals.rooms >= LEAST_ROOMS) arrivals.meanPressure = arrivals.pressure / arrivals.rooms
}

/** Rooms that end within the same few seconds hide as many that come; that is the error of it. `forMs`: it stands for so long. */
export function learnArrivals(arrivals: Arrivals, node: NodeMemory, { rooms, pressure }: Reading, forMs: number): void {
  const [now, before] = [rooms !== undefined && rooms >= 0 && rooms <= MAX_ROOMS ? rooms : -1, node.rooms]
  node.rooms = now
  if (before >= 0 && now > before) arrivals.came += now - before
  if (now < 1 || !(pressure >= 0 && pressure < MAX_PRESSURE)) return
  arrivals.rooms += now * forMs
  arrivals.pressure += pressure * forMs
  arrivals.squares += ((pressure - now * arrivals.meanPressure) ** 2 / now) * forMs
  arrivals.weight += forMs
}

export interface RoomArrivals {
  readonly perSecond: number
  /** Pressure that one room brings to a node, and the mean of its square. */
  readonly meanPressure: number
  readonly meanSquarePressure: number
}

/**
 * Over the whole pool. Rooms tell no sizes of their own: the mean is pressure / rooms, the variance that of nodes with equally
 * many rooms, divided by them. Undefined: rooms are not told, or not long enough.
 */
export function roomArrivals({ arrivals }: { readonly arrivals: Arrivals }): RoomArrivals | undefined {
  const { came, seconds, rooms, pressure, squares, weight } = arrivals
  if (rooms < LEAST_ROOMS || weight === 0 || seconds < LEAST_SECONDS) return undefined
  const meanPressure = pressure / rooms
  return { perSecond: came / seconds, meanPressure, meanSquarePressure: meanPressure ** 2 + squares / weight }
}
