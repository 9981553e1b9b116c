// The load of the pool in units, node by node: pressure × capacity (the steps "Pressure", "Capacity" and "Demand" of
// docs/scaling.md). Who is silent is not empty: its last load counts, and it has no room that anybody could vouch for.
import { capacityOf } from '../learning/capacity.ts'
import type { Learning } from '../learning/learning.ts'
import type { NodeSample, Snapshot } from '../learning/snapshot.ts'

export interface Demand {
  /** Nodes that have ever told their load. */
  known: number
  /** Of all nodes, as last told. Units. */
  load: number
  /** The part of it on nodes that take no new rooms: those people need no new node. */
  draining: number
  /** Room of silent nodes that is not counted on when nodes are added: each is taken for as full as it may be. */
  unseen: number
  /** The same when nodes are to be taken away: each is taken for full. Never less than `unseen`. */
  feared: number
  /** Units at pressure 1 of all nodes that serve, and of those of them that are heard. */
  capacity: number
  heardCapacity: number
  /** Nodes that take rooms and are heard, and the sum of their pressures. */
  open: number
  pressure: number
  /** Nodes that would take rooms if they were not too full, as last told. */
  shedding: number
  /** Nodes that take no new rooms, and may be opened again. */
  closed: number
}

export function demandOf(learning: Learning, at: Snapshot, safe: { readonly mean: number }): Demand {
  const demand = noDemand()
  const shedAt = at.spec.watermarks.shed.enter
  for (let place = 0; place < at.nodes.length; place += 1) {
    const { name, supply, heard, reading } = at.nodes[place] as NodeSample
    if (supply === 'starting') continue
    const tells = heard && reading !== undefined
    const capacity = capacityOf(learning, name, place) ?? 1
    const load = reading === undefined ? 0 : reading.pressure * capacity
    if (reading !== undefined) demand.known += 1
    demand.load += load
    if (supply !== 'leaving') {
      demand.capacity += capacity
      if (tells) demand.heardCapacity += capacity
    }
    if (supply === 'open' && (reading?.pressure ?? 0) >= shedAt) demand.shedding += 1
    if (supply !== 'open') {
      if (supply !== 'going') demand.draining += load
      if (supply === 'closed') demand.closed += 1
    } else if (tells) {
      demand.open += 1
      demand.pressure += reading.pressure
    } else {
      demand.unseen += Math.max(0, capacity * safe.mean - load)
      demand.feared += Math.max(0, capacity - load)
    }
  }
  return demand
}

const noDemand = (): Demand => ({
  known: 0,
  load: 0,
  draining: 0,
  unseen: 0,
  feared: 0,
  capacity: 0,
  heardCapacity: 0,
  open: 0,
  pressure: 0,
  shedding: 0,
  closed: 0,
})
