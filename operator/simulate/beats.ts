// What is heard of the nodes: a heartbeat of each, from what it really carries, with the noise of measuring; some do not arrive.
// Called by the world in every step.
import type { Chance } from './chance.ts'
import type { Faulty } from './faults.ts'
import { joinP99Ms, observedP99Ms, type SfuModel, utilisationAt } from './sfu-model.ts'
import type { SimNode } from './sim-node.ts'

/** Each node beats that often, or in every step where steps are longer; not all of them in the same. */
const BEAT_SECONDS = 10
/** A node is not heard any more when three beats are missing. */
const FRESH_BEATS = 3

const stepsBetween = (stepSeconds: number): number => Math.max(1, Math.round(BEAT_SECONDS / stepSeconds))

export const isHeard = ({ telemetry }: SimNode, step: number, stepSeconds: number): boolean =>
  step - telemetry.heardAt <= FRESH_BEATS * stepsBetween(stepSeconds)

export function beat(
  node: SimNode,
  step: number,
  stepSeconds: number,
  model: SfuModel,
  faulty: Faulty,
  chance: Chance,
): void {
  if (node.phase === 'starting' || (step + node.slot) % stepsBetween(stepSeconds) !== 0) return
  if (faulty.registryIsOut || node.luck < faulty.silentShare) return
  const { telemetry, people, streams, rooms } = node
  const { heartbeat } = telemetry
  const utilisation = utilisationAt(model, streams)
  let joins = 0
  for (const count of node.joins) joins += count
  telemetry.heardAt = step
  telemetry.beat += 1
  heartbeat.seq = telemetry.beat
  heartbeat.sessions = people
  heartbeat.streams = streams
  heartbeat.rooms = rooms
  heartbeat.cpu = 100 * Math.max(0, Math.min(1, utilisation) * (1 + model.node.cpuNoise * chance.normal()))
  heartbeat.joins = joins
  heartbeat.joinLatencyP99Ms =
    joins === 0
      ? undefined
      : faulty.latencyFactor * observedP99Ms(model, joinP99Ms(model, utilisation), joins, chance.normal())
}
