// What controllers read instead of the API server, and what keeps it true: the shapes that informer.ts and united.ts fill.
import type { ObjectKey } from '../api/meta.ts'
import type { Change } from './store.ts'

/** What was seen so far by one list and the watches after it; see expectations.ts for what it is good for. */
export interface Progress {
  /** The newest version heard of, by list, event or bookmark; empty before the first list. */
  resourceVersion: string
  /** Numbers of the last list begun and of the last one completed. A list shows all writes from before it was begun. */
  listBegun: number
  listCompleted: number
}

/** What one list brings up to date: the whole cache, or one namespace of it. */
export interface Range {
  /** The first list is complete. */
  readonly synced: boolean
  readonly progress: Progress
}

export interface ListenerContext {
  /** The object was there before anybody looked: one of very many, and nobody waits for it. */
  initial: boolean
}
export type ChangeListener<T> = (change: Change<T>, context: ListenerContext) => void

/** What readers may do with an informer; the lifecycle is the owner's. */
export interface Cache<T> {
  get(key: ObjectKey): T | undefined
  list(): Iterable<T>
  byIndex(index: string, value: string): readonly T[]
  readonly size: number
  /** All is held that may be seen; see `rangeOf` for a namespace that may not. */
  readonly synced: boolean
  /** Where an object of this key would be; undefined: in a namespace that nobody looks after. */
  rangeOf(key: ObjectKey): Range | undefined
  /** Since the server last said anything about this kind (list, event, bookmark); Infinity before the first list. */
  staleForMs(): number
  /**
   * Calls back for each change, deletes before adds where one name had two lives. What is held already is told at once.
   * A listener that throws is logged and stays subscribed. The returned function unsubscribes.
   */
  onChange(listener: ChangeListener<T>): () => void
}

/** All is held; with a key, all that is in its namespace. */
export const isSynced = (cache: Cache<unknown>, key?: ObjectKey): boolean =>
  key === undefined ? cache.synced : (cache.rangeOf(key)?.synced ?? true)

export interface Informer<T> extends Cache<T> {
  readonly kind: string
  /** The last list was Forbidden; it is tried again. */
  readonly forbidden: boolean
  /** Keeps the cache true until the signal aborts, then resolves. Never rejects. To be called once. */
  run(signal: AbortSignal): Promise<void>
  /** Resolves at the first complete list; rejects with the signal's reason. */
  whenSynced(signal: AbortSignal): Promise<void>
}
