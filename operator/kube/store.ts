// The objects of one kind that an informer holds, with indexes. Pure bookkeeping: it turns what the server said (a whole
// list, or one event) into the changes that follow from it. Objects are frozen; an object never changes, it is replaced.
import { type KubeObject, keyOf, type ObjectKey } from '../api/meta.ts'
import { deepFrozen, type Share, sharedTexts } from './deep-frozen.ts'
import { compareVersions } from './resource-version.ts'

/** `old` alone: deleted. `new` alone: added. The two always have the same UID. */
export interface Change<T> {
  key: ObjectKey
  old?: T
  new?: T
}

export type Indexes<T> = Readonly<Record<string, (object: T) => readonly string[]>>

/** The index of those who look at one namespace, and its name. */
export const inNamespace = 'namespace'
export const namespaceIndexes: Indexes<KubeObject> = { [inNamespace]: ({ metadata }) => [metadata.namespace ?? ''] }

export interface Store<T> {
  get(key: ObjectKey): T | undefined
  list(): Iterable<T>
  byIndex(index: string, value: string): readonly T[]
  readonly size: number
  /** Swaps the whole content; objects with the same UID and version count as unchanged. */
  replaceAll(objects: Iterable<T>): Change<T>[]
  upsert(object: T): Change<T>[]
  /** Nothing happens when the name already belongs to another UID. */
  remove(object: T): Change<T>[]
}

export interface StoreOptions<T> {
  indexes?: Indexes<T>
  /** Leaves out what nobody reads, to save memory. Must keep metadata. */
  keep?: (object: T) => T
}

export function store<T extends KubeObject>({ indexes = {}, keep = it => it }: StoreOptions<T>): Store<T> {
  const objects = new Map<ObjectKey, T>()
  const share = sharedTexts()
  const indexed = new Map(Object.keys(indexes).map(name => [name, new Map<string, Set<ObjectKey>>()]))

  function index(name: string): Map<string, Set<ObjectKey>> {
    const found = indexed.get(name)
    if (!found) throw new Error(`no index named ${name}`)
    return found
  }

  function unindex(key: ObjectKey, object: T): void {
    for (const [name, valuesOf] of Object.entries(indexes)) {
      for (const value of valuesOf(object)) {
        const keys = index(name).get(value)
        keys?.delete(key)
        if (keys?.size === 0) index(name).delete(value)
      }
    }
  }

  function put(key: ObjectKey, object: T | undefined): void {
    const old = objects.get(key)
    if (old) unindex(key, old)
    if (!object) return void objects.delete(key)
    objects.set(key, object)
    for (const [name, valuesOf] of Object.entries(indexes)) {
      for (const value of valuesOf(object)) {
        const keys = index(name).get(value)
        if (keys) keys.add(key)
        else index(name).set(value, new Set([key]))
      }
    }
  }

  function upsert(object: T): Change<T>[] {
    const key = keyOf(object)
    const old = objects.get(key)
    const sameLife = old?.metadata.uid === object.metadata.uid
    const order = old && compareVersions(object.metadata.resourceVersion, old.metadata.resourceVersion)
    // A repeated or late event. Of another life only a proven older one: versions may be beyond comparing.
    if (order !== undefined && (order < 0 || (order === 0 && sameLife))) return []
    const kept = frozen(object, keep, share)
    put(key, kept)
    if (!old) return [{ key, new: kept }]
    return sameLife
      ? [{ key, old, new: kept }]
      : [
          { key, old },
          { key, new: kept },
        ]
  }

  return {
    get: key => objects.get(key),
    list: () => objects.values(),
    byIndex: (name, value) => [...(index(name).get(value) ?? [])].map(key => objects.get(key) as T),
    get size() {
      return objects.size
    },
    upsert,
    remove(object) {
      const key = keyOf(object)
      const old = objects.get(key)
      if (!old || old.metadata.uid !== object.metadata.uid) return []
      put(key, undefined)
      return [{ key, old }]
    },
    replaceAll(next) {
      const changes: Change<T>[] = []
      const present = new Set<ObjectKey>()
      for (const object of next) {
        const key = keyOf(object)
        present.add(key)
        const old = objects.get(key)
        if (old && sameVersion(old, object)) continue
        // The list is the truth even where it is older than what was held: the server's store may have been restored.
        put(key, undefined)
        const [added] = upsert(object)
        const sameLife = old?.metadata.uid === object.metadata.uid
        if (old && !sameLife) changes.push({ key, old })
        if (added) changes.push(old && sameLife ? { ...added, old } : added)
      }
      for (const [key, old] of objects) {
        if (present.has(key)) continue
        put(key, undefined)
        changes.push({ key, old })
      }
      return changes
    },
  }
}

const sameVersion = (a: KubeObject, b: KubeObject): boolean =>
  a.metadata.uid === b.metadata.uid && a.metadata.resourceVersion === b.metadata.resourceVersion

/** managedFields are more than half of many an object, and nobody here reads them. */
function frozen<T extends KubeObject>(object: T, keep: (object: T) => T, share: Share): T {
  const { managedFields: _, ...metadata } = object.metadata as T['metadata'] & { managedFields?: unknown }
  return deepFrozen(keep({ ...object, metadata }), share)
}
