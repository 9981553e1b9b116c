// When a pool deserves a look: whose business each change is, and how soon. Subscribed by the controller.
import type { Host, Pod } from '../api/core.ts'
import { type KubeObject, keyOf, type ObjectKey } from '../api/meta.ts'
import type { RTCNodeClass } from '../api/rtcnodeclass.ts'
import type { RTCNodePool } from '../api/rtcnodepool.ts'
import { gathered, type Watch, watchCache } from '../kube/controller.ts'
import { poolOf } from '../kube/owner.ts'
import { type Change, inNamespace } from '../kube/store.ts'
import { overlap, selects } from './claim.ts'
import { zoneOf } from './host.ts'
import type { PoolCaches } from './observe.ts'

export interface WatchDeps extends PoolCaches {
  podsOnHost(name: string): readonly Pod[]
  /** Pools of which those that set their replicas have changed. */
  readonly scalerWatches: readonly Watch[]
}

/** `sizeOf`: how many nodes a pool has. */
export function poolWatches(deps: WatchDeps, sizeOf: (pool: ObjectKey) => number): Watch[] {
  const { poolCache, nodeCache, revisionCache, classCache, podCache, hostCache, hostSignals, fleet } = deps
  const poolsOfNode = (key: ObjectKey): ObjectKey[] => {
    const node = nodeCache.get(key)
    return [node && poolOf(node)].filter(pool => pool !== undefined)
  }
  const patient = (watch: Watch): Watch => gathered(watch, key => patienceMs(sizeOf(key)))
  return [
    watchCache(poolCache, change => keysOfPool(deps, change)),
    patient(watchCache(nodeCache, change => keysOfOwned(deps, change))),
    patient(watchCache(revisionCache, change => keysOfOwned(deps, change))),
    watchCache(classCache, change => keysOfClass(deps, change)),
    patient(watchCache(podCache, change => (isComingOrGoing(change) ? poolsOfNode(change.key) : []))),
    patient(watchCache(hostCache, change => keysOfHost(deps, change).flatMap(poolsOfNode))),
    patient({
      subscribe: enqueue =>
        hostSignals.onChange(host => {
          for (const pool of nodesOn(deps, host).flatMap(poolsOfNode)) enqueue(pool)
        }),
      ready: hostSignals.ready,
    }),
    patient({
      subscribe: enqueue =>
        fleet.onChange((key, what) => {
          if (what === 'material') for (const pool of poolsOfNode(key)) enqueue(pool)
        }),
    }),
    ...deps.scalerWatches,
    { subscribe: enqueue => fleet.onHealthChange(() => [...poolCache.list()].forEach(pool => enqueue(keyOf(pool)))) },
  ]
}

/** Ten thousand nodes that start are no reason for ten thousand plans: what comes within this is planned together. */
const patienceMs = (members: number): number => Math.min(1_000, 10 + members / 10)

/** Its own, and those that may stand back for it, or need not any more. */
function keysOfPool({ poolCache }: WatchDeps, { key, old, new: now }: Change<RTCNodePool>): ObjectKey[] {
  const claims = (pool: RTCNodePool | undefined): string =>
    JSON.stringify(pool && [pool.metadata.uid, pool.spec.template.metadata, pool.metadata.deletionTimestamp])
  const versions = [old, now].filter(pool => pool !== undefined)
  if (claims(old) === claims(now)) return [key]
  const others = poolCache.byIndex(inNamespace, versions[0]?.metadata.namespace ?? '')
  return [key, ...others.filter(other => versions.some(pool => overlap(pool, other))).map(keyOf)]
}

/** The pool that owns it or did; for what nobody owns, those that could. */
function keysOfOwned({ poolCache }: WatchDeps, { old, new: now }: Change<KubeObject>): Set<ObjectKey> {
  const versions = [old, now].filter(object => object !== undefined)
  const owners = versions.flatMap(object => poolOf(object) ?? [])
  const orphan = now !== undefined && poolOf(now) === undefined ? now : undefined
  const takers = orphan
    ? poolCache.byIndex(inNamespace, orphan.metadata.namespace ?? '').filter(pool => selects(pool, orphan))
    : []
  return new Set([...owners, ...takers.map(keyOf)])
}

/** A pinned revision, and that of the last complete roll-out, may name any class. */
function keysOfClass({ poolCache }: WatchDeps, { key, old, new: now }: Change<RTCNodeClass>): ObjectKey[] {
  if (old?.metadata.generation === now?.metadata.generation) return []
  return [...poolCache.list()]
    .filter(pool => pool.spec.template.spec.className === key || mayNeedAnotherClass(pool))
    .map(keyOf)
}

const mayNeedAnotherClass = ({ spec, status }: RTCNodePool): boolean =>
  spec.strategy.pinnedRevision !== undefined || status?.currentRevision !== status?.updateRevision

const isComingOrGoing = ({ old, new: now }: Change<Pod>): boolean =>
  old === undefined || now === undefined || old.spec.nodeName !== now.spec.nodeName

/** Nodes, by the keys of their pods. */
const nodesOn = ({ podsOnHost }: WatchDeps, hostName: string): ObjectKey[] => podsOnHost(hostName).map(keyOf)

/** Hosts write their status often; what they announce comes through the signals. */
const keysOfHost = (deps: WatchDeps, change: Change<Host>): ObjectKey[] =>
  factsOf(change.old) === factsOf(change.new) ? [] : nodesOn(deps, change.key)

const factsOf = (host: Host | undefined): string => JSON.stringify(host && [zoneOf(host)])
