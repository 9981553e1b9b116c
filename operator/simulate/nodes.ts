// The nodes that there are, whoever made them: a place for each, the hosts under them, and which one takes the next room. The
// fleets make, close and remove nodes here; the doors (doors.ts) let people in.

import type { Chance } from './chance.ts'
import { type Host, type Hosts, hosts } from './hosts.ts'
import { type LeastLoaded, leastLoaded } from './least-loaded.ts'
import { type SfuModel, utilisationAt } from './sfu-model.ts'
import { type SimNode, simNode } from './sim-node.ts'

/**
 * Rooms are small when they are placed. Without a guess of what they will be, an empty node would be sent all rooms of a minute
 * (jicofo#1298); jicofo adds recent joins times their average cost too.
 */
const GROWTH_SECONDS = 200

export interface Nodes {
  readonly all: readonly SimNode[]
  readonly hosts: Hosts
  in(slot: number): SimNode
  create(step: number): SimNode
  /** Nobody may be left on it. */
  remove(node: SimNode, step: number): void
  /** After anything that changes whether it takes rooms, or how full it is. */
  rank(node: SimNode): void
  /** A room was sent there that will grow. */
  expect(node: SimNode, step: number): void
  /** For guessing what a room will bring: the mean of all that there are. */
  carry(streams: number, rooms: number): void
  /** The node that the next room goes to; undefined when none takes rooms. */
  next(): SimNode | undefined
}

export function nodes(model: SfuModel, stepSeconds: number, chance: Chance): Nodes {
  const all: SimNode[] = []
  const bySlot: SimNode[] = []
  const freeSlots: number[] = []
  const places: Hosts = hosts(model, stepSeconds, chance)
  const order: LeastLoaded = leastLoaded()
  let made = 0
  let now = 0
  let streams = 0
  let rooms = 0

  const expectedOf = ({ expected, expectedAt }: SimNode): number =>
    expected * Math.max(0, 1 - ((now - expectedAt) * stepSeconds) / GROWTH_SECONDS)

  return {
    all,
    hosts: places,
    in: slot => bySlot[slot] as SimNode,
    create(step) {
      const slot = freeSlots.pop() ?? bySlot.length
      const node = simNode(
        { slot, name: `node-${made}`, luck: chance.uniform(), createdAt: step, ...places.place(step) },
        stepSeconds,
      )
      made += 1
      bySlot[slot] = node
      all.push(node)
      return node
    },
    remove(node, step) {
      node.phase = 'gone'
      order.set(node.slot, Number.POSITIVE_INFINITY)
      places.leave(node.host, step)
      freeSlots.push(node.slot)
      all.splice(all.indexOf(node), 1)
    },
    rank(node) {
      const takesRooms = node.phase === 'open' && node.admits && node.weight > 0
      const load = utilisationAt(model, node.streams + expectedOf(node))
      order.set(node.slot, takesRooms ? load / node.weight : Number.POSITIVE_INFINITY)
    },
    expect(node, step) {
      now = step
      node.expected = expectedOf(node) + streams / Math.max(1, rooms)
      node.expectedAt = step
    },
    carry(moreStreams, moreRooms) {
      streams += moreStreams
      rooms += moreRooms
    },
    next() {
      const slot = order.best()
      return slot === undefined ? undefined : bySlot[slot]
    },
  }
}

export const hostIsGoing = ({ goesAt }: Host): boolean => Number.isFinite(goesAt)
