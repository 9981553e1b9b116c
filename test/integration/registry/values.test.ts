// Values and writers a registry must survive, against a real etcd: no lease, wrong types, other people's keys, huge ones.
import assert from 'node:assert/strict'
import { afterEach, beforeEach, test } from 'node:test'
import { Etcd3 } from 'etcd3'
import type { FleetView } from '../../../operator/registry/fleet.ts'
import { nodeKey } from '../../../operator/registry/keys.ts'
import { until } from '../../cluster/until.ts'
import { node, type Rig, startRig } from './rig.ts'

const a = node('a')
const within = { withinMs: 10_000, everyMs: 10 }

let rig: Rig
let etcd: Etcd3
let view: FleetView
beforeEach(async () => {
  rig = await startRig({ durable: false })
  etcd = new Etcd3({ hosts: rig.registry.endpoints })
  view = rig.view(rig.connect(), { staleAfterMs: 1_500, ttlMs: 1_000 })
  await until('synced', () => view.health().state === 'synced', within)
})
afterEach(async () => {
  etcd.close()
  await rig[Symbol.asyncDispose]()
})

test('a key without a lease is never fresh, however often it is written', async () => {
  const states = new Set<string>()
  view.onChange(() => states.add(view.registration(a).state))
  for (let seq = 1; seq <= 20; seq += 1) await put('a', { ...beat(), seq })
  await until('the last was seen', () => view.registration(a).state === 'stale', within)
  assert.deepEqual([...states], ['stale'])
})

test('wrong types are rejected with the field named; the next good beat heals', async () => {
  const lease = etcd.lease(30)
  for (const [field, value] of [
    ['sessions', '0'],
    ['sessions', -1],
    ['seq', 1.5],
    ['state', 7],
  ] as const) {
    await put('a', { ...beat(), [field]: value }, lease)
    const seen = await until('rejected', () => rejectedAs(field), within)
    assert.ok(seen.length <= 200)
    assert.equal(view.health().rejectedValues, 1)
  }
  await put('a', { ...beat(), seq: 2 }, lease)
  await until('healed', () => view.registration(a).state === 'fresh', within)
})

test("a node's key overwritten by another pod shows whose word it is, and the owner's next beat counts", async () => {
  const owner = rig.agent(rig.connect(), a, { everyMs: 1_000 })
  await until('fresh', () => podUID() === 'pod-of-default/a', within)
  const lease = etcd.lease(30)
  await put('a', { ...beat(), podUID: 'thief', state: 'draining', sessions: 0 }, lease)
  await until('seen as of another pod', () => podUID() === 'thief', within)
  await until('the owner again', () => podUID() === 'pod-of-default/a', within)
  await owner.leave()
})

test('an old incarnation that writes again is no beat', async () => {
  const lease = etcd.lease(30)
  await put('a', { ...beat(), bootId: 'boot-1', seq: 100 }, lease)
  await put('a', { ...beat(), bootId: 'boot-2', seq: 1, sessions: 5 }, lease)
  await put('a', { ...beat(), bootId: 'boot-1', seq: 101, sessions: 0 }, lease)
  await until('stale', () => view.registration(a).state === 'stale', within)
  await put('a', { ...beat(), bootId: 'boot-2', seq: 2, sessions: 5 }, lease)
  const seen = await until('fresh', () => fresh(), within)
  assert.equal(seen.heartbeat.sessions, 5)
})

test('the plain form is alive, without identity and sessions', async () => {
  const lease = etcd.lease(30)
  await put('a', { cpu: 42.3, mem: 65.1, streams: 128 }, lease)
  await until('plain', () => view.registration(a).state === 'plain', within)
  assert.ok(!('heartbeat' in view.registration(a)))
})

test('100 values of 1 MiB and 20,000 alien keys: the good one is still read, by a new operator too', async () => {
  rig.agent(rig.connect(), a, { ttlSeconds: 30 })
  const mebibyte = Buffer.alloc(1024 * 1024, 'x')
  for (let n = 0; n < 100; n += 1) await etcd.put(nodeKey('/sfu', node(`huge-${n}`))).value(mebibyte)
  for (let first = 0; first < 20_000; first += 100) {
    const success = Array.from({ length: 100 }, (_, index) => {
      return { request_put: { key: Buffer.from(`/sfu/nodes/ALIEN ${first + index}`), value: Buffer.from('{}') } }
    })
    await etcd.kv.txn({ success })
  }
  const anew = rig.view(rig.connect(), { staleAfterMs: 1_500 })
  for (const reader of [view, anew]) {
    await until('fresh', () => reader.registration(a).state === 'fresh', { withinMs: 30_000 })
    await until('all read', () => reader.health().keys === 101, { withinMs: 30_000 })
    assert.equal(reader.health().rejectedValues, 100)
  }
})

const beat = () => ({ podUID: 'pod-1', bootId: 'boot-1', seq: 1, state: 'serving', sessions: 0 })

const put = (name: string, value: unknown, by: Pick<Etcd3, 'put'> = etcd): Promise<unknown> =>
  by
    .put(nodeKey('/sfu', node(name)))
    .value(JSON.stringify(value))
    .exec()

function fresh() {
  const seen = view.registration(a)
  return seen.state === 'fresh' ? seen : undefined
}

const podUID = (): string | undefined => fresh()?.heartbeat.podUID

function rejectedAs(field: string): string | undefined {
  const seen = view.registration(a)
  return seen.state === 'rejected' && seen.because.startsWith(`${field}:`) ? seen.because : undefined
}
