// What the fleet view says while etcd is restarted, killed, frozen, wiped, compacted and cut off. Asserted is what it says
// in the end, and that it never, on the way, let a living node pass for a dead one while killing was allowed.
import assert from 'node:assert/strict'
import { afterEach, beforeEach, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Etcd3 } from 'etcd3'
import type { ObjectKey } from '../../../operator/api/meta.ts'
import type { FleetView } from '../../../operator/registry/fleet.ts'
import { nodeKey } from '../../../operator/registry/keys.ts'
import { until } from '../../cluster/until.ts'
import { startCuttingProxy } from './cutting-proxy.ts'
import { type Agent, node, type Rig, startRig } from './rig.ts'

const ttlSeconds = 3
const ttlMs = ttlSeconds * 1_000
const quick = { ttlMs, staleAfterMs: 1_500 }
const living = ['a', 'b', 'c', 'd'].map(node)

let rig: Rig
const watchdogs = new Set<NodeJS.Timeout>()
beforeEach(async () => {
  rig = await startRig()
})
afterEach(async () => {
  for (const watchdog of watchdogs) clearInterval(watchdog)
  watchdogs.clear()
  await rig[Symbol.asyncDispose]()
})

test('a registry in which nothing happens stays in sight', async () => {
  const view = rig.view(rig.connect(), quick)
  await until('thawed', () => view.health().state === 'synced' && !view.health().freeze, { withinMs: 15_000 })
  let losses = 0
  view.onHealthChange(() => (losses += 1))
  // Longer than a silence that counts as an outage, and its repair.
  await sleep(8_000)
  assert.equal(losses, 0)
  assert.equal(view.health().state, 'synced')
})

test('etcd restarted: everybody is fresh again and nobody was taken for gone', async () => {
  const { view, agents, wronged } = await settledFleet()
  await rig.registry.server.restart()
  await everybodyFresh(view)
  assert.deepEqual(wronged(), [])
  assert.deepEqual(
    agents.map(agent => agent.losses()),
    [0, 0, 0, 0],
    'no lease was given up for a short outage',
  )
})

test('etcd killed: the key of a node that died meanwhile outlives it, yet the node is not fresh', async () => {
  const { view, agents, wronged } = await settledFleet(['doomed'])
  await rig.registry.server.kill()
  agents.at(-1)?.die()
  await rig.registry.server.start()
  await everybodyFresh(view)
  await until('no proof of life', () => view.registration(node('doomed')).state === 'stale', { withinMs: 30_000 })
  assert.equal(view.health().keys, 5, 'etcd renews every lease when it starts, so the key of the dead is still there')
  await until('its lease ended', () => view.registration(node('doomed')).state === 'absent', { withinMs: 20_000 })
  assert.deepEqual(wronged(), [])
})

test('etcd frozen for longer than the TTL: all leases end at once, and only the dead stay gone after the thaw', async () => {
  const { view, agents, wronged } = await settledFleet(['doomed'])
  rig.registry.server.pause()
  await until('out of sight', () => view.registration(node('a')).state === 'unknown', { withinMs: 15_000 })
  assert.equal(view.health().state, 'unsynced')
  assert.deepEqual(view.intent(node('a')), { state: 'unknown' })
  agents.at(-1)?.die()
  await until('leases given up', () => agents.slice(0, 4).every(agent => agent.losses() > 0), { withinMs: 15_000 })
  rig.registry.server.resume()
  await until('frozen in sight', () => view.health().state === 'synced' && view.health().freeze, { withinMs: 15_000 })
  await everybodyFresh(view)
  await until('thawed', () => view.health().freeze === undefined, { withinMs: 15_000 })
  await everybodyFresh(view)
  assert.equal(view.registration(node('doomed')).state, 'absent')
  assert.deepEqual(wronged(), [])
})

test('many keys vanish while etcd is well: frozen until they are back for a full TTL', async () => {
  const { view, wronged } = await settledFleet()
  const etcd = new Etcd3({ hosts: rig.registry.endpoints })
  const success = living.slice(0, 2).map(key => ({ request_delete_range: { key: Buffer.from(nodeKey('/sfu', key)) } }))
  await etcd.kv.txn({ success })
  etcd.close()
  const freeze = await until('frozen', () => view.health().freeze, { withinMs: 30_000 })
  assert.equal(freeze.expected, 4)
  const frozenAt = performance.now()
  await everybodyFresh(view)
  await until('thawed', () => view.health().freeze === undefined, { withinMs: 15_000 })
  assert.ok(performance.now() - frozenAt >= ttlMs)
  assert.deepEqual(wronged(), [])
})

test('one node dies: no freeze', async () => {
  const { view, agents } = await settledFleet()
  agents[0]?.die()
  await until('gone', () => view.registration(node('a')).state === 'absent', { withinMs: 15_000 })
  assert.equal(view.health().freeze, undefined)
})

test('half the fleet leaves because it was told to: no freeze', async () => {
  const { view, agents } = await settledFleet()
  const etcd = new Etcd3({ hosts: rig.registry.endpoints })
  const drain = { reason: 'Deleted', deadline: '2030-01-01T00:00:00Z', stage: 'leave' }
  for (const key of living.slice(0, 3)) {
    await etcd.put(`/sfu/intents/${key}`).value(JSON.stringify({ podUID: 'x', admission: 'closed', drain }))
  }
  etcd.close()
  await until('intents seen', () => living.slice(0, 3).every(key => view.intent(key).state === 'known'), {
    withinMs: 30_000,
  })
  for (const agent of agents.slice(0, 3)) await agent.leave()
  await until('gone', () => view.health().keys === 1, { withinMs: 30_000 })
  assert.equal(view.health().freeze, undefined)
})

