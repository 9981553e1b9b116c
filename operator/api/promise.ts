// How long people may stay on a node that is to go, before anybody has closed it. Asked by the lifecycle when it makes a
// pod, and by the pool when it closes a node.
import { DEFAULT_DRAIN_SECONDS, type RTCNode } from './rtcnode.ts'
import type { RTCNodeClass } from './rtcnodeclass.ts'

/** What the node promises, else its class; the default when the class is gone. */
export const drainSecondsOf = (node: RTCNode, nodeClass: RTCNodeClass | undefined): number =>
  node.spec.drain?.deadlineSeconds ?? nodeClass?.spec.drain.deadlineSeconds ?? DEFAULT_DRAIN_SECONDS

/** Used when the class is gone and cannot tell. */
const DEFAULT_EVICT_GRACE_SECONDS = 30

/** How long moving off those who are left may take. */
export const evictGraceSecondsOf = (nodeClass: RTCNodeClass | undefined): number =>
  nodeClass?.spec.drain.evictGraceSeconds ?? DEFAULT_EVICT_GRACE_SECONDS
