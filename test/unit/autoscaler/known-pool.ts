// A pool of which everything is known already: a node bears a thousand units, and may be 52 % full. For examples in round numbers.
import { type Instant, instant } from '../../../operator/ambient/clock.ts'
import {
  learn,
  type Memory,
  newMemory,
  type Recommendation,
  recommend,
} from '../../../operator/autoscaler/deciding/core.ts'
import type { NodeSample, Snapshot } from '../../../operator/autoscaler/learning/snapshot.ts'
import { aNode, aReading, aSnapshot, aSpec, MONDAY } from './learning/build.ts'

/** A Monday, 08:58 UTC. */
export const BEFORE_NINE = instant(MONDAY + (8 * 60 + 58) * 60_000)

export const known = (now: Instant = BEFORE_NINE): Memory => {
  const memory = newMemory(now)
  memory.learning.capacity.pool = 1_000
  memory.learning.dispersion.sigma = 0.13 / 2
  return memory
}

/** At :58 of an hour demand has risen so many times, and that it would has been right more often than the trend. */
export function risesAtTwoMinutesTo(memory: Memory, ratio: number): void {
  const { season, records } = memory.learning.forecasts
  season.hour.ratios[58] = ratio
  season.hour.periods[58] = 3
  Object.assign(records.hour, { count: records.hour.memory, loss: 0.1, trendLoss: 0.2 })
}

/** So many nodes that carry `units` together, evenly. */
export const carrying = (count: number, units: number, given: Partial<NodeSample> = {}): NodeSample[] =>
  Array.from({ length: count }, (_, i) => {
    const pressure = units / count / 1_000
    const reading = aReading({ pressure, units: units / count, rooms: undefined })
    return aNode(`${given.supply ?? 'open'}-${i}`, { reading, ...given })
  })

export const spec = (given: object = {}) =>
  aSpec({ maxReplicas: 100, targets: { joinLatencyP99Ms: 1_500, streamsPerNode: 1_000 }, ...given })

/** `replicas`: as many as take rooms or start. */
export const poolOf = (nodes: readonly NodeSample[], given: Partial<Snapshot> = {}): Snapshot =>
  aSnapshot(nodes, BEFORE_NINE, {
    spec: spec(),
    replicas: nodes.filter(({ supply }) => supply === 'open' || supply === 'starting').length,
    ...given,
  })

/** Looks on every ten seconds for so long; the last recommendation. */
export function watch(memory: Memory, at: Snapshot, seconds: number): Recommendation {
  const from = memory.learning.passage.at
  for (let passed = 10; passed <= seconds; passed += 10) {
    const beat = from + passed
    const nodes = at.nodes.map(node => (node.heard ? { ...node, beat } : node))
    learn(memory, { ...at, nodes, now: instant(from + passed * 1_000) })
  }
  return recommend(memory, { ...at, now: instant(from + seconds * 1_000) })
}
