// How people get in: a room goes to the node with the least load, joins take as long as its load makes them, and whom no node
// lets in waits. Counts whatever happens to people.

import type { Nodes } from './nodes.ts'
import { NOWHERE, type RoomEvents, type Rooms } from './rooms.ts'
import { joinP99Ms, lateShare, type SfuModel, utilisationAt } from './sfu-model.ts'
import type { SimNode } from './sim-node.ts'

/** What has happened to people so far. */
export interface Tally {
  /** People who wanted in, each time they did. */
  joins: number
  /** Joins that took longer than the goal: expected numbers, so not whole. */
  late: number
  left: number
  /** On a node that the scaler had taken away under them; they came back. */
  cut: number
  /** On a node whose host was taken away; they came back. */
  moved: number
}

export interface Doors extends RoomEvents {
  readonly tally: Tally
  beginStep(step: number): void
  /** Whoever waits is let in where that is possible now. */
  retry(): void
  /** Everybody there has to come back by another node; the caller removes this one. */
  evict(node: SimNode, because: 'cut' | 'moved'): void
}

/** Steps of utilisation for which the share of late joins is worked out in advance. */
const FINE = 1_000

export function doors(rooms: Rooms, nodes: Nodes, model: SfuModel, goalMs: number, stepSeconds: number): Doors {
  const tally: Tally = { joins: 0, late: 0, left: 0, cut: 0, moved: 0 }
  const waiting = new Set<number>()
  const lateAt = Float64Array.from({ length: FINE + 1 }, (_, step) =>
    lateShare(model, joinP99Ms(model, step / FINE), goalMs),
  )
  let now = 0
  let ring = 0

  /** How many of them got in. */
  function enter(room: number, people: number): number {
    let slot = rooms.node(room)
    if (slot === NOWHERE) {
      const next = nodes.next()
      if (next === undefined) return 0
      slot = next.slot
      rooms.place(room, slot)
      next.rooms += 1
      nodes.carry(0, 1)
      nodes.expect(next, now)
    }
    const node = nodes.in(slot)
    const count = Math.min(people, node.joinsLeft)
    node.joinsLeft -= count
    const before = rooms.streams(room)
    rooms.admit(room, count)
    const more = rooms.streams(room) - before
    node.streams += more
    nodes.carry(more, 0)
    node.people += count
    node.joins[ring] = (node.joins[ring] as number) + count
    node.emptySince = Number.POSITIVE_INFINITY
    nodes.rank(node)
    return count
  }

  const lateOn = (node: SimNode): number =>
    lateAt[Math.min(FINE, Math.round(FINE * utilisationAt(model, node.streams)))] as number

  function join(room: number, people: number): void {
    const admitted = enter(room, people)
    tally.joins += people
    tally.late += people - admitted
    if (admitted > 0) tally.late += admitted * lateOn(nodes.in(rooms.node(room)))
    if (admitted === people) return
    rooms.wait(room, people - admitted)
    waiting.add(room)
  }

  return {
    tally,
    join,
    end(room) {
      waiting.delete(room)
      tally.left += rooms.people(room) + rooms.waiting(room)
      const slot = rooms.node(room)
      if (slot === NOWHERE) return
      const node = nodes.in(slot)
      nodes.carry(-rooms.streams(room), -1)
      node.streams -= rooms.streams(room)
      node.people -= rooms.people(room)
      node.rooms -= 1
      if (node.rooms === 0) node.emptySince = now
      nodes.rank(node)
    },
    beginStep(step) {
      now = step
      for (const node of nodes.all) {
        ring = step % node.joins.length
        node.joins[ring] = 0
        node.joinsLeft = Number.isFinite(node.joinsPerSecond)
          ? Math.floor(node.joinsPerSecond * stepSeconds)
          : Number.POSITIVE_INFINITY
      }
    },
    retry() {
      for (const room of waiting) {
        const people = rooms.waiting(room)
        const admitted = enter(room, people)
        rooms.wait(room, -admitted)
        if (admitted === people) waiting.delete(room)
      }
    },
    evict(node, because) {
      const back: { room: number; people: number }[] = []
      // To find its rooms takes a walk over all there are.
      for (const room of node.rooms === 0 ? [] : rooms.on(node.slot)) {
        const people = rooms.evict(room)
        tally[because] += people
        if (people > 0) back.push({ room, people })
      }
      nodes.carry(-node.streams, -node.rooms)
      node.people = 0
      node.rooms = 0
      node.streams = 0
      node.phase = 'gone'
      nodes.rank(node)
      for (const { room, people } of back) join(room, people)
    },
  }
}
