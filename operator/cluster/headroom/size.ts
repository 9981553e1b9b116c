// How much room is kept on hosts for a pool: what people ask for, or what demand grows by while a host is made and what schedules ask
// for soon. Pure; asked by plan.ts.
import { fromTimestamp, type Instant } from '../../ambient/clock.ts'
import type { RTCAutoscaler } from '../../api/rtcautoscaler.ts'
import type { PoolHeadroom, RTCNodePool } from '../../api/rtcnodepool.ts'

/** A pod of twenty seconds on a host of two minutes, until a host has been made and its time was measured. */
export const HOST_SECONDS = 150
/** Where nobody works out what the load needs. */
const SHARE_WITHOUT_AUTOSCALER = 0.1
/** Not more than so many of the nodes there are: a burst beyond doubles the pool in one lead time. */
const LARGEST_SHARE = 0.5
/** Room is given back one place at a time, so late: making a host for it again takes longer than keeping it. */
export const FALLS_AFTER_MS = 600_000

/** Places for nodes. `before`: what the status says; `autoscaler`: that which scales the pool. */
export function wantedPlaces(
  pool: RTCNodePool,
  autoscaler: RTCAutoscaler | undefined,
  before: PoolHeadroom | undefined,
  now: Instant,
): number {
  const asked = pool.spec.headroom?.nodes ?? 0
  if (typeof asked === 'number') return asked
  const wanted = Math.max(forGrowth(pool.spec.replicas, autoscaler), announcedPlaces(pool))
  if (before === undefined || wanted >= before.wanted) return wanted
  // The nodes it was for have it now, or will not come.
  if (before.wanted === before.announced) return wanted
  const changedAt = fromTimestamp(before.changedAt)
  const mayFall = changedAt === undefined || now - changedAt >= FALLS_AFTER_MS
  return mayFall ? Math.max(wanted, before.wanted - 1) : before.wanted
}

/** Those that people ask for by a schedule, however many; see operator/cluster/announced. */
export const announcedPlaces = ({ spec, status }: RTCNodePool): number =>
  spec.headroom?.nodes === 'auto' && status?.announced?.by === 'Headroom' ? status.announced.nodes : 0

function forGrowth(replicas: number, autoscaler: RTCAutoscaler | undefined): number {
  if (replicas === 0) return 0
  const most = Math.max(1, Math.ceil(replicas * LARGEST_SHARE))
  // What it will never ask for needs no room.
  const open = autoscaler === undefined ? most : Math.max(0, autoscaler.spec.maxReplicas - replicas)
  const nodes = growthInNodes(autoscaler) ?? Math.ceil(replicas * SHARE_WITHOUT_AUTOSCALER)
  return Math.min(Math.max(1, nodes), most, open)
}

/**
 * The forecast looks one lead time ahead, and that is the time a host takes where hosts had to be made lately. Where they had not,
 * starts are quick, the forecast is short, and what it expects is stretched to the time a host would take. Undefined: not known.
 */
function growthInNodes(autoscaler: RTCAutoscaler | undefined): number | undefined {
  const { terms, leadTime } = autoscaler?.status ?? {}
  const { demand, forecast, capacity, safePressure } = terms ?? {}
  if (demand === undefined || forecast === undefined || capacity === undefined || safePressure === undefined)
    return undefined
  const perNode = capacity * safePressure
  if (!(perNode > 0)) return undefined
  const stretch =
    leadTime?.coldSeconds === undefined ? HOST_SECONDS / Math.max(1, leadTime?.warmSeconds ?? HOST_SECONDS) : 1
  const nodes = (Math.max(0, forecast - demand) * Math.max(1, stretch)) / perNode
  return Number.isFinite(nodes) ? Math.ceil(nodes) : undefined
}
