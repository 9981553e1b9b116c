// The fleet in numbers, pool by pool: one walk over all nodes serves all gauges of a scrape. Pure. Called by metrics.ts.
import type { Instant } from '../ambient/clock.ts'
import { isOnGoingHost } from '../api/host-going.ts'
import { type ObjectKey, splitKey } from '../api/meta.ts'
import type { Phase, RTCNode } from '../api/rtcnode.ts'
import { conditionOf } from '../kube/conditions.ts'
import { poolOf } from '../kube/owner.ts'
import type { Registration } from '../registry/registration.ts'
import { drainNow } from './drain-now.ts'

export interface PoolCount {
  readonly namespace: string
  /** Empty for nodes that belong to no pool. */
  readonly pool: string
  /** How many there are, by `<phase>/<reason>`. */
  readonly nodes: Map<string, number>
  /** How many drain, by reason. */
  readonly drains: Map<string, number>
  sessions: number
  /** Of the drain that is most late. 0: none is. */
  drainOverdueSeconds: number
  /** How many empty nodes would hold what the nodes that take rooms can still take; undefined when no load is known. */
  openCapacity: number | undefined
}

/** One node as it is seen now. */
export interface SeenNode {
  readonly node: RTCNode
  readonly registration: Registration
  /** 1 is full; undefined when its load is not known. */
  readonly pressure: number | undefined
}

export function countFleet(nodes: Iterable<SeenNode>, now: Instant): readonly PoolCount[] {
  const counts = new Map<string, PoolCount>()
  for (const seen of nodes) count(countOf(counts, seen.node), seen, now)
  return [...counts.values()]
}

function countOf(counts: Map<string, PoolCount>, node: RTCNode): PoolCount {
  const { namespace, pool } = placeOf(node)
  const key = `${namespace}/${pool}`
  const known = counts.get(key)
  if (known !== undefined) return known
  const fresh: PoolCount = {
    namespace,
    pool,
    nodes: new Map(),
    drains: new Map(),
    sessions: 0,
    drainOverdueSeconds: 0,
    openCapacity: undefined,
  }
  counts.set(key, fresh)
  return fresh
}

function count(sum: PoolCount, { node, registration, pressure }: SeenNode, now: Instant): void {
  const { phase, reason } = standingOf(node)
  addOne(sum.nodes, `${phase}/${reason}`)
  sum.sessions += sessionsOn(node, registration) ?? 0
  const drain = drainNow(node)
  if (drain === undefined) {
    if (pressure !== undefined && !node.spec.cordoned && !isOnGoingHost(node))
      sum.openCapacity = (sum.openCapacity ?? 0) + Math.max(0, 1 - pressure)
    return
  }
  addOne(sum.drains, drain.reason)
  const overdueMs = drain.deadline === undefined ? 0 : now - drain.deadline
  sum.drainOverdueSeconds = Math.max(sum.drainOverdueSeconds, overdueMs / 1_000)
}

const addOne = (counts: Map<string, number>, key: string): void => void counts.set(key, (counts.get(key) ?? 0) + 1)

export function placeOf(node: RTCNode): { readonly namespace: string; readonly pool: string } {
  const pool: ObjectKey | undefined = poolOf(node)
  return { namespace: node.metadata.namespace ?? '', pool: pool === undefined ? '' : splitKey(pool).name }
}

/** As `kubectl get rtcn` shows it. */
export const standingOf = ({ status }: RTCNode): { readonly phase: Phase; readonly reason: string } => ({
  phase: status?.phase ?? 'Pending',
  reason: conditionOf(status?.conditions, 'Ready')?.reason ?? 'Pending',
})

/** By its heartbeat, else as last written to its status. */
export function sessionsOn({ status }: RTCNode, registration: Registration): number | undefined {
  if (registration.state === 'fresh' && registration.heartbeat.podUID === status?.podUID)
    return registration.heartbeat.sessions
  return status?.drain?.sessionsRemaining ?? status?.load?.sessions
}
