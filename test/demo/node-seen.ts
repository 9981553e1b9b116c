// One node as a bystander sees it at one moment, and the questions the story asks about it.
import type { Pod } from '../../operator/api/core.ts'
import type { Heartbeat } from '../../operator/api/heartbeat.ts'
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

export const isServing = ({ key }: NodeSeen): boolean => key?.heartbeat.state === 'serving'

/** Its agent says in the registry, where signalling servers read it, that it takes no new rooms; the status agrees. */
export const takesNoRooms = (seen: NodeSeen): boolean =>
  seen.key?.heartbeat.state === 'draining' && conditionOf(seen, 'AdmissionOpen')?.status === 'False'

export const isGone = ({ object, pod, key }: NodeSeen): boolean => !object && !pod && !key

const conditionOf = ({ object }: NodeSeen, type: ConditionType) =>
  object?.status?.conditions?.find(condition => condition.type === type)
