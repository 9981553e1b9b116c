// What keeps as many nodes as a policy wants: an RTCNodePool, or a Deployment. Asked by the world in every step.
import type { Doors } from './doors.ts'
import type { Nodes } from './nodes.ts'
import type { SimNode } from './sim-node.ts'

export interface Ground {
  readonly step: number
  readonly stepSeconds: number
  readonly nodes: Nodes
  readonly doors: Doors
  /** The registry is out of sight, so nobody knows who is where. */
  readonly registryIsOut: boolean
}

export interface Fleet {
  /** Makes, opens, closes and removes nodes, as far as it can in this step. */
  reconcile(at: Ground, replicas: number): void
}

/** Those that count against replicas. */
export const counted = ({ nodes }: Ground): SimNode[] =>
  nodes.all.filter(({ phase }) => phase === 'starting' || phase === 'open')

export const closed = ({ nodes }: Ground): SimNode[] => nodes.all.filter(({ phase }) => phase === 'closed')

export function close({ step, stepSeconds, nodes }: Ground, node: SimNode, seconds: number): void {
  node.phase = 'closed'
  node.deadlineAt = Math.min(step + seconds / stepSeconds, node.host.goesAt)
  node.emptySince = node.rooms === 0 ? step : Number.POSITIVE_INFINITY
  nodes.rank(node)
}

/** Whoever is there is cut off, and comes back by another node. */
export function takeAway({ step, nodes, doors }: Ground, node: SimNode): void {
  doors.evict(node, node.host.goesAt <= step ? 'moved' : 'cut')
  nodes.remove(node, step)
}
