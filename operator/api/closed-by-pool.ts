// Whether a pool has closed this node, and what it promised the people on it. Asked by the lifecycle, which keeps the promise
// when the node is deleted, and by the pool, which reopens only what it has closed itself.
import { annotations } from './marks.ts'
import { timestamp } from './meta.ts'
import type { RTCNode } from './rtcnode.ts'

export interface ClosedByPool {
  readonly reason: ClosingReason
  /** RFC 3339: until when people may stay. */
  readonly deadline: string
}
export const closingReasons = ['ScaleIn', 'RollOut', 'HostGoing'] as const
export type ClosingReason = (typeof closingReasons)[number]

/** Undefined too when people have opened the node again, or when either half of the mark is missing or makes no sense. */
export function closedByPool({ metadata, spec }: RTCNode): ClosedByPool | undefined {
  if (!spec.cordoned) return undefined
  const reason = closingReasons.find(it => it === metadata.annotations?.[annotations.closedByPool])
  const deadline = timestamp.safeParse(metadata.annotations?.[annotations.drainDeadline])
  return reason === undefined || !deadline.success ? undefined : { reason, deadline: deadline.data }
}

/** Also when it says nothing any more, because people have opened the node again. */
export const bearsMarkOfPool = ({ metadata }: RTCNode): boolean =>
  metadata.annotations?.[annotations.closedByPool] !== undefined
