// Whose room an object keeps: by its label, as caches find it, and by its controller, because labels can be put on anything.
import { labels } from '../../api/marks.ts'
import { type KubeObject, type ObjectKey, objectKey } from '../../api/meta.ts'
import type { RTCNodePool } from '../../api/rtcnodepool.ts'
import type { Cache } from '../../kube/cache.ts'
import { controllerOf } from '../../kube/owner.ts'
import type { Indexes } from '../../kube/store.ts'

/** Name of the index. */
const byPool = 'pool'
export const roomIndexes: Indexes<KubeObject> = {
  [byPool]: object => [poolOf(object)].filter(key => key !== undefined),
}

const poolOf = ({ metadata }: KubeObject): ObjectKey | undefined => {
  const name = metadata.labels?.[labels.headroom]
  return name === undefined ? undefined : objectKey(name, metadata.namespace)
}

/** The pool of what was changed. */
export const poolsOf = (change: { old?: KubeObject; new?: KubeObject }): ObjectKey[] =>
  [change.new ?? change.old].flatMap(object => (object && poolOf(object)) ?? [])

/** `cache` has the index. */
export const keptFor = <T extends KubeObject>(pool: RTCNodePool, key: ObjectKey, cache: Cache<T>): T[] =>
  cache.byIndex(byPool, key).filter(object => own(pool, object) !== undefined)

export const own = <T extends KubeObject>(pool: RTCNodePool, object: T | undefined): T | undefined =>
  object !== undefined && controllerOf(object)?.uid === pool.metadata.uid ? object : undefined
