// What people do, in steps: which rooms open when, and what goes wrong meanwhile. The same seed gives the same rooms whatever
// the policy is and wherever a run begins. The world asks in every step.
import type { Instant } from '../ambient/clock.ts'
import type { Fault } from './faults.ts'
import type { RoomEvents, Rooms } from './rooms.ts'
import type { SfuModel } from './sfu-model.ts'

export interface Workload {
  readonly name: string
  readonly title: string
  readonly stepSeconds: number
  /** Step 0. */
  readonly startsAt: Instant
  /** From here on it counts; what is before is for those who learn. */
  readonly scoredFrom: number
  /** The step after the last. */
  readonly steps: number
  readonly faults: readonly Fault[]
  /** How long people here need to be given on a node that goes, so that hardly anybody is cut. */
  readonly drainSeconds: number
  /** Opens the rooms of this step, or ends some early. */
  advance(step: number, rooms: Rooms, events: RoomEvents): void
}

/** How large the pool is that a workload is made for. */
export interface Scale {
  readonly model: SfuModel
  readonly seed: number
  /** At the peak of a usual day all streams together would fill so many nodes to the brim. */
  readonly peakNodes: number
}
