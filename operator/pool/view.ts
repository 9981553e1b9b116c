// What the planner of a pool is handed, and what it answers. The controller gathers a `PoolView` from its caches, `plan.ts`
// judges it, `carry-out.ts` does what the `Plan` says.
import type { Instant } from '../ambient/clock.ts'
import type { ClosingReason } from '../api/closed-by-pool.ts'
import type { Uid } from '../api/meta.ts'
import type { PoolReason } from '../api/reasons.ts'
import type { RTCNode } from '../api/rtcnode.ts'
import type { RTCNodePool, RTCNodePoolStatus, RTCNodeTemplate } from '../api/rtcnodepool.ts'
import type { Disruption } from '../cluster/disruption.ts'
import type { Refusal } from '../kube/refusal.ts'
import type { Registration } from '../registry/registration.ts'

/** One RTCNode whose controller is this pool, closed and terminating ones too. */
export interface Member {
  readonly node: RTCNode
  readonly registration: Registration
  /** The API server has accepted a pod for it. */
  readonly hasPod: boolean
  /** What its host announces. */
  readonly disruption: Disruption | undefined
  readonly zone: string | undefined
}

/** What a ControllerRevision of this pool recorded. */
export interface Revision {
  /** `<hash of the template>-<hash of the class>`, as on the nodes made from it. */
  readonly name: string
  /** The ControllerRevision's own number: higher is newer. */
  readonly number: number
  readonly template: RTCNodeTemplate
}

/** What nodes of the update revision are made from. */
export type Target =
  | { readonly state: 'known'; readonly revision: string; readonly classFound: boolean }
  /** spec.strategy.pinnedRevision names none that is known. */
  | { readonly state: 'revision-not-found'; readonly number: number }

export interface PoolView {
  readonly pool: RTCNodePool
  readonly members: readonly Member[]
  readonly target: Target
  /** What nodes like those of the last complete roll-out would be made from now; undefined when that is not known. */
  readonly current: { readonly revision: string; readonly classFound: boolean } | undefined
  /** In any order. */
  readonly revisions: readonly Revision[]
  /** What the class says about roll-outs of its own edits. */
  readonly classRollout: 'RollingUpdate' | 'OnDelete'
  /** Its class wants nodes together, so that hosts become free. */
  readonly packs: boolean
  /** How long people may stay on a node, as the node or its class promises; spec.scaleIn.deadlineSeconds goes before. */
  drainSecondsOf(node: RTCNode): number
  /** How long before the end of its host people have to be moved off. */
  evictGraceSecondsOf(node: RTCNode): number
  readonly registry: { readonly inSight: boolean; readonly frozen: boolean }
  /** Name of an older pool whose selector overlaps: this one stands back. */
  readonly overlapsWith: string | undefined
  /** All that would set its replicas, when there is more than one; such as `HorizontalPodAutoscaler “eu”`. */
  readonly contestedBy: readonly string[]
  /** The API server's last no to an RTCNode of this pool, until it is tried again. */
  readonly createRefused: Refusal | undefined
  readonly now: Instant
}

/** An RTCNode that is acted on: only this life of it, and only as it was seen. */
export interface Picked {
  readonly name: string
  readonly uid: Uid
  readonly resourceVersion: string
  /** One sentence for the event and the log. */
  readonly because: string
}

/** `deadline`: RFC 3339, until when people may stay. */
export type Closed = Picked & { readonly reason: ClosingReason; readonly deadline: string }

export type Batch =
  | { readonly do: 'create'; readonly count: number; readonly from: 'update' | 'current' }
  | { readonly do: 'reopen'; readonly nodes: readonly Picked[] }
  | { readonly do: 'close'; readonly nodes: readonly Closed[] }
  | { readonly do: 'delete'; readonly nodes: readonly Picked[] }

export interface Plan {
  /** At most one kind of outside write; none is empty. */
  readonly batch?: Batch
  /** The whole next status; written when there is no batch and it differs. */
  readonly status: RTCNodePoolStatus
  readonly because: PoolReason
  /** When time alone could change the answer. */
  readonly lookAgainMs?: number
  /** What would be done but must not be, and why. */
  readonly held: readonly { readonly name: string; readonly because: string }[]
}
