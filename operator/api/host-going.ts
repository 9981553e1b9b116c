// Whether the host of a node goes, as the lifecycle has told it in the node's status. For those who count nodes and do not look at
// hosts themselves.
import type { RTCNode } from './rtcnode.ts'

/** It takes no new rooms, and its people will need room elsewhere. */
export const isOnGoingHost = ({ status }: RTCNode): boolean =>
  status?.disruption !== undefined && status.disruption.kind !== 'Advisory'
