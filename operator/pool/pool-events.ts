// What a pool tells people in Kubernetes events: what it did to nodes, and that it got no further.
import { type PoolReason, poolReasons } from '../api/reasons.ts'
import type { RTCNodePool, RTCNodePoolStatus } from '../api/rtcnodepool.ts'
import { conditionOf } from '../kube/conditions.ts'
import type { Happening } from '../kube/events.ts'
import type { Batch } from './view.ts'

const reasonOf = { create: 'Created', reopen: 'Reopened', close: 'Closed', delete: 'Deleted' } as const

/** `done`: names of the nodes that it was done to. */
export function eventOfBatch(batch: Batch, done: readonly string[]): Happening {
  const because = new Map(batch.do === 'create' ? [] : batch.nodes.map(it => [it.name, it.because]))
  const words = done.map(name => [name, because.get(name)].filter(word => word !== undefined).join(': '))
  return eventAbout(reasonOf[batch.do], words)
}

/** One event for all, so that a large pool does not drown its own news. */
export function eventAbout(reason: PoolReason, nodes: readonly string[]): Happening {
  const [shown, more] = [nodes.slice(0, 5).join('; '), nodes.length - 5]
  const count = nodes.length === 1 ? '1 node' : `${nodes.length} nodes`
  return { type: 'Normal', reason, action: reason, note: `${count}: ${shown}${more > 0 ? `; and ${more} more` : ''}` }
}

/** Undefined while it gets on, or when that it does not was told before. */
export function eventOfStandstill(pool: RTCNodePool, next: RTCNodePoolStatus): Happening | undefined {
  const [before, now] = [pool.status, next].map(status => conditionOf(status?.conditions, 'Progressing'))
  if (now?.status !== 'False' || (before?.status === 'False' && before.reason === now.reason)) return undefined
  const { reason, message } = now
  return { type: 'Warning', reason, action: 'Reconcile', note: message || poolReasons[reason as PoolReason] }
}
