// Whatever goes wrong with a watch, all is read anew and the listener ends up with what is there.
import assert from 'node:assert/strict'
import { afterEach, beforeEach, test } from 'node:test'
import type { IWatchResponse } from 'etcd3'
import { seededRandom } from '../../../operator/ambient/seeded-random.ts'
import { watchRegistry } from '../../../operator/registry/watch.ts'
import { silentLogger } from '../../../operator/telemetry/log.ts'
import { type FakeClock, fakeClock } from '../fake-clock.ts'
import { type ScriptedRegistry, scriptedRegistry } from './scripted-registry.ts'

let etcd: ScriptedRegistry
let clock: FakeClock
let stop: AbortController
let ended: Promise<void>
let seen: Map<string, string>
let causes: string[]
let throwing: boolean
let onChange: (key: string) => void

beforeEach(async () => {
  etcd = scriptedRegistry()
  clock = fakeClock()
  stop = new AbortController()
  seen = new Map()
  causes = []
  throwing = false
  onChange = () => undefined
  etcd.put('/sfu/nodes/default/a', 'one')
  ended = watchRegistry(
    { connection: etcd.connection, range: { prefix: '/sfu/' }, clock, random: seededRandom(), log: silentLogger },
    {
      onWhole(entries, cause) {
        causes.push(cause)
        seen = new Map(entries.map(({ key, value }) => [key, Buffer.from(value).toString()]))
      },
      onChanges(changes) {
        for (const change of changes) {
          onChange(change.type === 'put' ? change.entry.key : change.key)
          if (change.type === 'put') seen.set(change.entry.key, Buffer.from(change.entry.value).toString())
          else seen.delete(change.key)
        }
        if (throwing) throw new Error('a mistake')
      },
    },
    stop.signal,
  )
  await clock.advance(0)
})
afterEach(async () => {
  stop.abort(new Error('the test is over'))
  await clock.advance(0)
  await ended
  assert.equal(etcd.openWatches, 0)
  assert.equal(clock.pending, 0)
})

test('all of it first, then each change', async () => {
  etcd.put('/sfu/nodes/default/b', 'two')
  etcd.remove('/sfu/nodes/default/a')
  await clock.advance(60_000)
  assert.deepEqual([...seen], [['/sfu/nodes/default/b', 'two']])
  assert.deepEqual(causes, ['start'])
})

test('when much is told the rest is asked for anew: nothing is told twice, nothing is left out, one watch at a time', async () => {
  const told: string[] = []
  onChange = key => told.push(key)
  const written = Array.from({ length: 1_000 }, (_, n) => `/sfu/nodes/default/n${n}`)
  for (const [n, key] of written.entries()) {
    etcd.put(key, 'x')
    // Some come before etcd has read that the watch is given up, some after.
    if (n % 7 === 0) await clock.advance(5)
  }
  await clock.advance(1)
  assert.deepEqual(told, written)
  assert.deepEqual(causes, ['start'])
  assert.equal(etcd.watchIds.length, 1)
  assert.ok(Number(etcd.watchIds[0]) > 2, `watch ${etcd.watchIds[0]}`)
})

test('a fleet that says less keeps its watch, and each is told at once', async () => {
  for (let n = 0; n < 200; n += 1) {
    etcd.put('/sfu/nodes/default/a', `${n}`)
    assert.equal(seen.get('/sfu/nodes/default/a'), `${n}`)
    await clock.advance(3)
  }
  assert.deepEqual(etcd.watchIds, ['1'])
})

test('what is still said of a watch that was given up is not taken for the one asked for', async () => {
  await rush()
  const old = { watch_id: '1', header: { cluster_id: 'c', member_id: 'm', revision: '2', raft_term: '2' } }
  etcd.say({ ...old, events: [] })
  etcd.say({ ...old, canceled: true })
  await clock.advance(1_000)
  assert.deepEqual(causes, ['start'])
  assert.equal(seen.get('/sfu/nodes/default/a'), '99')
})

test('a watch is not given up within an answer that comes in parts', async () => {
  for (let n = 0; n < 100; n += 1) etcd.put('/sfu/nodes/default/a', `${n}`)
  await clock.advance(100)
  const part = (key: string, fragment: boolean): void => {
    const kv = { ...entry, key: Buffer.from(key), mod_revision: '103' }
    const header = { cluster_id: 'c', member_id: 'm', revision: '103', raft_term: '2' }
    etcd.say({ header, events: [{ type: 'Put', kv, prev_kv: kv }], fragment })
  }
  part('/sfu/nodes/default/b', true)
  await clock.advance(1)
  part('/sfu/nodes/default/c', false)
  assert.deepEqual([...seen.keys()].sort(), ['/sfu/nodes/default/a', '/sfu/nodes/default/b', '/sfu/nodes/default/c'])
})
const entry = { value: Buffer.from('x'), lease: '0', create_revision: '103', version: '1' }

