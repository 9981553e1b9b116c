// How long people may stay on a node that is to go, before anybody has closed it. Asked by the lifecycle when it makes a
// pod, and by the pool when it closes a node.
import { DEFAULT_DRAIN_SECONDS, type RTCNode } from './rtcnode.ts'
import type { RTCNodeClass } from './rtcnodeclass.ts'

/** What the node promises, else its class; the default when the class is gone. */
export const drainSecondsOf = (node: RTCNode, nodeClass: RTCNodeClass | undefined): number =>
  node.spec.drain?.deadlineSeconds ?? nodeClass?.spec.drain.deadlineSeconds ?? DEFAULT_DRAIN_SECONDS
