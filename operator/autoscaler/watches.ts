// When an autoscaler deserves a look: whose business each change is, and how soon. Load that rises is acted on at once; what
// only changes the picture is gathered, because nodes come and go by the hundred.
import { keyOf, type ObjectKey } from '../api/meta.ts'
import type { RTCAutoscaler } from '../api/rtcautoscaler.ts'
import type { RTCNode } from '../api/rtcnode.ts'
import type { RTCNodePool } from '../api/rtcnodepool.ts'
import { gathered, type Watch, watchCache } from '../kube/controller.ts'
import { poolOf } from '../kube/owner.ts'
import type { Change } from '../kube/store.ts'
import { poolKeyOf } from '../load/in-charge.ts'
import { factsOf } from './node-facts.ts'
import type { AutoscalerCaches } from './observe.ts'
import { byPool, type ForeignScaler, poolsOf } from './rivals.ts'

/** Long enough for a wave of nodes to be looked at together, and nobody waits for it. */
const PATIENCE_MS = 200

export function autoscalerWatches(caches: AutoscalerCaches): Watch[] {
  const { autoscalerCache, poolCache, nodeCache, fleet, loads } = caches
  const scalersOf = (pool: ObjectKey | undefined): ObjectKey[] =>
    pool === undefined ? [] : autoscalerCache.byIndex(byPool, pool).map(keyOf)
  const scalersOfNode = (key: ObjectKey): ObjectKey[] => {
    const node = nodeCache.get(key)
    return scalersOf(node && poolOf(node))
  }
  return [
    watchCache(autoscalerCache, change => [change.key, ...rivalsOf(change).flatMap(scalersOf)]),
    watchCache(poolCache, change => (isMaterial(change) ? scalersOf(change.key) : [])),
    patient(watchCache(nodeCache, change => keysOfNode(change).flatMap(scalersOf))),
    ...foreignWatches(caches).map(watch => through(watch, scalersOf)),
    {
      subscribe: enqueue => loads.onPressure(pool => scalersOf(pool).forEach(key => enqueue(key))),
      ready: loads.ready,
    },
    patient({
      subscribe: enqueue =>
        fleet.onChange((key, what) => {
          if (what === 'material') for (const scaler of scalersOfNode(key)) enqueue(scaler)
        }),
    }),
    { subscribe: enqueue => fleet.onHealthChange(() => [...autoscalerCache.list()].forEach(it => enqueue(keyOf(it)))) },
  ]
}

const patient = (watch: Watch): Watch => gathered(watch, () => PATIENCE_MS)

type ForeignCaches = Pick<AutoscalerCaches, 'hpaCache' | 'scaledObjectCache'>

/** Pools that an HPA or a ScaledObject scales now, or scales no more. */
const foreignWatches = ({ hpaCache, scaledObjectCache }: ForeignCaches): Watch[] =>
  [hpaCache, scaledObjectCache].map(cache => watchCache(cache, poolsOfForeign))

function poolsOfForeign({ old, new: now }: Change<ForeignScaler>): ObjectKey[] {
  const claim = (it: ForeignScaler | undefined): string =>
    JSON.stringify(it && [poolsOf(it), it.metadata.deletionTimestamp])
  return claim(old) === claim(now) ? [] : [...new Set([...poolsOf(old), ...poolsOf(now)])]
}

/** Pools of which those that set their replicas have changed; for the controller of pools. */
export const scalerWatches = (caches: ForeignCaches & Pick<AutoscalerCaches, 'autoscalerCache'>): Watch[] => [
  ...foreignWatches(caches),
  watchCache(caches.autoscalerCache, rivalsOf),
]

/** As `watch`, with the keys that each of its keys leads to. */
const through = (watch: Watch, keysOf: (key: ObjectKey) => readonly ObjectKey[]): Watch => ({
  ...watch,
  subscribe: (enqueue, enqueueInitial) =>
    watch.subscribe(
      (key, afterMs) => keysOf(key).forEach(it => enqueue(it, afterMs)),
      (key, afterMs) => keysOf(key).forEach(it => enqueueInitial(it, afterMs)),
    ),
})

/** The pools whose other autoscalers may have to stand back, or need not any more. */
function rivalsOf({ old, new: now }: Change<RTCAutoscaler>): ObjectKey[] {
  const claim = (it: RTCAutoscaler | undefined): string =>
    JSON.stringify(it && [it.metadata.uid, it.spec.poolName, it.spec.mode, it.metadata.deletionTimestamp])
  if (claim(old) === claim(now)) return []
  return [...new Set([old, now].filter(it => it !== undefined).map(poolKeyOf))]
}

/** Its status is of no interest, and changes often. */
const isMaterial = ({ old, new: now }: Change<RTCNodePool>): boolean =>
  old?.metadata.generation !== now?.metadata.generation ||
  old?.metadata.deletionTimestamp !== now?.metadata.deletionTimestamp

const keysOfNode = ({ old, new: now }: Change<RTCNode>): ObjectKey[] => {
  if (factsOf(old) === factsOf(now)) return []
  return [...new Set([old, now].flatMap(node => (node && poolOf(node)) ?? []))]
}
