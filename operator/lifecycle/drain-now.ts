// Whether a node empties, since when and until when: because it was deleted, or because its pool has closed it. Pure. Asked for
// metrics only; what is done in a drain is decided by the steps of terminate.ts.
import { fromTimestamp, type Instant } from '../ambient/clock.ts'
import { closedByPool } from '../api/closed-by-pool.ts'
import type { RTCNode } from '../api/rtcnode.ts'
import { conditionOf } from '../kube/conditions.ts'

export interface DrainNow {
  /** One of NodeReason. */
  readonly reason: string
  /** When it took no new rooms any more; undefined while that is not on record. */
  readonly startedAt: Instant | undefined
  readonly deadline: Instant | undefined
}

/** Undefined: it does not drain. A node that people cordoned does not, because nobody waits for it to empty. */
export function drainNow(node: RTCNode): DrainNow | undefined {
  const { drain, conditions } = node.status ?? {}
  const closed = closedByPool(node)
  if (node.metadata.deletionTimestamp === undefined && closed === undefined) return undefined
  const admission = conditionOf(conditions, 'AdmissionOpen')
  const closedAt = closed && admission?.status === 'False' ? fromTimestamp(admission.lastTransitionTime) : undefined
  return {
    reason: drain?.reason ?? closed?.reason ?? 'Deleted',
    startedAt: closedAt ?? fromTimestamp(drain?.startedAt),
    deadline: fromTimestamp(drain?.deadline ?? closed?.deadline),
  }
}
