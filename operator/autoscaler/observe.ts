// What a decision is made from, gathered from the caches: who else scales the pool, and the pool's nodes with what was last
// heard of them. Reads only.
import type { Instant } from '../ambient/clock.ts'
import type { Host } from '../api/core.ts'
import { keyOf, type ObjectKey } from '../api/meta.ts'
import type { RTCAutoscaler } from '../api/rtcautoscaler.ts'
import type { RTCNode } from '../api/rtcnode.ts'
import type { RTCNodePool } from '../api/rtcnodepool.ts'
import type { Cache } from '../kube/cache.ts'
import { byController } from '../kube/owner.ts'
import { poolKeyOf } from '../load/in-charge.ts'
import type { Loads } from '../load/loads.ts'
import { type FleetView, STALE_AFTER_MS } from '../registry/fleet.ts'
import type { NodeSample, Snapshot } from './learning/snapshot.ts'
import { shapeOf, supplyOf, troubleOf, waitsForHost } from './node-facts.ts'
import { byPool, type ForeignScaler, foreignNames, olderAutoscaler } from './rivals.ts'
import { PAUSE_FLAG, type Standing, standingOf } from './standing.ts'

export interface AutoscalerCaches {
  readonly autoscalerCache: Cache<RTCAutoscaler>
  readonly poolCache: Cache<RTCNodePool>
  readonly nodeCache: Cache<RTCNode>
  readonly hostCache: Cache<Host>
  readonly hpaCache: Cache<ForeignScaler>
  readonly scaledObjectCache: Cache<ForeignScaler>
  readonly fleet: FleetView
  readonly loads: Pick<Loads, 'of' | 'onPressure' | 'ready'>
}

/** Whose replicas are to be set, and whether this one may. */
export interface Observed {
  readonly autoscaler: RTCAutoscaler
  readonly key: ObjectKey
  readonly pool: RTCNodePool | undefined
  readonly standing: Standing
}

export function observe(autoscaler: RTCAutoscaler, caches: AutoscalerCaches): Observed {
  const poolKey = poolKeyOf(autoscaler)
  const pool = caches.poolCache.get(poolKey)
  const foreign = foreignNames(foreignOf(poolKey, caches))
  const older = olderAutoscaler(autoscaler, caches.autoscalerCache.byIndex(byPool, poolKey))
  const pauseFlag = caches.fleet.flag(PAUSE_FLAG)
  return {
    autoscaler,
    key: keyOf(autoscaler),
    pool,
    standing: standingOf({ autoscaler, pool, foreign, older, pauseFlag }),
  }
}

export const foreignOf = (
  pool: ObjectKey,
  { hpaCache, scaledObjectCache }: Pick<AutoscalerCaches, 'hpaCache' | 'scaledObjectCache'>,
): ForeignScaler[] => [...scaledObjectCache.byIndex(byPool, pool), ...hpaCache.byIndex(byPool, pool)]

/** The samples of one pool's nodes, made once and changed in place: ten thousand of them are looked at each time. */
export interface Samples {
  readonly byName: Map<string, Sample>
}

type Sample = Writable<NodeSample> & { readonly key: ObjectKey; of: RTCNode }
type Writable<T> = { -readonly [Field in keyof T]: T[Field] }

export const noSamples = (): Samples => ({ byName: new Map() })

export interface Sampled {
  readonly nodes: readonly NodeSample[]
  /** What keeps nodes from starting, in one sentence; undefined: nothing does. */
  readonly notStarting: string | undefined
}

export function sample(pool: RTCNodePool, { byName }: Samples, caches: AutoscalerCaches): Sampled {
  const owned = caches.nodeCache.byIndex(byController, pool.metadata.uid)
  const nodes: Sample[] = []
  const troubles = new Map<string, number>()
  for (const node of owned) {
    const { name } = node.metadata
    const held = byName.get(name) ?? newSample(node)
    const load = caches.loads.of(held.key)
    if (held.of !== node || held.shape === '') {
      held.of = node
      held.supply = supplyOf(node)
      held.waitedForHost ||= waitsForHost(node)
      held.shape = shapeOf(node, hostOf(node, caches), load?.earlier?.beat)
    }
    held.heard = load?.heard === true
    held.beat = load?.beat ?? 0
    held.reading = load?.reading
    byName.set(name, held)
    nodes.push(held)
    const trouble = held.supply === 'starting' ? troubleOf(node) : undefined
    if (trouble !== undefined) troubles.set(trouble, (troubles.get(trouble) ?? 0) + 1)
  }
  if (byName.size > nodes.length) forgetGone(byName, nodes)
  return { nodes, notStarting: inWords(troubles) }
}

/**
 * Until then who has not been heard is not silent: since the registry came into sight, as after a restart, there was no time to
 * beat. To decide before would take all of them for nodes without room, and make others.
 */
export function settlesInMs(nodes: readonly NodeSample[], fleet: FleetView): number {
  const { state, inSightForMs } = fleet.health()
  if (state === 'unsynced' || inSightForMs >= STALE_AFTER_MS) return 0
  const isAwaited = nodes.some(({ supply, heard }) => supply !== 'starting' && !heard)
  return isAwaited ? STALE_AFTER_MS - inSightForMs : 0
}

const newSample = (node: RTCNode): Sample => ({
  name: node.metadata.name,
  key: keyOf(node),
  shape: '',
  supply: 'starting',
  waitedForHost: false,
  heard: false,
  beat: 0,
  reading: undefined,
  of: node,
})

const hostOf = ({ status }: RTCNode, { hostCache }: AutoscalerCaches): Host | undefined =>
  status?.nodeName === undefined ? undefined : hostCache.get(status.nodeName as ObjectKey)

function forgetGone(byName: Map<string, Sample>, nodes: readonly Sample[]): void {
  const there = new Set(nodes.map(({ name }) => name))
  for (const name of byName.keys()) if (!there.has(name)) byName.delete(name)
}

function inWords(troubles: ReadonlyMap<string, number>): string | undefined {
  if (troubles.size === 0) return undefined
  const counts = [...troubles].map(([reason, count]) => `${count} with ${reason}`).sort()
  return `nodes do not start: ${counts.join(', ')}; they count as ordered, so no more are asked for in their place; kubectl get rtcn tells why`
}

export function snapshotOf(
  { autoscaler, pool }: { autoscaler: RTCAutoscaler; pool: RTCNodePool },
  nodes: readonly NodeSample[],
  fleet: FleetView,
  now: Instant,
): Snapshot {
  const { state, freeze } = fleet.health()
  return {
    now,
    spec: autoscaler.spec,
    replicas: pool.spec.replicas,
    nodes,
    registry: { inSight: state === 'synced', frozen: freeze !== undefined },
  }
}
