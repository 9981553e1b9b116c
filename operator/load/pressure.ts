// How full a node is, as one number: use divided by what fills the node, in the dimension where that is most. Pure. Asked for
// every heartbeat by reading.ts; whoever explains a decision names the dimension.
import type { Heartbeat, PlainLoad } from '../api/heartbeat.ts'
import type { Targets } from '../api/rtcautoscaler-spec.ts'

export type Dimension = 'cpu' | 'streams' | 'bandwidth' | 'packets' | 'gpu-memory' | 'nic-queue'

/** The use at which a node is full (pressure 1). Undefined: that dimension does not count. */
export interface Fullness {
  readonly cpuPercent: number
  readonly streams: number | undefined
  readonly bandwidthMbps: number | undefined
  readonly packetsPerSecond: number | undefined
  readonly gpuMemoryFreeMiB: number | undefined
  readonly nicQueueDepth: number | undefined
}

/** LiveKit's node selector and jicofo both stop at 90 %. */
const FULL_CPU_PERCENT = 90

export const fullnessOf = (targets: Targets): Fullness => ({
  cpuPercent: targets.cpuPercent ?? FULL_CPU_PERCENT,
  streams: targets.streamsPerNode,
  bandwidthMbps: targets.bandwidthMbps,
  packetsPerSecond: targets.packetsPerSecond,
  gpuMemoryFreeMiB: targets.gpuMemoryFreeMiB,
  nicQueueDepth: targets.nicQueueDepth,
})

export interface Pressure {
  /** From 0; 1 is full. Not clamped: how far above 1 it is says how much is needed. */
  readonly pressure: number
  /** The dimension that binds. */
  readonly by: Dimension
}

export const isFullHeartbeat = (beat: Heartbeat | PlainLoad): beat is Heartbeat => 'podUID' in beat

/**
 * `max(use / full)` over all dimensions that the beat tells and that count. Latency and loss are not among them: they have
 * causes other than load (autoscaling by a ratio of latency overshoots). Undefined: the beat tells of none of them.
 */
export function pressureOf(beat: Heartbeat | PlainLoad, full: Fullness): Pressure | undefined {
  let pressure = -1
  let by: Dimension = 'cpu'
  const consider = (dimension: Dimension, value: number | undefined): void => {
    if (value === undefined || value <= pressure) return
    pressure = value
    by = dimension
  }
  consider('cpu', share(beat.cpu, full.cpuPercent))
  consider('streams', share(beat.streams, full.streams))
  // In the plain form nobody has checked anything else.
  if (isFullHeartbeat(beat)) {
    consider('bandwidth', share(beat.bandwidthMbps, full.bandwidthMbps))
    consider('packets', share(beat.packetsPerSecond, full.packetsPerSecond))
    consider('gpu-memory', shareOfRest(beat.gpuMemoryFreeMiB, full.gpuMemoryFreeMiB))
    consider('nic-queue', share(beat.nicQueueDepth, full.nicQueueDepth))
  }
  return pressure < 0 ? undefined : { pressure, by }
}

const share = (use: number | undefined, full: number | undefined): number | undefined =>
  use === undefined || full === undefined ? undefined : use / full

/**
 * Of something of which only the rest is told: 1 when no more than `full` is left, towards 0 the more there is. Below `full`
 * it goes on as steeply as there, up to 2 when nothing is left, because a quotient would have no end.
 */
function shareOfRest(left: number | undefined, full: number | undefined): number | undefined {
  if (left === undefined || full === undefined) return undefined
  return left >= full ? full / left : 2 - left / full
}
