// The table of `kubectl rtc top`: a line for each pool and for each node. Pure, over what the API server has; top-text.ts draws it.
import { fromTimestamp, type Instant } from '../ambient/clock.ts'
import { closedByPool } from '../api/closed-by-pool.ts'
import { keyOf, type ObjectKey } from '../api/meta.ts'
import type { RTCAutoscaler } from '../api/rtcautoscaler.ts'
import type { RTCNode } from '../api/rtcnode.ts'
import type { RTCNodePool } from '../api/rtcnodepool.ts'
import { conditionOf } from '../kube/conditions.ts'
import { poolOf } from '../kube/owner.ts'
import { inCharge } from '../load/in-charge.ts'
import { fullnessOf, pressureOf } from '../load/pressure.ts'
import { peopleOn } from './explain-node.ts'
import { type Standing, standingOf } from './members.ts'

export interface Fleet {
  readonly pools: readonly RTCNodePool[]
  readonly nodes: readonly RTCNode[]
  readonly autoscalers: readonly RTCAutoscaler[]
}

export interface NodeLine {
  readonly namespace: string
  readonly name: string
  /** Absent: it belongs to no pool. */
  readonly pool?: string
  readonly standing: Standing
  readonly reason: string
  /** From 0; 1 is full. As the autoscaler of its pool reckons, else by CPU; absent while that is unknown. */
  readonly load?: number
  readonly sessions?: number
  readonly joinLatencyP99Ms?: number
  readonly host?: string
  /** RFC 3339: until when people may stay on a node that is closed by its pool or deleted. */
  readonly deadline?: string
  readonly deadlineInMs?: number
}

export interface PoolLine {
  readonly namespace: string
  readonly name: string
  readonly wanted: number
  readonly open: number
  readonly draining: number
  readonly sessions?: number
  readonly reason: string
  readonly autoscaler?: AutoscalerLine
}

interface AutoscalerLine {
  readonly name: string
  readonly desired?: number
  readonly pressure?: number
  readonly latency?: string
  readonly reason: string
}

export interface Top {
  readonly pools: readonly PoolLine[]
  readonly nodes: readonly NodeLine[]
}

export const sortings = ['name', 'load', 'sessions', 'p99', 'drain'] as const
export type Sorting = (typeof sortings)[number]

export function topOf({ pools, nodes, autoscalers }: Fleet, sorting: Sorting, now: Instant): Top {
  const inChargeOf = new Map(pools.map(pool => [keyOf(pool), inCharge(keyOf(pool), autoscalers)]))
  const autoscalerOf = (key: ObjectKey | undefined) => (key === undefined ? undefined : inChargeOf.get(key))
  return {
    pools: [...pools].sort(byKey).map(pool => poolLine(pool, autoscalerOf(keyOf(pool)))),
    nodes: nodes.map(node => nodeLine(node, autoscalerOf(poolOf(node)), now)).sort(orders[sorting]),
  }
}

const byKey = (a: RTCNodePool, b: RTCNodePool): number => (keyOf(a) < keyOf(b) ? -1 : 1)

function poolLine({ metadata, spec, status }: RTCNodePool, autoscaler: RTCAutoscaler | undefined): PoolLine {
  return {
    namespace: metadata.namespace ?? '',
    name: metadata.name,
    wanted: spec.replicas,
    open: status?.openReplicas ?? 0,
    draining: status?.drainingReplicas ?? 0,
    ...(status?.sessions === undefined ? {} : { sessions: status.sessions }),
    reason: conditionOf(status?.conditions, 'Progressing')?.reason ?? 'not looked at yet',
    ...(autoscaler === undefined ? {} : { autoscaler: autoscalerLine(autoscaler) }),
  }
}

function autoscalerLine({ metadata, status }: RTCAutoscaler): AutoscalerLine {
  const { desiredReplicas, pressure, latency } = status ?? {}
  return {
    name: metadata.name,
    ...(desiredReplicas === undefined ? {} : { desired: desiredReplicas }),
    ...(pressure === undefined ? {} : { pressure }),
    ...(latency === undefined ? {} : { latency }),
    reason: conditionOf(status?.conditions, 'ScalingActive')?.reason ?? 'not looked at yet',
  }
}

function nodeLine(node: RTCNode, autoscaler: RTCAutoscaler | undefined, now: Instant): NodeLine {
  const { metadata, status } = node
  const pool = poolOf(node)?.split('/').at(-1)
  const load = loadOf(node, autoscaler)
  const sessions = peopleOn(node)
  const deadline = status?.drain?.deadline ?? closedByPool(node)?.deadline
  const deadlineAt = fromTimestamp(deadline)
  return {
    namespace: metadata.namespace ?? '',
    name: metadata.name,
    ...(pool === undefined ? {} : { pool }),
    standing: standingOf(node),
    reason: conditionOf(status?.conditions, 'Ready')?.reason ?? 'Pending',
    ...(load === undefined ? {} : { load }),
    ...(sessions === undefined ? {} : { sessions }),
    ...(status?.load?.joinLatencyP99Ms === undefined ? {} : { joinLatencyP99Ms: status.load.joinLatencyP99Ms }),
    ...(status?.nodeName === undefined ? {} : { host: status.nodeName }),
    ...(deadline === undefined ? {} : { deadline }),
    ...(deadlineAt === undefined ? {} : { deadlineInMs: Math.max(0, deadlineAt - now) }),
  }
}

/** Of the coarse picture in the status: the live one is in the registry, where this program does not look. */
function loadOf({ status }: RTCNode, autoscaler: RTCAutoscaler | undefined): number | undefined {
  const { load } = status ?? {}
  if (load === undefined) return undefined
  const { sessions, streams, cpuPercent } = load
  const beat = { podUID: '-', bootId: '-', seq: 0, state: 'serving' as const, sessions, streams, cpu: cpuPercent }
  return pressureOf(beat, fullnessOf(autoscaler?.spec.targets ?? {}))?.pressure
}

type Order = (a: NodeLine, b: NodeLine) => number

const byName: Order = (a, b) => {
  const [nameA, nameB] = [a, b].map(({ namespace, pool = '~', name }) => `${namespace}/${pool}/${name}`)
  return (nameA ?? '') < (nameB ?? '') ? -1 : 1
}
/** The largest first; those of which it is not known last. */
const most =
  (figureOf: (line: NodeLine) => number | undefined): Order =>
  (a, b) =>
    (figureOf(b) ?? -1) - (figureOf(a) ?? -1) || byName(a, b)

/** Whose time is up first. */
const soonest: Order = (a, b) => {
  const [left, right] = [a, b].map(({ deadlineInMs = Number.POSITIVE_INFINITY }) => deadlineInMs)
  return left === right ? byName(a, b) : (left ?? 0) - (right ?? 0)
}

const orders: Readonly<Record<Sorting, Order>> = {
  name: byName,
  load: most(line => line.load),
  sessions: most(line => line.sessions),
  p99: most(line => line.joinLatencyP99Ms),
  drain: soonest,
}
