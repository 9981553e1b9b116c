// Keeps the load of all nodes whose pool has an autoscaler, beat by beat, for those who act on it: the lifecycle asks for the
// admission of a node, the autoscaler for its reading. Made by run.ts. Nodes without an autoscaler cost one look-up a beat.
import type { Clock } from '../ambient/clock.ts'
import type { Heartbeat, PlainLoad } from '../api/heartbeat.ts'
import { type ObjectKey, type ObjectMeta, splitKey } from '../api/meta.ts'
import type { RTCAutoscaler } from '../api/rtcautoscaler.ts'
import type { RTCNode } from '../api/rtcnode.ts'
import { type Cache, isSynced } from '../kube/cache.ts'
import { poolOf } from '../kube/owner.ts'
import type { FleetView } from '../registry/fleet.ts'
import { listeners } from '../registry/listeners.ts'
import type { Registration } from '../registry/registration.ts'
import type { Logger } from '../telemetry/log.ts'
import { type Admission, fullyOpen, standingOf } from './admission.ts'
import { inCharge, poolKeyOf } from './in-charge.ts'
import type { LoadMetrics } from './metrics.ts'
import { hear, type LoadTerms, loadTerms, miss, type NodeLoad, silences, unheard } from './node-load.ts'
import { add, emptyPool, hasRisen, type PoolLoad, type Share, shareOf, takeAway } from './pool-load.ts'
import { tiers } from './tier.ts'

export interface Loads {
  /** Undefined: its pool has no autoscaler, or nothing was heard of it yet. */
  of(node: ObjectKey): Readonly<NodeLoad> | undefined
  /** What load means for the admission of a node: fully open without an autoscaler that acts; as it stands until it is heard. */
  admission(node: ObjectKey): Admission
  /** When the admission of a node has changed. */
  onAdmission(listener: (node: ObjectKey) => void): () => void
  /** When a beat may have made a pool need more; see pool-load.ts. */
  onPressure(listener: (pool: ObjectKey) => void): () => void
  /** All autoscalers and nodes are known, or those in the namespace of a key: before that, a node may seem to have none. */
  ready(key?: ObjectKey): boolean
}

export interface LoadsDeps {
  readonly fleet: Pick<FleetView, 'registration' | 'intent' | 'onChange'>
  readonly nodeCache: Cache<RTCNode>
  readonly autoscalerCache: Cache<RTCAutoscaler>
  readonly clock: Clock
  readonly log: Logger
  readonly metrics: LoadMetrics
}

interface Pool {
  readonly key: ObjectKey
  readonly nodes: Set<ObjectKey>
  scaling: Scaling | undefined
}

/** What an autoscaler says about the nodes of its pool. */
interface Scaling {
  readonly terms: LoadTerms
  readonly sum: PoolLoad
  readonly by: Pick<ObjectMeta, 'uid' | 'generation'>
  /** Tiers reach the intents of nodes. */
  readonly acts: boolean
}

interface Beat {
  readonly tells: Heartbeat | PlainLoad
  readonly revision: number
}

interface Node {
  pool: Pool
  is: RTCNode
  load: NodeLoad | undefined
  /** Of the beat that was heard last. */
  revision: number | undefined
  share: Share | undefined
}

