// What could not be done with less: as many nodes at each moment as the load needs at its goal, were everybody where there is
// room, and every node there when it is needed. No policy that keeps the goal can have fewer; the others are measured by it.
import { type RoomEvents, rooms } from './rooms.ts'
import { type SfuModel, utilisationAt, utilisationFor } from './sfu-model.ts'
import type { Workload } from './workload.ts'

export interface Minimum {
  readonly nodeHours: number
  /** The most of each minute. */
  readonly nodes: readonly number[]
}

/** Meetings that began before the scored time still go on in it. */
const EARLIER_SECONDS = 86_400

export function clairvoyantMinimum(model: SfuModel, workload: Workload, goalMs: number, minReplicas: number): Minimum {
  const { stepSeconds } = workload
  const people = rooms(stepSeconds, workload.steps)
  const nodes: number[] = []
  let streams = 0
  let nodeSteps = 0
  const events: RoomEvents = {
    join(room, count) {
      streams -= people.streams(room)
      people.admit(room, count)
      streams += people.streams(room)
    },
    end(room) {
      streams -= people.streams(room)
    },
  }
  const streamsEach = streamsAt(model, utilisationFor(model, goalMs))
  const begin = Math.max(0, workload.scoredFrom - EARLIER_SECONDS / stepSeconds)
  let most = 0
  for (let step = begin; step < workload.steps; step += 1) {
    workload.advance(step, people, events)
    people.advance(step, events)
    if (step < workload.scoredFrom) continue
    const needed = Math.max(minReplicas, Math.ceil(streams / streamsEach))
    nodeSteps += needed
    most = Math.max(most, needed)
    if (step % (60 / stepSeconds) !== 0) continue
    nodes.push(most)
    most = 0
  }
  return { nodeHours: (nodeSteps * stepSeconds) / 3_600, nodes }
}

/** How many streams one node may forward at this utilisation. */
function streamsAt(model: SfuModel, utilisation: number): number {
  const idle = utilisationAt(model, 0)
  return Math.max(1, ((utilisation - idle) / (1 - idle)) * model.node.streamsAtFull)
}