test('etcd wiped: frozen, and everybody is back once the agents have put again', async () => {
  const { view, wronged } = await settledFleet()
  await rig.registry.wipe()
  await until('frozen', () => view.health().freeze, { withinMs: 10_000 })
  await everybodyFresh(view)
  await until('thawed', () => view.health().freeze === undefined, { withinMs: 20_000 })
  assert.deepEqual(wronged(), [])
})

test('etcd wiped and written past our revision before we look again: what was lost is known to be lost', async () => {
  const view = rig.view(rig.connect(), quick)
  const etcd = new Etcd3({ hosts: rig.registry.endpoints })
  await etcd.put(nodeKey('/sfu', node('old'))).value('{}')
  await until('old seen', () => view.health().keys === 1, { withinMs: 30_000 })
  await rig.registry.wipe()
  for (let n = 0; n < 20; n += 1) await etcd.put(nodeKey('/sfu', node(`new-${n}`))).value('{}')
  etcd.close()
  await until('20 new', () => view.health().keys === 20, { withinMs: 15_000 })
  assert.equal(view.registration(node('old')).state, 'absent')
})

test('half-open connection, and compaction past what we have seen: all is read anew', async () => {
  await using proxy = await startCuttingProxy(rig.registry.endpoints[0] ?? '')
  const view = rig.view(rig.connect([proxy.url]), quick)
  const agent = rig.agent(rig.connect(), node('a'))
  await until('fresh', () => view.registration(node('a')).state === 'fresh', { withinMs: 30_000 })
  proxy.hold()
  await until('out of sight', () => view.registration(node('a')).state === 'unknown', { withinMs: 15_000 })
  const etcd = new Etcd3({ hosts: rig.registry.endpoints })
  await etcd.put('/sfu/flags/pause').value('yes')
  const { header } = await etcd.put(nodeKey('/sfu', node('b'))).value('{}')
  await etcd.kv.compact({ revision: header.revision, physical: true })
  etcd.close()
  proxy.resume()
  await until('fresh again', () => view.registration(node('a')).state === 'fresh', { withinMs: 15_000 })
  assert.equal(view.registration(node('b')).state, 'rejected')
  assert.equal(view.flag('pause'), 'yes')
  assert.equal(agent.losses(), 0)
})

test('connection cut in the middle of catching up on 6,000 keys, and again while reading all: none is lost', async () => {
  await using proxy = await startCuttingProxy(rig.registry.endpoints[0] ?? '')
  const view = rig.view(rig.connect([proxy.url]), quick)
  await until('synced', () => view.health().state === 'synced', { withinMs: 30_000 })
  proxy.hold()
  await putMany(6_000)
  const before = proxy.connections()
  proxy.cutAfter(300_000)
  proxy.resume()
  await until('cut in catch-up', () => proxy.wasCut(), { withinMs: 10_000 })
  assert.ok(view.health().keys < 6_000, 'it was cut before the end')
  proxy.cutAfter(300_000)
  await until('cut in the reading', () => proxy.wasCut(), { withinMs: 10_000 })
  await until('6,000 keys', () => view.health().keys === 6_000, { withinMs: 20_000 })
  assert.ok(proxy.connections() > before, 'it has connected again')
  for (let n = 0; n < 6_000; n += 1) assert.notEqual(view.registration(node(`n${n}`)).state, 'absent')
})

test('etcd is down when the operator starts: unknown, then synced', async () => {
  await rig.registry.server.stop()
  const view = rig.view(rig.connect(), quick)
  await sleep(500)
  const first = view.registration(node('a'))
  assert.ok(first.state === 'unknown' && first.because === 'not-synced')
  await rig.registry.server.start()
  await until('synced', () => view.health().state === 'synced', { withinMs: 10_000 })
  assert.equal(view.registration(node('a')).state, 'absent')
})

/** Four living nodes and `more`, all fresh, not frozen; and a record of every moment a living one could have been killed. */
async function settledFleet(
  more: string[] = [],
): Promise<{ view: FleetView; agents: Agent[]; wronged: () => string[] }> {
  const view = rig.view(rig.connect(), quick)
  const connection = rig.connect()
  const agents = [...living, ...more.map(node)].map(key => rig.agent(connection, key, { ttlSeconds }))
  await everybodyFresh(view, [...living, ...more.map(node)])
  await until('thawed', () => view.health().freeze === undefined, { withinMs: 15_000 })
  const wronged = new Set<string>()
  const watchdog = setInterval(() => {
    for (const key of living) {
      const seen = view.registration(key)
      // That one key is missing, a first one of many, may be seen a moment before it is known that they are many.
      if (seen.state === 'absent' && seen.forMs > 100 && !view.health().freeze) wronged.add(key)
    }
  }, 20)
  watchdogs.add(watchdog)
  return { view, agents, wronged: () => [...wronged] }
}

const everybodyFresh = (view: FleetView, keys: ObjectKey[] = living): Promise<unknown> =>
  until('everybody fresh', () => keys.every(key => view.registration(key).state === 'fresh'), { withinMs: 30_000 })

async function putMany(count: number): Promise<void> {
  const etcd = new Etcd3({ hosts: rig.registry.endpoints })
  const { ID: lease } = await etcd.leaseClient.leaseGrant({ TTL: 600 })
  for (let first = 0; first < count; first += 100) {
    const success = Array.from({ length: 100 }, (_, index) => {
      const name = `n${first + index}`
      const value = { podUID: name, bootId: 'boot-1', seq: 1, state: 'serving', sessions: 0, region: 'x'.repeat(60) }
      const key = Buffer.from(nodeKey('/sfu', node(name)))
      return { request_put: { key, value: Buffer.from(JSON.stringify(value)), lease } }
    })
    await etcd.kv.txn({ success })
  }
  etcd.close()
}
