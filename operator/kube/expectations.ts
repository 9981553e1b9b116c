// "My own last write must have reached my cache before I act on this object again" (KEP-5647). A reconcile notes what it
// wrote; the controller does not reconcile the same key until the caches that it reads have seen that.
import type { KubeObject, ObjectKey, Uid } from '../api/meta.ts'
import type { Cache } from './cache.ts'
import { compareVersions } from './resource-version.ts'

/** Something written by the reconcile of `by`, visible in the cache of `kind`. */
export interface Written {
  by: ObjectKey
  kind: string
  key: ObjectKey
}

export interface Expectations {
  /** Created or changed; the version is that of the server's answer. */
  wrote(what: Written & { resourceVersion: string }): void
  /** Deleted for good or marked for deletion. */
  deleted(what: Written & { uid: Uid }): void
  /** The caches show all that the reconciles of this key wrote, or something later. */
  caughtUp(by: ObjectKey): boolean
  /** The key is no more. */
  forget(by: ObjectKey): void
}

/** Taken at the moment of writing: a list begun afterwards shows the write, whatever versions look like. */
type Pending = { cache: Cache<KubeObject>; listBegun: number; key: ObjectKey } & (
  | { awaited: 'version'; resourceVersion: string; seenBefore: string | undefined }
  | { awaited: 'deletion'; uid: Uid }
)

export function expectations(caches: Readonly<Record<string, Cache<KubeObject>>>): Expectations {
  const pending = new Map<ObjectKey, Map<string, Pending>>()

  function note({ by, kind, key }: Written, awaited: (cache: Cache<KubeObject>) => Pending): void {
    const cache = caches[kind]
    if (!cache) throw new Error(`no cache of kind ${kind} to expect a write in`)
    const ofKey = pending.get(by) ?? new Map<string, Pending>()
    pending.set(by, ofKey.set(`${kind} ${key}`, awaited(cache)))
  }

  return {
    wrote: what =>
      note(what, cache => ({
        cache,
        key: what.key,
        listBegun: begunIn(cache, what.key),
        awaited: 'version',
        resourceVersion: what.resourceVersion,
        seenBefore: cache.get(what.key)?.metadata.resourceVersion,
      })),
    deleted: what =>
      note(what, cache => ({
        cache,
        key: what.key,
        listBegun: begunIn(cache, what.key),
        awaited: 'deletion',
        uid: what.uid,
      })),
    caughtUp(by) {
      const ofKey = pending.get(by)
      if (!ofKey) return true
      for (const [name, expected] of ofKey) if (isSeen(expected)) ofKey.delete(name)
      if (ofKey.size === 0) pending.delete(by)
      return ofKey.size === 0
    },
    forget: by => void pending.delete(by),
  }
}

const begunIn = (cache: Cache<KubeObject>, key: ObjectKey): number => cache.rangeOf(key)?.progress.listBegun ?? 0

function isSeen(expected: Pending): boolean {
  const { cache, key } = expected
  const progress = cache.rangeOf(key)?.progress
  // Nobody will ever hear of it.
  if (progress === undefined) return true
  if (progress.listCompleted > expected.listBegun) return true
  const held = cache.get(key)
  if (expected.awaited === 'deletion')
    return held?.metadata.uid !== expected.uid || held.metadata.deletionTimestamp !== undefined
  const order = compareVersions(progress.resourceVersion, expected.resourceVersion)
  if (order !== undefined) return order >= 0
  // Versions that do not compare: the write itself, or any newer word about the object, must do.
  const now = held?.metadata.resourceVersion
  return now === expected.resourceVersion || now !== expected.seenBefore
}
