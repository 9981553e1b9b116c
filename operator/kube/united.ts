// Several informers of one kind, each of one namespace, read as one: for an operator that may not look at the whole cluster.
// Each keeps itself true; a namespace that is Forbidden is empty here, and holds up nobody but those who ask for it by name.
import { type KubeObject, type ObjectKey, splitKey } from '../api/meta.ts'
import type { Informer } from './cache.ts'

/** By namespace, and at least one. Made by informer.ts. */
export function united<T extends KubeObject>(byNamespace: ReadonlyMap<string, Informer<T>>): Informer<T> {
  const parts = [...byNamespace.values()]
  const partOf = (key: ObjectKey): Informer<T> | undefined => byNamespace.get(splitKey(key).namespace ?? '')

  return {
    kind: parts[0]?.kind ?? '',
    get: key => partOf(key)?.get(key),
    *list() {
      for (const part of parts) yield* part.list()
    },
    byIndex: (index, value) => parts.flatMap(part => part.byIndex(index, value)),
    get size() {
      return parts.reduce((sum, { size }) => sum + size, 0)
    },
    get synced() {
      return parts.every(({ synced, forbidden }) => synced || forbidden) && parts.some(({ synced }) => synced)
    },
    get forbidden() {
      return parts.every(({ forbidden }) => forbidden)
    },
    rangeOf: key => partOf(key)?.rangeOf(key),
    staleForMs: () => Math.max(...parts.map(part => part.staleForMs())),
    onChange(listener) {
      const unsubscribes = parts.map(part => part.onChange(listener))
      return () => unsubscribes.forEach(unsubscribe => unsubscribe())
    },
    run: async signal => void (await Promise.all(parts.map(part => part.run(signal)))),
    whenSynced: async signal => void (await Promise.all(parts.map(part => part.whenSynced(signal)))),
  }
}
