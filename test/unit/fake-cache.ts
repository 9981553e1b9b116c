// A cache in memory, whose objects tests put and remove.
import { type KubeObject, keyOf, type ObjectKey } from '../../operator/api/meta.ts'
import type { Cache, ChangeListener } from '../../operator/kube/cache.ts'
import { type Indexes, store } from '../../operator/kube/store.ts'

export interface FakeCache<T> {
  readonly cache: Cache<T>
  put(object: T): void
  remove(key: ObjectKey): void
  /** Default: it has read all there is. */
  setSynced(synced: boolean): void
}

export function fakeCache<T extends KubeObject>(indexes: Indexes<T> = {}): FakeCache<T> {
  const held = store<T>({ indexes })
  const listeners = new Set<ChangeListener<T>>()
  let synced = true
  const tell = (changes: ReturnType<typeof held.upsert>): void => {
    for (const change of changes) for (const listener of listeners) listener(change, { initial: false })
  }
  const cache: Cache<T> = {
    get: held.get,
    list: held.list,
    byIndex: held.byIndex,
    get size() {
      return held.size
    },
    get synced() {
      return synced
    },
    staleForMs: () => 0,
    rangeOf: () => ({ synced, progress: { resourceVersion: '1', listBegun: 1, listCompleted: 1 } }),
    onChange(listener) {
      listeners.add(listener)
      for (const object of held.list()) listener({ key: keyOf(object), new: object }, { initial: true })
      return () => void listeners.delete(listener)
    },
  }
  return {
    cache,
    put: object => tell(held.upsert(object)),
    remove(key) {
      const object = held.get(key)
      if (object !== undefined) tell(held.remove(object))
    },
    setSynced(value) {
      synced = value
    },
  }
}
