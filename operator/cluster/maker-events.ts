// The events of those who make hosts, by the pod that waits for one. Fed by two small watches of run.ts, read by the lifecycle. A
// cluster that does not let us read events, or has nobody who makes hosts, simply has none.
import { type ObjectKey, objectKey } from '../api/meta.ts'
import type { Cache } from '../kube/cache.ts'
import { coreEventType } from '../kube/events.ts'
import type { ResourceType } from '../kube/resource.ts'
import { compact } from '../kube/status.ts'
import type { Change, Indexes } from '../kube/store.ts'
import { claimIn, type MakerEvent } from './pending.ts'

export const makerEventType: ResourceType<MakerEvent> = coreEventType

/** What the two watches select, and what they are called: they are of one kind. */
export const saidOf = {
  /** The kubelet and the scheduler write most events of pods; what the scheduler says is on the pod too. */
  pods: { name: 'PodEvent', fieldSelector: 'involvedObject.kind=Pod,source!=kubelet,source!=default-scheduler' },
  /** NodeClaims have no namespace, so events about them are kept in this one. */
  claims: {
    name: 'NodeClaimEvent',
    namespace: 'default',
    fieldSelector: 'involvedObject.kind=NodeClaim,reason=InsufficientCapacityError',
  },
} as const

/** Names of the indexes that both caches must have. */
const [byObject, byClaim] = ['object', 'claim']

/** By what it is about, its UID and its name; and by the NodeClaim that it promises. */
export const makerEventIndexes: Indexes<MakerEvent> = {
  [byObject]: ({ involvedObject: { uid, name } }) => [uid, name].filter(id => id !== undefined),
  [byClaim]: event => [claimIn(event)].filter(claim => claim !== undefined),
}

/** What is kept of one in memory. */
export const keptOfMakerEvent = (event: MakerEvent): MakerEvent => {
  const { apiVersion, kind, metadata, involvedObject, reason, message, source, reportingComponent } = event
  const { lastTimestamp, eventTime, series } = event
  const { name, namespace, uid, resourceVersion, creationTimestamp } = metadata
  return compact<MakerEvent>({
    apiVersion,
    kind,
    metadata: compact({ name, namespace, uid, resourceVersion, creationTimestamp }),
    involvedObject,
    reason,
    message,
    source,
    reportingComponent,
    lastTimestamp,
    eventTime,
    series,
  })
}

export interface MakerEvents {
  /** About this life of the pod, and about the NodeClaims that it was promised. */
  of(podUid: string): readonly MakerEvent[]
  /** With the keys of the pods that an event is about. The returned function unsubscribes. */
  onChange(listener: (pod: ObjectKey) => void): () => void
}

export interface MakerEventCaches {
  readonly podEventCache: Cache<MakerEvent>
  readonly claimEventCache: Cache<MakerEvent>
}

export function makerEvents({ podEventCache, claimEventCache }: MakerEventCaches): MakerEvents {
  const podOf = ({ involvedObject: { name = '', namespace } }: MakerEvent): ObjectKey => objectKey(name, namespace)
  const newest = ({ old, new: now }: Change<MakerEvent>): MakerEvent | undefined => now ?? old
  return {
    of(podUid) {
      const ofPod = podEventCache.byIndex(byObject, podUid)
      if (ofPod.length === 0) return ofPod
      const claims = new Set(ofPod.map(claimIn).filter(claim => claim !== undefined))
      return [...ofPod, ...[...claims].flatMap(claim => claimEventCache.byIndex(byObject, claim))]
    },
    onChange(listener) {
      const unsubscribes = [
        podEventCache.onChange(change => {
          const event = newest(change)
          if (event !== undefined) listener(podOf(event))
        }),
        claimEventCache.onChange(change => {
          const promised = podEventCache.byIndex(byClaim, newest(change)?.involvedObject.name ?? '')
          for (const pod of new Set(promised.map(podOf))) listener(pod)
        }),
      ]
      return () => unsubscribes.forEach(unsubscribe => unsubscribe())
    },
  }
}
