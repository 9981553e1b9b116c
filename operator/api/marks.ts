// Labels, annotations and finalizers that the operator puts on objects: how they are found again, and what one part of
// it tells another across a restart.

export const labels = {
  /** On a pod: its RTCNode. */
  node: 'rtcnode.io/node',
  /** On a pod: the RTCNodeClass it was made from. */
  class: 'rtcnode.io/class',
  /** On an RTCNode and its pod: the RTCNodePool that made it. The pool's selector decides who owns it. */
  pool: 'rtcnode.io/pool',
  /** On an RTCNode: what it was made from, `<hash of the template>-<hash of the class>`. */
  revision: 'rtcnode.io/revision',
  /** On a pod: `"true"` while it is protected, because people may be on it. The budget of its namespace finds it by this. */
  busy: 'rtcnode.io/busy',
  /** On a pod that keeps a place on a host: the RTCNodePool it keeps it for. */
  headroom: 'rtcnode.io/headroom',
  managedBy: 'app.kubernetes.io/managed-by',
} as const

export const annotations = {
  /** On a pod: the address clients use, when only the host can tell it; the agent waits for it, and the SFU for the agent. */
  address: 'rtcnode.io/address',
  /** On a pod: how long people may stay, as it was promised when the pod was made: the class may be gone by the time it matters. */
  drainSeconds: 'rtcnode.io/drain-deadline-seconds',
  /** On a pod: the hash of the class as it was when the pod was made. */
  classHash: 'rtcnode.io/class-hash',
  /** On a protected pod: since when somebody wants its host (RFC 3339); no protection lasts for ever. */
  hostAskedForSince: 'rtcnode.io/host-asked-for-since',
  /** On a pod that keeps a place: the hash of what it asks for. */
  headroomHash: 'rtcnode.io/headroom-hash',
  /** On an RTCNode that its pool closed: why (`ScaleIn`, `RollOut`, `HostGoing`). Only nodes with this mark are reopened by the pool. */
  closedByPool: 'rtcnode.io/closed-by-pool',
  /** On an RTCNode that its pool closed: until when people may stay (RFC 3339). Counts instead of the node's own deadline. */
  drainDeadline: 'rtcnode.io/drain-deadline',
  /** On an RTCNode, by people: `"true"` keeps the pool from choosing it for scale-in or roll-out. */
  scaleInProtection: 'rtcnode.io/scale-in-protection',
  /** On an RTCNode, by people: an integer; the highest goes first when the pool has to choose. */
  deletionPriority: 'rtcnode.io/deletion-priority',
} as const

/** On all we make; our pod and revision caches select by it. */
export const managedBy = { [labels.managedBy]: 'rtcnode-operator' } as const

/** Who writes, as server-side apply keeps it. */
export const FIELD_MANAGER = 'rtcnode-operator'

/** Of the Lease that says which replica leads, in the operator's own namespace. */
export const LEASE_NAME = 'rtcnode-operator'

/** Holds a deleted RTCNode until it is drained. */
export const FINALIZER = 'rtcnode.io/drain'
