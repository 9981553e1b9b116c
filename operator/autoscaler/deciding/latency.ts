// What people of the pool experience, for the status: the time to join of all nodes together, and the goal beside it. Decides
// nothing. Pure; asked by recommend.ts.
import type { Targets } from '../../api/rtcautoscaler-spec.ts'
import type { NodeSample } from '../learning/snapshot.ts'

/**
 * The 99th percentile of joins over nodes that tell only their own: percentiles have no mean, so each node's joins are taken for
 * an exponential tail and the time is looked for that one join in a hundred exceeds. Undefined: nobody has joined.
 */
export function joinLatencyP99Of(nodes: readonly NodeSample[]): number | undefined {
  const joins = new Float64Array(BINS)
  const weighted = new Float64Array(BINS)
  let all = 0
  let longest = 0
  for (const { heard, reading } of nodes) {
    if (!heard || reading?.joinLatencyP99Ms === undefined || !(reading.joins > 0)) continue
    const p99 = Math.max(1, reading.joinLatencyP99Ms)
    const bin = binOf(p99)
    joins[bin] = (joins[bin] as number) + reading.joins
    weighted[bin] = (weighted[bin] as number) + reading.joins * p99
    all += reading.joins
    longest = Math.max(longest, p99)
  }
  return all === 0 ? undefined : exceededBy(0.01 * all, joins, weighted, longest)
}

/** Nodes that are alike share a bin, and are taken for its mean: four to an octave, which is the first three binary digits. */
const BINS = 32 * 4

function binOf(p99: number): number {
  const octave = 31 - Math.clz32(p99)
  return 4 * octave + ((p99 >>> Math.max(0, octave - 2)) & 3)
}

/** A millionth of the longest. */
const HALVINGS = 20

function exceededBy(late: number, joins: Float64Array, weighted: Float64Array, longest: number): number {
  let [low, high] = [0, longest]
  for (let i = 0; i < HALVINGS; i += 1) {
    const middle = (low + high) / 2
    let later = 0
    for (let bin = 0; bin < BINS; bin += 1) {
      const count = joins[bin] as number
      if (count > 0) later += count * 0.01 ** (middle / ((weighted[bin] as number) / count))
    }
    if (later > late) low = middle
    else high = middle
  }
  return high
}

/** The figure that people set a goal for, and the goal: `820/1500ms`. Undefined: no such goal, or nothing is told. */
export function latencyText(
  targets: Targets,
  joinLatencyP99Ms: number | undefined,
  nodes: readonly NodeSample[],
): string | undefined {
  const { joinLatencyP99Ms: goal, forwardLatencyP99Ms, packetLossPercent } = targets
  if (goal !== undefined && joinLatencyP99Ms !== undefined) return `${shown(joinLatencyP99Ms)}/${shown(goal)}ms`
  const quality = meanQuality(nodes)
  if (quality === undefined) return undefined
  const others = [goal, forwardLatencyP99Ms, packetLossPercent].filter(it => it !== undefined)
  if (others.length > 1) return `${Math.round(quality * 100)}% of goal`
  if (forwardLatencyP99Ms !== undefined)
    return `${shown(quality * forwardLatencyP99Ms)}/${shown(forwardLatencyP99Ms)}ms`
  return packetLossPercent === undefined
    ? undefined
    : `${shown(quality * packetLossPercent)}/${shown(packetLossPercent)}% loss`
}

function meanQuality(nodes: readonly NodeSample[]): number | undefined {
  let [sum, count] = [0, 0]
  for (const { supply, heard, reading } of nodes) {
    if (supply !== 'open' || !heard || reading?.quality === undefined) continue
    sum += reading.quality
    count += 1
  }
  return count === 0 ? undefined : sum / count
}

const shown = (value: number): string => String(value >= 10 ? Math.round(value) : Number(value.toPrecision(2)))
