// Who goes first: each rule decides only where all rules before it leave a tie.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inVictimOrder } from '../../../operator/pool/victims.ts'
import { aNode, aPool, aView, type NodeTraits, V1, V2 } from './build.ts'

const orderOf = (traits: Record<string, NodeTraits>, packs = false): string[] => {
  const members = Object.entries(traits).map(([name, given]) => aNode(name, given))
  const judged = members.map(member => ({ member, updated: false, going: false, inVain: false, open: false }))
  return [...inVictimOrder(aView(aPool(1), members, { packs }), judged)].map(({ name }) => name)
}

test('each rule goes before those that follow it', () => {
  // Each node is the best victim by its own rule and the worst by all that follow.
  const order = orderOf({
    z1: { priority: 1, sessions: 9, rooms: 9, host: 'shared', zone: 'small', revision: V2 },
    z2: { disruption: 'Advisory', sessions: 9, rooms: 9, host: 'shared', zone: 'small', revision: V2 },
    z3: { phase: 'Pending', host: 'shared', zone: 'small', revision: V2 },
    z4: { sessions: 0, rooms: 9, host: 'shared', zone: 'small', revision: V2 },
    z5: { sessions: 1, rooms: 0, host: 'shared', zone: 'small', revision: V2 },
    z6: { sessions: 1, rooms: 1, host: 'alone', zone: 'small', revision: V2 },
    z7: { sessions: 1, rooms: 1, host: 'shared', zone: 'large', revision: V2 },
    ...Object.fromEntries(Array.from({ length: 12 }, (_, i) => [`z9${i}`, { sessions: 8, rooms: 1, zone: 'large' }])),
    z8b: { sessions: 2, host: 'shared', zone: 'none', revision: V2 },
    z8a: { sessions: 2, host: 'shared', revision: V1 },
  })
  assert.deepEqual(order.slice(0, 7), ['z1', 'z2', 'z3', 'z4', 'z5', 'z6', 'z7'])
})

test('of nodes that are alike the oldest revision goes, an unknown one before all, then the name decides', () => {
  assert.deepEqual(
    orderOf({ a: { revision: V2 }, b: { revision: V1 }, c: { revision: 'gone-gone' }, aa: { revision: V1 } }),
    ['c', 'aa', 'b', 'a'],
  )
})

test('zones are emptied evenly, not one after the other', () => {
  const zones = { a1: 'a', a2: 'a', a3: 'a', a4: 'a', b1: 'b', b2: 'b' }
  const order = orderOf(Object.fromEntries(Object.entries(zones).map(([name, zone]) => [name, { zone }])))
  assert.equal(order.slice(0, 4).filter(name => name.startsWith('a')).length, 3)
})

test('a node whose load is unknown goes last; a priority that is no integer counts as none', () => {
  assert.deepEqual(orderOf({ a: { registration: { state: 'stale', forMs: 1 } }, b: { sessions: 500 } }), ['b', 'a'])
  assert.deepEqual(orderOf({ a: { priority: -1 }, b: { priority: '1e9' }, c: { priority: 2 } }), ['c', 'b', 'a'])
})

test('where nodes are to be together, those on hosts with the fewest go first; nobody goes before somebody all the same', () => {
  const traits = {
    crowded1: { sessions: 1, host: 'a' },
    crowded2: { sessions: 2, host: 'a' },
    crowded3: { sessions: 0, host: 'a' },
    pair1: { sessions: 8, host: 'b' },
    pair2: { sessions: 7, host: 'b' },
    alone: { sessions: 9, host: 'c' },
    silent: { registration: { state: 'stale', forMs: 1 }, host: 'd' },
  } as const
  assert.deepEqual(orderOf(traits, true), ['crowded3', 'alone', 'pair2', 'pair1', 'crowded1', 'crowded2', 'silent'])
  assert.deepEqual(orderOf(traits), ['crowded3', 'crowded1', 'crowded2', 'pair2', 'pair1', 'alone', 'silent'])
})

test('the sooner a host goes, the sooner what is on it', () => {
  const order = orderOf({
    stays: {},
    may: { disruption: 'Advisory' },
    now: { disruption: 'Imminent' },
    soon: { disruption: 'Planned' },
  })
  assert.deepEqual(order, ['now', 'soon', 'may', 'stays'])
})
