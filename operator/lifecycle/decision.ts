// What passes between the judgement (decide.ts and the step lists) and the shell (controller.ts): a snapshot goes in, a
// decision comes out as data. Nothing here reads a clock or the network.
import type { Instant } from '../ambient/clock.ts'
import type { Host, Pod } from '../api/core.ts'
import type { Intent } from '../api/intent.ts'
import type { Condition, ObjectMeta, Uid } from '../api/meta.ts'
import type { NodeReason } from '../api/reasons.ts'
import type { ConditionType, DrainStatus, RTCNode, RTCNodeStatus } from '../api/rtcnode.ts'
import type { RTCNodeClass } from '../api/rtcnodeclass.ts'
import type { Disruption } from '../cluster/disruption.ts'
import type { MakerEvent } from '../cluster/pending.ts'
import type { Admission } from '../load/admission.ts'
import type { KnownIntent, Registration } from '../registry/registration.ts'
import type { PodManifest } from './pod.ts'

/** All that is known about one RTCNode, from caches; taken at one moment. */
export interface Observed {
  readonly nodeClass: RTCNodeClass | undefined
  /** The pod with the node's name in its namespace, whoever owns it. */
  readonly pod: Pod | undefined
  /** The host the pod is bound to. */
  readonly host: Host | undefined
  /** What that host announces; undefined: nothing, or the host is not known. */
  readonly disruption: Disruption | undefined
  /** Who ended the pod, when Kubernetes tells. What that means for its people, the time of its deletion tells. */
  readonly ending: Disruption | undefined
  readonly registration: Registration
  readonly intent: KnownIntent
  /** What load means for its admission; fully open when nobody watches its load. */
  readonly load: Admission
  /** It is this node's turn to have what it carries told in its status; see load-turns.ts. */
  readonly loadIsDue: boolean
  /** Many nodes vanished or fell silent at once: that says something about etcd, nothing about this node. */
  readonly registryFrozen: boolean
  /** How many nodes were starting (or draining) at once while this one was, at most. */
  readonly crowd: number
  /** The API server's last word against our pod, while we wait before asking again. */
  readonly refusal: Refusal | undefined
  /** What those who make hosts have said of the pod; empty where nobody does, or events cannot be read. */
  readonly makersSay: readonly MakerEvent[]
  /** Host names of all hosts that announce their end; none where the node has its pod. */
  readonly hostsGoing: readonly string[]
}

export interface Refusal {
  readonly reason: Extract<NodeReason, 'PodRefused' | 'PodNameTaken'>
  readonly message: string
  readonly retryInMs: number
}

/** The one outside write of a step. */
export type Act =
  | { readonly do: 'add-finalizer' }
  | { readonly do: 'create-pod'; readonly pod: PodManifest }
  /** Looks for the pod that the cache misses though it reports, and gives it back the labels that the cache goes by. */
  | { readonly do: 'find-pod' }
  | { readonly do: 'annotate-pod'; readonly uid: Uid; readonly annotations: Readonly<Record<string, string>> }
  /** With `onlyIf`: when the pod is still as it was seen. */
  | { readonly do: 'write-intent'; readonly intent: Intent; readonly onlyIf?: PodVersion }
  | { readonly do: 'delete-pod'; readonly onlyIf: PodVersion; readonly gracePeriodSeconds: number }
  | { readonly do: 'delete-intent' }
  | { readonly do: 'delete-node'; readonly because: GiveUpReason }
  | { readonly do: 'release-finalizer' }

/** That a pod is not running is often read from the pod; an old view of it must not cost anybody a call. */
export type PodVersion = Pick<ObjectMeta, 'uid' | 'resourceVersion'>

/** Why the operator itself deletes an RTCNode. */
export type GiveUpReason = Extract<NodeReason, 'StartupTimeout' | 'HealthTimeout' | 'PodLost'>

export interface Decision {
  /** The whole next status. It is written when there is nothing to do, and only if it differs. */
  readonly status: RTCNodeStatus
  readonly act?: Act
  /** When time alone could change the answer. */
  readonly lookAgainMs?: number
  readonly because: NodeReason
}

/** One step of a start or a drain: done, or what it waits for and what it does about it. The first that is not done speaks. */
export type Step = (at: Situation) => 'done' | Waiting

export interface Situation {
  readonly node: RTCNode
  readonly seen: Observed
  readonly now: Instant
}

export interface Waiting {
  readonly because: NodeReason
  readonly message: string
  readonly act?: Act
  readonly lookAgainMs?: number
  /** Set by the step that begins a drain, and by steps that are given up. */
  readonly drain?: DrainStatus
}

/** What a condition shall say; `conditions.ts` adds times and generation. */
export type Finding = Pick<Condition, 'status' | 'message'> & { readonly type: ConditionType; readonly reason: string }

export function firstNotDone(steps: readonly Step[], at: Situation): Waiting | undefined {
  for (const step of steps) {
    const result = step(at)
    if (result !== 'done') return result
  }
  return undefined
}