export function loadsKeeper({ fleet, nodeCache, autoscalerCache, clock, log, metrics }: LoadsDeps): Loads {
  const nodes = new Map<ObjectKey, Node>()
  const pools = new Map<ObjectKey, Pool>()
  const admissions = listeners<[ObjectKey]>('loads keeper', log)
  const pressures = listeners<[ObjectKey]>('loads keeper', log)
  for (const cause of silences) metrics.rtcnode_load_unknown_beats_total.inc({ cause }, 0)

  nodeCache.onChange(({ key, new: node }) => (node === undefined ? removeNode(key) : putNode(key, node)))
  autoscalerCache.onChange(({ old, new: now }) => {
    for (const pool of new Set([old, now].flatMap(it => (it === undefined ? [] : [poolKeyOf(it)])))) rescale(pool)
  })
  fleet.onChange(look)

  function putNode(key: ObjectKey, is: RTCNode): void {
    const poolKey = poolOf(is)
    const known = nodes.get(key)
    if (known?.pool.key === poolKey && known?.is.metadata.uid === is.metadata.uid) known.is = is
    else {
      removeNode(key)
      if (poolKey !== undefined) addNode(key, is, poolAt(poolKey))
    }
    look(key)
  }

  function addNode(key: ObjectKey, is: RTCNode, pool: Pool): void {
    nodes.set(key, { pool, is, load: undefined, revision: undefined, share: undefined })
    pool.nodes.add(key)
  }

  function removeNode(key: ObjectKey): void {
    const node = nodes.get(key)
    if (node === undefined) return
    unload(node)
    node.pool.nodes.delete(key)
    nodes.delete(key)
    dropIfEmpty(node.pool)
  }

  function poolAt(key: ObjectKey): Pool {
    const pool = pools.get(key) ?? { key, nodes: new Set(), scaling: undefined }
    pools.set(key, pool)
    return pool
  }

  function dropIfEmpty(pool: Pool): void {
    if (pool.nodes.size === 0 && pool.scaling === undefined) pools.delete(pool.key)
  }

  /** Another autoscaler counts for the pool, or the one that did says something else, or none does any more. */
  function rescale(key: ObjectKey): void {
    const pool = poolAt(key)
    const { scaling: before } = pool
    const by = inCharge(key, autoscalerCache.list())
    const isNews = before?.by.uid !== by?.metadata.uid || before?.by.generation !== by?.metadata.generation
    if (isNews) {
      const restricted = restrictedIn(pool)
      if (by === undefined) for (const node of pool.nodes) unload(nodes.get(node))
      pool.scaling = by && scalingBy(by, before)
      countTiers(pool)
      pool.nodes.forEach(look)
      for (const node of new Set([...restricted, ...restrictedIn(pool)])) admissions.tell(node)
    }
    dropIfEmpty(pool)
  }

  const restrictedIn = (pool: Pool): ObjectKey[] => [...pool.nodes].filter(node => admission(node) !== fullyOpen)

  /** The registry or the node has changed. */
  function look(key: ObjectKey): void {
    const node = nodes.get(key)
    const scaling = node?.pool.scaling
    if (node === undefined || scaling === undefined) return
    const beat = beatIn(fleet.registration(key), node.is)
    if (beat === undefined) {
      if (node.load?.heard) miss(node.load)
    } else if (beat.revision !== node.revision) take(key, node, beat, scaling)
    recount(node, scaling)
    if (hasRisen(scaling.sum, scaling.terms.watermarks)) pressures.tell(node.pool.key)
  }

  function take(key: ObjectKey, node: Node, { tells, revision }: Beat, scaling: Scaling): void {
    const before = node.load
    const load = before ?? unheard(standingOf(fleet.intent(key)))
    const { tier } = load.tier
    const told = load.admission.admission
    const silence = hear(load, tells, scaling.terms, clock.monotonic())
    if (silence !== undefined) metrics.rtcnode_load_unknown_beats_total.inc({ cause: silence })
    node.load = load
    node.revision = revision
    if (before === undefined || tier !== load.tier.tier) {
      if (before !== undefined) scaling.sum.byTier[tier] -= 1
      scaling.sum.byTier[load.tier.tier] += 1
      countTiers(node.pool)
    }
    if (told !== load.admission.admission && scaling.acts) admissions.tell(key)
  }

  function recount(node: Node, { sum }: Scaling): void {
    if (node.share !== undefined) takeAway(sum, node.share)
    node.share = node.load !== undefined && takesRooms(node.is) ? shareOf(node.load) : undefined
    if (node.share !== undefined) add(sum, node.share)
  }

  function unload(node: Node | undefined): void {
    if (node?.load === undefined) return
    const { scaling } = node.pool
    if (scaling !== undefined) {
      if (node.share !== undefined) takeAway(scaling.sum, node.share)
      scaling.sum.byTier[node.load.tier.tier] -= 1
      countTiers(node.pool)
    }
    node.share = undefined
    node.load = undefined
    node.revision = undefined
  }

  function countTiers({ key, scaling }: Pool): void {
    const { namespace = '', name: pool } = splitKey(key)
    for (const tier of tiers) {
      const gauge = { namespace, pool, tier }
      if (scaling === undefined) metrics.rtcnode_load_nodes.remove(gauge)
      else metrics.rtcnode_load_nodes.set(gauge, scaling.sum.byTier[tier])
    }
  }

  function admission(key: ObjectKey): Admission {
    const node = nodes.get(key)
    if (node?.pool.scaling?.acts !== true) return fullyOpen
    return node.load?.admission.admission ?? standingOf(fleet.intent(key))
  }

  return {
    of: node => nodes.get(node)?.load,
    admission,
    onAdmission: admissions.add,
    onPressure: pressures.add,
    ready: key => isSynced(nodeCache, key) && isSynced(autoscalerCache, key),
  }
}

/** An autoscaler that is there to recommend changes nothing. What has been learned about people stays. */
const scalingBy = ({ metadata, spec }: RTCAutoscaler, before: Scaling | undefined): Scaling => ({
  by: metadata,
  acts: spec.mode === 'Apply',
  terms: { ...loadTerms(spec), pressurePerJoin: before?.terms.pressurePerJoin },
  sum: before?.sum ?? emptyPool(),
})

/** The beat that tells the load of this life of a node now. */
function beatIn(registration: Registration, { status }: RTCNode): Beat | undefined {
  if (registration.state === 'plain') return { tells: registration.load, revision: registration.revision }
  if (registration.state !== 'fresh' || registration.heartbeat.podUID !== status?.podUID) return undefined
  return { tells: registration.heartbeat, revision: registration.revision }
}

/** Neither its pool nor people have closed it. */
const takesRooms = ({ metadata, spec }: RTCNode): boolean => !spec.cordoned && metadata.deletionTimestamp === undefined
