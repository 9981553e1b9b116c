// Labels and annotations that the operator puts on pods. The API, so to speak, of our pods towards others.

export const labels = {
  node: 'rtcnode.io/node',
  class: 'rtcnode.io/class',
  managedBy: 'app.kubernetes.io/managed-by',
} as const

export const annotations = {
  /** The address clients use, when only the host can tell it; the agent waits for it, and the SFU for the agent. */
  address: 'rtcnode.io/address',
  /** How long people may stay, as it was promised when the pod was made: the class may be gone by the time it matters. */
  drainSeconds: 'rtcnode.io/drain-deadline-seconds',
} as const
