// What a pool is judged by, gathered from the caches. Reads only.
import type { Instant } from '../ambient/clock.ts'
import type { Host, Pod } from '../api/core.ts'
import { keyOf, type ObjectKey } from '../api/meta.ts'
import { drainSecondsOf, evictGraceSecondsOf } from '../api/promise.ts'
import type { RTCNode } from '../api/rtcnode.ts'
import type { RTCNodeClass } from '../api/rtcnodeclass.ts'
import type { RTCNodePool } from '../api/rtcnodepool.ts'
import type { HostSignals } from '../cluster/disruption.ts'
import { disruptionAt } from '../cluster/reaction.ts'
import type { Cache } from '../kube/cache.ts'
import { byController, controllerOf, orphansIn } from '../kube/owner.ts'
import { inNamespace } from '../kube/store.ts'
import type { FleetView } from '../registry/fleet.ts'
import { type Claim, claimOf, olderOverlapping, selects } from './claim.ts'
import { zoneOf } from './host.ts'
import { type Aim, aimOf, type ControllerRevision, type Recorded, recordedIn } from './revision.ts'
import type { Member, PoolView } from './view.ts'

export interface PoolCaches {
  readonly poolCache: Cache<RTCNodePool>
  readonly nodeCache: Cache<RTCNode>
  readonly revisionCache: Cache<ControllerRevision>
  readonly classCache: Cache<RTCNodeClass>
  readonly podCache: Cache<Pod>
  readonly hostCache: Cache<Host>
  readonly hostSignals: HostSignals
  readonly fleet: FleetView
  /** All that would set the replicas of a pool, people left out. */
  scalersOf(pool: ObjectKey): readonly string[]
}

/** All about one pool at one moment. */
export interface Observed {
  readonly pool: RTCNodePool
  readonly key: ObjectKey
  readonly owned: readonly RTCNode[]
  readonly claim: Claim
  readonly recorded: readonly Recorded[]
  readonly orphanedRecords: readonly ControllerRevision[]
  readonly aim: Aim
  readonly overlapsWith: string | undefined
}

export function observe(pool: RTCNodePool, { poolCache, nodeCache, revisionCache, classCache }: PoolCaches): Observed {
  const { uid, namespace = '' } = pool.metadata
  const owned = nodeCache.byIndex(byController, uid)
  const recorded = revisionCache.byIndex(byController, uid).flatMap(record => recordedIn(record) ?? [])
  return {
    pool,
    key: keyOf(pool),
    owned,
    claim: claimOf(pool, owned, nodeCache.byIndex(orphansIn, namespace)),
    recorded,
    orphanedRecords: revisionCache
      .byIndex(orphansIn, namespace)
      .filter(record => record.metadata.deletionTimestamp === undefined && selects(pool, record)),
    aim: aimOf(pool, recorded, name => classCache.get(name as ObjectKey)),
    overlapsWith: olderOverlapping(pool, poolCache.byIndex(inNamespace, namespace)),
  }
}

export function viewOf(
  { pool, owned, recorded, aim, overlapsWith }: Observed,
  caches: PoolCaches,
  createRefused: PoolView['createRefused'],
  now: Instant,
): PoolView {
  const { classCache, fleet } = caches
  const scalers = caches.scalersOf(keyOf(pool))
  const classOf = (className: string): RTCNodeClass | undefined => classCache.get(className as ObjectKey)
  const nodeClass = classOf((aim.update?.template ?? pool.spec.template).spec.className)
  const { state, freeze } = fleet.health()
  return {
    pool,
    members: owned.map(node => memberOf(node, caches)),
    target: aim.target,
    current: aim.current,
    revisions: recorded,
    classRollout: nodeClass?.spec.rollout ?? 'RollingUpdate',
    packs: nodeClass?.spec.placement === 'Pack',
    evictGraceSecondsOf: node => evictGraceSecondsOf(classOf(node.spec.className)),
    drainSecondsOf: node => drainSecondsOf(node, classOf(node.spec.className)),
    registry: { inSight: state === 'synced', frozen: freeze !== undefined },
    overlapsWith,
    contestedBy: scalers.length > 1 ? scalers : [],
    createRefused,
    now,
  }
}

function memberOf(node: RTCNode, caches: PoolCaches): Member {
  const { podCache, hostCache, fleet } = caches
  const key = keyOf(node)
  const named = podCache.get(key)
  const pod = named !== undefined && controllerOf(named)?.uid === node.metadata.uid ? named : undefined
  const hostName = pod?.spec.nodeName
  const host = hostName === undefined ? undefined : hostCache.get(hostName as ObjectKey)
  return {
    node,
    registration: fleet.registration(key),
    hasPod: pod !== undefined || node.status?.podUID !== undefined,
    disruption: disruptionAt(node, hostName, caches),
    zone: host && zoneOf(host),
  }
}
