// One node as a bystander sees it at one moment, and the questions the story asks about it.
import { type ClosingReason, closedByPool } from '../../operator/api/closed-by-pool.ts'
import type { Pod } from '../../operator/api/core.ts'
import type { Heartbeat } from '../../operator/api/heartbeat.ts'
import { labels } from '../../operator/api/marks.ts'
import type { ConditionType, Phase, RTCNode } from '../../operator/api/rtcnode.ts'

/** What is undefined is not there: not yet, or not any more. */
export interface NodeSeen {
  readonly name: string
  readonly object?: RTCNode
  readonly pod?: Pod
  readonly key?: { readonly path: string; readonly hasLease: boolean; readonly heartbeat: Heartbeat }
}

export const phaseOf = ({ object }: NodeSeen): Phase | 'gone' =>
  object === undefined ? 'gone' : (object.status?.phase ?? 'Pending')

/** Why it is there. `Pending` is what a node says that no operator has seen yet. */
export const reasonOf = (seen: NodeSeen): string => conditionOf(seen, 'Ready')?.reason ?? 'Pending'

/** The same as a sentence. */
export const messageOf = (seen: NodeSeen): string | undefined => conditionOf(seen, 'Ready')?.message

export const addressOf = ({ object }: NodeSeen): string | undefined => object?.status?.address

/** As the agent counts them now; undefined while it has not registered. */
export const sessionsOf = ({ key }: NodeSeen): number | undefined => key?.heartbeat.sessions

/** What the registry tells signalling servers: new rooms may be placed here. */
export const isServing = ({ key }: NodeSeen): boolean => key?.heartbeat.state === 'serving'

/** Its agent says in the registry, where signalling servers read it, that it takes no new rooms; the status agrees. */
export const takesNoRooms = (seen: NodeSeen): boolean =>
  (seen.key?.heartbeat.state === 'draining' || seen.key?.heartbeat.state === 'closed') &&
  conditionOf(seen, 'AdmissionOpen')?.status === 'False'

export const isGone = ({ object, pod, key }: NodeSeen): boolean => !object && !pod && !key

/** The UID of the pool that owns it. */
export const poolUidOf = ({ object }: NodeSeen): string | undefined =>
  object?.metadata.ownerReferences?.find(({ controller, kind }) => controller && kind === 'RTCNodePool')?.uid

export const closedFor = ({ object }: NodeSeen): ClosingReason | undefined => object && closedByPool(object)?.reason

/** Neither closed nor being deleted: it counts against the replicas of its pool. */
export const counts = ({ object }: NodeSeen): boolean =>
  object !== undefined && !object.spec.cordoned && object.metadata.deletionTimestamp === undefined

export const revisionOf = ({ object }: NodeSeen): string | undefined => object?.metadata.labels?.[labels.revision]

const conditionOf = ({ object }: NodeSeen, type: ConditionType) =>
  object?.status?.conditions?.find(condition => condition.type === type)
