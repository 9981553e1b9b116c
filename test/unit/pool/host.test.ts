// When a host is about to go, by whatever says so.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Host } from '../../../operator/api/core.ts'
import type { Uid } from '../../../operator/api/meta.ts'
import { factsOf, isGoing } from '../../../operator/pool/host.ts'

const aHost = (spec: Host['spec'] = {}, metadata: Partial<Host['metadata']> = {}): Host => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: {
    name: 'h',
    uid: 'u' as Uid,
    resourceVersion: '1',
    creationTimestamp: '2030-01-01T00:00:00Z',
    ...metadata,
  },
  spec,
})
const taint = (key: string) => aHost({ taints: [{ key, effect: 'NoSchedule' }] })

test('a host is about to go when it is cordoned, deleted, gone, or tainted by those who remove hosts', () => {
  assert.equal(isGoing(aHost({ unschedulable: true })), true)
  assert.equal(isGoing(aHost({}, { deletionTimestamp: '2030-01-01T00:00:00Z' })), true)
  assert.equal(isGoing(undefined), true)
  assert.equal(isGoing(taint('ToBeDeletedByClusterAutoscaler')), true)
  assert.equal(isGoing(taint('karpenter.sh/disrupted')), true)
})

test('any other host is not', () => {
  assert.equal(isGoing(aHost()), false)
  assert.equal(isGoing(taint('dedicated')), false)
})

test('what a host writes all the time is no news for a pool', () => {
  const host = aHost({}, { labels: { 'topology.kubernetes.io/zone': 'a' } })
  assert.equal(factsOf({ ...host, status: { conditions: [] } }), factsOf(host))
  assert.notEqual(factsOf(aHost({}, { labels: { 'topology.kubernetes.io/zone': 'b' } })), factsOf(host))
  assert.notEqual(factsOf(aHost({ unschedulable: true }, host.metadata)), factsOf(host))
})
