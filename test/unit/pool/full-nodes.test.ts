// A pool some of whose nodes are full and take no new rooms for now: nobody closed them, so they count as open.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Member } from '../../../operator/pool/view.ts'
import {
  aNode,
  aPool,
  conditionIn,
  NOW,
  type NodeTraits,
  nodes,
  planFor,
  timeAt,
  told,
  towards,
  V1,
  V2,
} from './build.ts'

/** Its agent has closed admission, because its load says so. */
const full = (member: Member): Member => {
  const { node } = member
  const conditions = (node.status?.conditions ?? []).map(condition =>
    condition.type === 'AdmissionOpen' ? { ...condition, status: 'False' as const, reason: 'Shedding' } : condition,
  )
  return { ...member, node: { ...node, status: { ...node.status!, conditions } } }
}

test('a pool whose nodes are all full is complete and available; more nodes are not the pool’s to make', () => {
  const rest = planFor(aPool(3), nodes(3, { sessions: 300 }).map(full))
  assert.deepEqual([told(rest), rest.because, rest.status.openReplicas], ['nothing', 'Complete', 3])
  assert.equal(conditionIn(rest, 'Available').status, 'True')
  assert.equal(conditionIn(rest, 'Reconciling').status, 'False')
})

test('nodes that fill up and empty change nothing in the status of their pool', () => {
  const members = nodes(3, { sessions: 300 })
  const pool = aPool(3)
  assert.deepEqual(planFor(pool, members.map(full)).status, planFor(pool, members).status)
})

const rolling = aPool(3, { status: { currentRevision: V1, updateRevision: V2, progressAt: timeAt(NOW - 60) } })
const old = nodes(3, { revision: V1, sessions: 300 }, 'old')
const young = (traits: NodeTraits = {}) => aNode('new1', { revision: V2, ...traits })

test('a roll-out of a pool that is full goes on, and its replacements may be full too', () => {
  assert.equal(told(planFor(rolling, old.map(full), towards(V2))), 'create 1')
  assert.equal(told(planFor(rolling, [...old.map(full), young()], towards(V2))), 'close old1')
  assert.equal(told(planFor(rolling, [...old.map(full), full(young({ sessions: 300 }))], towards(V2))), 'close old1')
})

test('a replacement that was never open is none, whatever the others are', () => {
  assert.equal(told(planFor(rolling, [...old.map(full), young({ admits: false })], towards(V2))), 'nothing')
})

test('a node that is full is not the one that goes first', () => {
  const [a, b, c] = [300, 2, 9].map((sessions, i) => aNode(`n${i}`, { sessions })) as [Member, Member, Member]
  assert.equal(told(planFor(aPool(2), [full(a), b, c])), 'close n1')
})

test('nor is one that is to open again, as when its host stays after all: the others wait for it', () => {
  const [a, b] = nodes(2, { sessions: 0 })
  const reopened = aNode('n3', { sessions: 300, admits: false })
  assert.equal(told(planFor(aPool(2), [a!, b!, reopened])), 'nothing')
  assert.equal(told(planFor(aPool(2), [a!, b!, aNode('n3', { sessions: 300 })])), 'close n1')
  // Where all are to go nobody waits, and of one with nobody on it nothing is lost.
  assert.equal(told(planFor(aPool(0), [a!, b!, reopened])), 'close n1 n2 n3')
  assert.equal(told(planFor(aPool(2), [a!, b!, aNode('n3', { sessions: 0, admits: false })])), 'close n3')
})

test('nor is it in the way of others: a pool with a full node shrinks as any other', () => {
  assert.equal(
    told(planFor(aPool(1), [...nodes(2, { sessions: 1 }), full(aNode('n3', { sessions: 300 }))])),
    'close n1 n2',
  )
})
