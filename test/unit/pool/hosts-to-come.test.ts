// What a pool makes of nodes that wait for a host: a quarter of an hour is nothing wrong, and where none can be had it does not storm.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { aNode, aPool, NOW, type NodeTraits, nodes, planFor, timeAt, V2 } from './build.ts'

const waiting = (unready: string, more: NodeTraits = {}): NodeTraits => ({
  phase: 'Pending',
  unready,
  madeAt: NOW - 700,
  ...more,
})
const fromLongAgo = { status: { progressAt: timeAt(NOW - 700) } }

test('while no host can be made for a node, no more are made of its revision', () => {
  assert.equal(planFor(aPool(5), [aNode('n1', waiting('HostUnavailable', { madeAt: NOW - 60 }))]).batch, undefined)
  for (const unready of ['HostRequested', 'WaitingForHost']) {
    const { batch } = planFor(aPool(5), [aNode('n1', waiting(unready, { madeAt: NOW - 60 }))])
    assert.equal(batch?.do, 'create', unready)
  }
})

test('a node of another revision that no host can be made for is in nobody’s way', () => {
  const pool = aPool(5, { status: { currentRevision: V2, updateRevision: V2 } })
  const members = [aNode('old', waiting('HostUnavailable')), ...nodes(2, { revision: V2 })]
  const target = { state: 'known', revision: V2, classFound: true } as const
  assert.equal(planFor(pool, members, { target }).batch?.do, 'create')
})

test('the time in which a host is made is none of the progress deadline', () => {
  const of = (traits: NodeTraits) => planFor(aPool(1, fromLongAgo), [aNode('n1', traits)]).because
  assert.equal(of(waiting('HostRequested')), 'ScalingOut')
  assert.equal(of(waiting('WaitingForHost')), 'ProgressDeadlineExceeded')
  assert.equal(of(waiting('HostUnavailable')), 'ProgressDeadlineExceeded')
  assert.equal(of(waiting('PodStarting')), 'ProgressDeadlineExceeded')
  assert.equal(of(waiting('PodStarting', { housedAt: NOW - 100 })), 'ScalingOut', 'it runs from when it has its host')
})

test('a roll-out whose replacement waits for a host that is made goes on, and nobody is closed for it before', () => {
  const pool = aPool(2, { ...fromLongAgo, status: { ...fromLongAgo.status, updateRevision: V2 } })
  const target = { state: 'known', revision: V2, classFound: true } as const
  const members = [...nodes(2), aNode('new', waiting('HostRequested', { revision: V2 }))]
  const { because, batch } = planFor(pool, members, { target })
  assert.deepEqual([because, batch], ['RollingOut', undefined])
})

test('a node that waits for a host that is made is nothing unwell; one that nobody makes a host for is', () => {
  const degraded = (unready: string) =>
    planFor(aPool(1), [aNode('n1', waiting(unready, { madeAt: NOW - 60 }))]).status.conditions?.find(
      ({ type }) => type === 'Degraded',
    )?.status
  assert.deepEqual([degraded('HostRequested'), degraded('HostUnavailable')], ['False', 'True'])
})
