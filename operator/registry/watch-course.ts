// How far a watch on the registry has come, and what each answer to it means. Knows no stream and no clock. Used by watch.ts.
import type { IWatchRequest } from 'etcd3'
import { type RegistryChange, toChange } from './change.ts'
import type { WatchAnswer } from './watch-answer.ts'

/** Why all is read (again); the label of the resync metric. */
export const resyncCauses = [
  'start',
  'disconnected',
  'silent',
  'compacted',
  'went-backwards',
  'garbage',
  'periodic',
] as const
export type ResyncCause = (typeof resyncCauses)[number]

/** As etcd's requests have it; without an end it is one key. */
export interface KeyRange {
  readonly key: Buffer
  readonly range_end?: Buffer
}

/** All keys of a part of the registry were read at this revision. */
export interface ReadAt {
  readonly revision: number
  readonly clusterId: string
}

export interface Heard {
  readonly changes: readonly RegistryChange[]
  /** With these, all is told that had been written when etcd said so. */
  readonly isAll: boolean
}

export interface WatchCourse {
  /** Asks for all that was not told yet, by another watch instead of the one there is. What that still says is not listened to. */
  ask(): IWatchRequest[]
  /** A cause when something may have been missed. */
  take(answer: WatchAnswer): Heard | ResyncCause
}

/** What etcd says of all watches of a stream has this number. */
const ALL_WATCHES = -1
const nothing: Heard = { changes: [], isAll: false }

export function watchCourse(range: KeyRange, readAt: ReadAt): WatchCourse {
  let watchId = 0
  /** Where the watch began, and how far it has come. */
  let [from, told] = [readAt.revision, readAt.revision]
  let newestRevision = readAt.revision

  return {
    ask() {
      const requests: IWatchRequest[] = watchId === 0 ? [] : [{ cancel_request: { watch_id: watchId } }]
      watchId += 1
      from = told
      // Not one later, though that was told: to a watch that begins in the future etcd reports no progress until something
      // is written, and a registry in which nothing happens would look dead.
      const create = { ...range, watch_id: watchId, start_revision: from, fragment: true }
      return [...requests, { create_request: create }]
    },
    take({ header, watch_id, compact_revision, canceled, created, fragment, events }) {
      const isOfThis = Number(watch_id) === watchId || Number(watch_id) === ALL_WATCHES
      if (!isOfThis) return nothing
      if (compact_revision !== '0') return 'compacted'
      if (canceled) return 'disconnected'
      if (header.cluster_id !== readAt.clusterId) return 'went-backwards'
      const revision = Number(header.revision)
      if (!Number.isSafeInteger(revision)) return 'garbage'
      // Its revision is of no use: the member may lag the one that was read, at first, and this may overtake what it said before.
      if (created) return nothing
      if (revision < newestRevision) return 'went-backwards'
      newestRevision = revision
      const changes: RegistryChange[] = []
      for (const { type, kv } of events) {
        if (!kv) return 'garbage'
        told = Math.max(told, Number(kv.mod_revision))
        if (Number(kv.mod_revision) > from) changes.push(toChange(type, kv))
      }
      return { changes, isAll: !fragment }
    },
  }
}