/** More than 500 changes a second, at which the watch is given up. */
async function rush(): Promise<void> {
  for (let n = 0; n < 99; n += 1) etcd.put('/sfu/nodes/default/a', `${n}`)
  await clock.advance(100)
  etcd.put('/sfu/nodes/default/a', '99')
  await clock.advance(1)
  assert.deepEqual(etcd.watchIds, ['2'])
}

const faults: [cause: string, response: () => Partial<IWatchResponse>][] = [
  ['compacted', () => ({ canceled: true, compact_revision: '7' })],
  ['disconnected', () => ({ canceled: true, cancel_reason: 'etcdserver: no leader' })],
  ['went-backwards', () => ({ header: { cluster_id: 'c', member_id: 'm', revision: '1', raft_term: '2' } })],
  ['went-backwards', () => ({ header: { cluster_id: 'other', member_id: 'm', revision: '99', raft_term: '2' } })],
  ['garbage', () => ({ header: { cluster_id: 'c', member_id: 'm', revision: 'x', raft_term: '2' } })],
  // The library's types promise a key and value with each event; the wire does not.
  ['garbage', () => ({ events: [{ type: 'Put' }] as unknown as IWatchResponse['events'] })],
]
for (const [cause, response] of faults) {
  test(`${cause}: ${JSON.stringify(response())}`, async () => {
    etcd.quietly(() => etcd.put('/sfu/nodes/default/missed', 'three'))
    etcd.say(response())
    await clock.advance(1_000)
    assert.deepEqual(causes, ['start', cause])
    assert.equal(seen.get('/sfu/nodes/default/missed'), 'three')
    etcd.put('/sfu/nodes/default/after', 'four')
    assert.equal(seen.get('/sfu/nodes/default/after'), 'four')
    assert.equal(etcd.openWatches, 1)
  })
}

test('a watch on a member that lags is not taken for one that lost its data', async () => {
  etcd.breakWatch()
  await clock.advance(150)
  etcd.say({ created: true, header: { cluster_id: 'c', member_id: 'm', revision: '1', raft_term: '2' } })
  await clock.advance(1_000)
  assert.deepEqual(causes, ['start', 'disconnected'])
})

test('silence ends the watch, and what was missed is read', async () => {
  etcd.deaf = true
  etcd.put('/sfu/nodes/default/b', 'two')
  await clock.advance(5_500)
  assert.equal(seen.size, 1)
  etcd.deaf = false
  await clock.advance(3_000)
  assert.deepEqual(causes, ['start', 'silent'])
  assert.equal(seen.size, 2)
})

test('after this process stood still, what waited in the socket is not taken for news', async () => {
  clock.freezeFor(60_000)
  etcd.put('/sfu/nodes/default/a', 'said a minute ago')
  await clock.advance(500)
  assert.deepEqual(causes, ['start', 'silent'])
})

test('etcd down for an hour: tried again and again, every 4 s at the least, and then all is read', async () => {
  etcd.down = true
  etcd.breakWatch()
  await clock.advance(3_600_000)
  etcd.down = false
  etcd.quietly(() => etcd.remove('/sfu/nodes/default/a'))
  await clock.advance(4_000)
  assert.deepEqual(causes, ['start', 'disconnected'])
  assert.equal(seen.size, 0)
})

test('all is read now and then even if nothing seems wrong', async () => {
  etcd.quietly(() => etcd.put('/sfu/nodes/default/missed', 'three'))
  await clock.advance(370_000)
  assert.deepEqual(causes, ['start', 'periodic'])
  assert.equal(seen.size, 2)
})

test('a listener that throws costs neither the watch nor what follows', async () => {
  throwing = true
  etcd.put('/sfu/nodes/default/b', 'two')
  etcd.put('/sfu/nodes/default/c', 'three')
  await clock.advance(1_000)
  assert.equal(seen.size, 3)
  assert.deepEqual(causes, ['start'])
})

test('pages that are too big a message are read in smaller ones', async () => {
  etcd.quietly(() => {
    for (let n = 0; n < 2_500; n += 1) etcd.put(`/sfu/nodes/default/n${n}`, 'x')
  })
  etcd.maxPageKeys = 30
  etcd.breakWatch()
  await clock.advance(1_000)
  assert.equal(seen.size, 2_501)
})
