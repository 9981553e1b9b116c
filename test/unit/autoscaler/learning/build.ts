// A pool that tells what it is told to, for the tests of what is learned from it.
import { type Instant, instant } from '../../../../operator/ambient/clock.ts'
import { type RTCAutoscaler, RTCAutoscalerKind } from '../../../../operator/api/rtcautoscaler.ts'
import { type Learning, learnNodes, newLearning } from '../../../../operator/autoscaler/learning/learning.ts'
import type { NodeSample, Snapshot } from '../../../../operator/autoscaler/learning/snapshot.ts'
import type { Reading } from '../../../../operator/load/reading.ts'

/** A Monday, 00:00 UTC. */
export const MONDAY = instant(Date.UTC(2026, 5, 1))
export const GOAL_MS = 1_500

export const aSpec = (given: object = {}): RTCAutoscaler['spec'] =>
  RTCAutoscalerKind.spec.parse({
    poolName: 'p',
    maxReplicas: 1_000,
    targets: { joinLatencyP99Ms: GOAL_MS },
    ...given,
  }) as RTCAutoscaler['spec']

const spec = aSpec()

export const aReading = (given: Partial<Reading> = {}): Reading => ({
  pressure: 0.5,
  by: 'cpu',
  units: 500,
  sessions: 100,
  rooms: 10,
  joins: 0,
  joinLatencyP99Ms: undefined,
  quality: undefined,
  ...given,
})

export const aNode = (name: string, given: Partial<NodeSample> = {}): NodeSample => ({
  name,
  shape: 'a',
  supply: 'open',
  waitedForHost: false,
  heard: true,
  beat: 0,
  reading: aReading(),
  ...given,
})

export const aSnapshot = (nodes: readonly NodeSample[], now: Instant, given: Partial<Snapshot> = {}): Snapshot => ({
  now,
  spec,
  replicas: nodes.length,
  nodes,
  registry: { inSight: true, frozen: false },
  ...given,
})

/** A pool whose clock goes on with each snapshot, and each of whose nodes beats before each. */
export interface Watched {
  readonly learning: Learning
  now: Instant
  beats: number
}

export const watched = (learning: Learning = newLearning(MONDAY)): Watched => ({
  learning,
  now: learning.passage.at,
  beats: 0,
})

/** Each node with a fresh heartbeat after `seconds`. */
export function watch(
  it: Watched,
  nodes: readonly NodeSample[],
  seconds = 10,
  given: Partial<Snapshot> = {},
  latencyIsLoadRelated = true,
): void {
  it.now = instant(it.now + seconds * 1_000)
  it.beats += 1
  const fresh = nodes.map(node => ({ ...node, beat: it.beats }))
  learnNodes(it.learning, aSnapshot(fresh, it.now, given), latencyIsLoadRelated)
}

/** Of join latency: what a reading tells of `joins` in the last half minute whose 99th percentile is `quality` times the goal. */
export const joined = (joins: number, quality: number): Partial<Reading> => ({
  joins,
  quality,
  joinLatencyP99Ms: quality * GOAL_MS,
})
