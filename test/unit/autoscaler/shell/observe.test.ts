// When a decision waits for nodes that had no time to be heard.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { NodeSample } from '../../../../operator/autoscaler/learning/snapshot.ts'
import { settlesInMs } from '../../../../operator/autoscaler/observe.ts'
import { type FleetHealth, type FleetView, STALE_AFTER_MS } from '../../../../operator/registry/fleet.ts'

const aNode = (supply: NodeSample['supply'], heard: boolean): NodeSample => ({
  name: 'n',
  shape: '',
  supply,
  waitedForHost: false,
  heard,
  beat: 0,
  reading: undefined,
})

const seenFor = (inSightForMs: number, state: FleetHealth['state'] = 'synced'): FleetView =>
  ({ health: () => ({ state, inSightForMs, keys: 1, rejectedValues: 0 }) }) as unknown as FleetView

test('who was not heard just after the registry came into sight is awaited, and not taken for silent', () => {
  for (const supply of ['open', 'closed', 'leaving'] as const) {
    assert.equal(settlesInMs([aNode('open', true), aNode(supply, false)], seenFor(2_000)), STALE_AFTER_MS - 2_000)
  }
})

test('nobody is awaited for longer than a heartbeat may be late', () => {
  assert.equal(settlesInMs([aNode('open', false)], seenFor(STALE_AFTER_MS)), 0)
  assert.equal(settlesInMs([aNode('open', false)], seenFor(3_600_000)), 0)
})

test('nothing is waited for when all are heard, when a node only starts, and while the registry is out of sight', () => {
  assert.equal(settlesInMs([], seenFor(0)), 0)
  assert.equal(settlesInMs([aNode('open', true), aNode('starting', false)], seenFor(0)), 0)
  assert.equal(settlesInMs([aNode('open', false)], seenFor(0, 'unsynced')), 0)
})
