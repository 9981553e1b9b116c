// The Kubernetes event that goes with a reason. Same word as in the condition; Warning when somebody should look.
import { type NodeReason, nodeReasons, startTroubles, unwellReasons } from '../api/reasons.ts'
import type { RTCNodeStatus } from '../api/rtcnode.ts'
import { conditionOf } from '../kube/conditions.ts'
import type { Happening } from '../kube/events.ts'

const warnings = new Set<NodeReason>([...startTroubles, ...unwellReasons])

export const eventOf = (because: NodeReason, message: string): Happening => ({
  type: warnings.has(because) ? 'Warning' : 'Normal',
  reason: because,
  action: 'Reconcile',
  note: message === '' ? nodeReasons[because] : message,
})

/** What its host announces, or who ended its pod; undefined when that is what was told before. */
export function eventOfDisruption(before: RTCNodeStatus | undefined, next: RTCNodeStatus): Happening | undefined {
  const [was, is] = [before, next].map(status => conditionOf(status?.conditions, 'Disrupted'))
  if (is === undefined || (was?.status === is.status && was.reason === is.reason)) return undefined
  const isUrgent = is.status === 'True' && next.disruption?.kind === 'Imminent'
  return { type: isUrgent ? 'Warning' : 'Normal', reason: is.reason, action: 'Reconcile', note: is.message }
}
