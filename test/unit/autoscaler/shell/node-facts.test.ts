// What a node is to its autoscaler: supply or not, and which others it is like.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Host } from '../../../../operator/api/core.ts'
import type { Heartbeat } from '../../../../operator/api/heartbeat.ts'
import { factsOf, shapeOf, supplyOf, troubleOf } from '../../../../operator/autoscaler/node-facts.ts'
import { aNode } from '../../pool/build.ts'

test('open, starting, closed, leaving, and going with its host', () => {
  assert.equal(supplyOf(aNode('n').node), 'open')
  assert.equal(supplyOf(aNode('n', { phase: 'Pending' }).node), 'starting')
  assert.equal(supplyOf(aNode('n', { cordoned: true }).node), 'closed')
  const leaving = aNode('n', { cordoned: true, deletedAt: 9_999 }).node
  assert.equal(supplyOf(leaving), 'leaving')
  const on = (kind: 'Advisory' | 'Planned') => {
    const { node } = aNode('n')
    return supplyOf({ ...node, status: { phase: 'Running', ...node.status, disruption: { kind } } })
  }
  assert.deepEqual([on('Advisory'), on('Planned')], ['open', 'going'])
})

test('a node that cannot start is ordered supply: no other is ordered in its place', () => {
  const stuck = aNode('n', { phase: 'Pending', unready: 'ImagePullFailed' }).node
  assert.equal(supplyOf(stuck), 'starting')
  assert.equal(troubleOf(stuck), 'ImagePullFailed')
  assert.equal(troubleOf(aNode('n', { phase: 'Pending', unready: 'PodStarting' }).node), undefined)
})

const hostOf = (instanceType: string): Host => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { ...aNode('h').node.metadata, labels: { 'node.kubernetes.io/instance-type': instanceType } },
  spec: {},
})
const beat = (migInstance?: string): Heartbeat => ({
  podUID: 'p',
  bootId: 'b',
  seq: 1,
  state: 'serving',
  sessions: 0,
  ...(migInstance === undefined ? {} : { migInstance }),
})

test('alike are nodes of one revision, on hosts of one type, with slices of one size', () => {
  const shape = (instanceType: string, migInstance?: string) =>
    shapeOf(aNode('n').node, hostOf(instanceType), beat(migInstance))
  assert.equal(shape('c7i.large'), shape('c7i.large'))
  assert.notEqual(shape('c7i.large'), shape('c7i.xlarge'))
  assert.equal(shape('g', 'MIG 1g.10gb Device 0'), shape('g', 'MIG 1g.10gb Device 3'))
  assert.notEqual(shape('g', '1g.10gb'), shape('g', '2g.20gb'))
  assert.equal(shape('g', 'MIG-3eb87630-93d5-4c2b-8c6f-9b1f1d5a7c3b'), shape('g', 'MIG-00000000-aaaa'))
})

test('a status that only tells another load is no change of facts', () => {
  const { node } = aNode('n')
  const busier = { ...node, status: { ...node.status, load: { sessions: 99, observedAt: 'x' } } }
  assert.equal(factsOf(busier as typeof node), factsOf(node))
  assert.notEqual(factsOf(aNode('n', { phase: 'Pending' }).node), factsOf(node))
})
