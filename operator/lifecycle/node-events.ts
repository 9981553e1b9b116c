// The Kubernetes event that goes with a reason. Same word as in the condition; Warning when somebody should look.
import { type NodeReason, nodeReasons, startTroubles, unwellReasons } from '../api/reasons.ts'
import type { Happening } from '../kube/events.ts'

const warnings = new Set<NodeReason>([...startTroubles, ...unwellReasons])

export const eventOf = (because: NodeReason, message: string): Happening => ({
  type: warnings.has(because) ? 'Warning' : 'Normal',
  reason: because,
  action: 'Reconcile',
  note: message === '' ? nodeReasons[because] : message,
})
