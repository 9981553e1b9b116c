// What the fleet view tells whom, and when: decisions hang on `material`, reconciles on not hearing of every beat.
import assert from 'node:assert/strict'
import { afterEach, beforeEach, test } from 'node:test'
import { objectKey } from '../../../operator/api/meta.ts'
import type { FleetView } from '../../../operator/registry/fleet.ts'
import type { MetricRegistry } from '../../../operator/telemetry/metrics.ts'
import type { FakeClock } from '../fake-clock.ts'
import type { ScriptedRegistry } from './scripted-registry.ts'
import { watchedView } from './watched-view.ts'

const node = (name: string) => objectKey(name, 'default')
const a = node('a')
const beat = { podUID: 'pod-1', bootId: 'boot-1', seq: 1, state: 'serving', sessions: 3 }
const intent = { podUID: 'pod-1', admission: 'closed' }

let etcd: ScriptedRegistry
let clock: FakeClock
let view: FleetView
let heard: string[]
let metrics: MetricRegistry
let stop: () => Promise<void>

beforeEach(async () => {
  ;({ etcd, clock, view, metrics, stop } = await watchedView())
  heard = []
  view.onChange((key, what) => heard.push(`${key} ${what}`))
})
afterEach(() => stop())

const beatOf = (name: string, some: Record<string, unknown> = {}): number =>
  etcd.put(`/sfu/nodes/default/${name}`, { ...beat, ...some })

/** What was heard since the last time. */
const hears = (): string[] => heard.splice(0)

test('beats that change nothing are told as such, others as material', () => {
  beatOf('a', { seq: 1 })
  assert.deepEqual(hears(), ['default/a material'])
  beatOf('a', { seq: 2, sessions: 4, cpu: 50 })
  assert.deepEqual(hears(), ['default/a beat'])
  let seq = 2
  for (const some of [
    { sessions: 0 },
    { sessions: 1 },
    { state: 'draining' },
    { ackIntent: 9 },
    { bootId: 'boot-2' },
  ]) {
    seq += 1
    beatOf('a', { seq, ...some })
    assert.deepEqual(hears(), ['default/a material'], JSON.stringify(some))
  }
  etcd.put('/sfu/intents/default/a', intent)
  assert.deepEqual(hears(), ['default/a material'])
  etcd.put('/sfu/nodes/default/a', 'garbage')
  assert.deepEqual(hears(), ['default/a material'])
})

test('empty samples matter until three of them', () => {
  const ackIntent = etcd.put('/sfu/intents/default/a', intent)
  hears()
  for (let seq = 1; seq <= 4; seq += 1) beatOf('a', { seq, state: 'draining', sessions: 0, ackIntent })
  assert.deepEqual(hears(), [...Array(3).fill('default/a material'), 'default/a beat'])
})

test('a closed node that gets empty, or has people again, is told at once; how many they are, beat by beat', () => {
  const ackIntent = etcd.put('/sfu/intents/default/a', intent)
  const closed = { state: 'closed', ackIntent }
  const story: [object, 'material' | 'beat'][] = [
    [{ sessions: 3, rooms: 2 }, 'material'],
    [{ sessions: 2, rooms: 1 }, 'beat'],
    [{ sessions: 0, rooms: 1 }, 'material'],
    [{ sessions: 0, rooms: 0 }, 'material'],
    [{ sessions: 0, rooms: 0 }, 'beat'],
    [{ sessions: 0, rooms: 1 }, 'material'],
  ]
  hears()
  for (const [index, [some, what]] of story.entries()) {
    beatOf('a', { ...closed, seq: index + 1, ...some })
    assert.deepEqual(hears(), [`default/a ${what}`], `beat ${index + 1}`)
  }
})

test('what was told of a node stays as it was told, whatever it says next', () => {
  beatOf('a', { seq: 1, sessions: 3 })
  const told = view.registration(a)
  beatOf('a', { seq: 2, sessions: 4 })
  const now = view.registration(a)
  assert.ok(told.state === 'fresh' && now.state === 'fresh')
  assert.deepEqual([told.heartbeat.sessions, now.heartbeat.sessions], [3, 4])
  assert.notEqual(told.revision, now.revision)
})

test('nodes that fall silent together under keys that stay freeze the view before one of them is stale, until they are heard', async () => {
  const names = ['a', 'b', 'c', 'd']
  let seq = 0
  const hear = async (who: readonly string[], beats: number): Promise<void> => {
    for (let beaten = 0; beaten < beats; beaten += 1) {
      seq += 1
      for (const name of who) beatOf(name, { seq })
      await clock.advance(3_000)
    }
  }
  await hear(names, 5)
  assert.equal(view.health().freeze, undefined)
  await hear(names.slice(1), 5)
  assert.equal(view.registration(a).state, 'stale')
  assert.equal(view.health().freeze, undefined, 'one of four is no mass')
  await hear(names, 5)
  view.onChange(key => assert.ok(view.registration(key).state !== 'stale' || view.health().freeze, key))
  await clock.advance(9_000)
  assert.equal(view.registration(a).state, 'stale')
  assert.match(view.health().freeze?.because ?? '', /4 of 4 nodes are silent/)
  await hear(names, 3)
  assert.ok(view.health().freeze, 'not yet a lease time')
  await hear(names, 2)
  assert.equal(view.health().freeze, undefined)
})

test('silence of a node is told within a second of its being stale', async () => {
  await clock.advance(12_000)
  beatOf('a')
  await clock.advance(8_900)
  assert.deepEqual(hears(), ['default/a material'])
  await clock.advance(1_100)
  assert.deepEqual(hears(), ['default/a material'])
  assert.equal(view.registration(a).state, 'stale')
})

test('out of sight and back: told for all keys and to those who watch the health', async () => {
  beatOf('a')
  etcd.put('/sfu/intents/default/b', intent)
  hears()
  let healthChanges = 0
  view.onHealthChange(() => (healthChanges += 1))
  etcd.deaf = true
  etcd.down = true
  await clock.advance(6_000)
  const lost = view.registration(a)
  assert.ok(lost.state === 'unknown' && lost.because === 'disconnected')
  assert.ok(lost.forMs > 5_000 && lost.forMs <= 6_000, `${lost.forMs} ms`)
  assert.deepEqual(view.intent(node('b')), { state: 'unknown' })
  assert.equal(view.health().state, 'unsynced')
  assert.deepEqual(new Set(hears()), new Set(['default/a material', 'default/b material']))
  assert.equal(healthChanges, 1)
  etcd.deaf = false
  etcd.down = false
  await clock.advance(5_000)
  assert.equal(view.registration(a).state, 'stale', 'seen again, not yet seen to move')
  assert.equal(view.intent(node('b')).state, 'known')
  assert.equal(healthChanges, 2)
  await clock.advance(15_000)
  assert.equal(view.health().freeze, undefined)
  assert.equal(healthChanges, 3)
})

test('a throwing listener keeps no other from being told', () => {
  const told: string[] = []
  view.onChange(() => {
    throw new Error('a mistake')
  })
  const unsubscribe = view.onChange(key => told.push(key))
  beatOf('a')
  assert.deepEqual(told, ['default/a'])
  unsubscribe()
  beatOf('a', { seq: 2 })
  assert.deepEqual(told, ['default/a'])
})

test('the whole fleet vanishes: frozen before anybody is told that a key is gone', async () => {
  await clock.advance(12_000)
  for (const name of ['a', 'b', 'c']) beatOf(name)
  assert.equal(view.health().freeze, undefined)
  let unguarded = 0
  view.onChange(key => {
    if (view.registration(key).state === 'absent' && !view.health().freeze) unguarded += 1
  })
  etcd.quietly(() => {
    for (const name of ['a', 'b', 'c']) etcd.remove(`/sfu/nodes/default/${name}`)
  })
  etcd.breakWatch()
  await clock.advance(1_000)
  assert.equal(unguarded, 0)
  const { freeze } = view.health()
  assert.deepEqual([freeze?.vanished, freeze?.expected], [3, 3])
  for (const name of ['a', 'b', 'c']) view.forget(node(name))
  await clock.advance(12_000)
  assert.equal(view.health().freeze, undefined, 'their RTCNodes are gone: nobody is missed')
})

test('a freeze ends by itself: who is missing for 10 minutes is dead', async () => {
  for (const name of ['a', 'b', 'c']) beatOf(name)
  await clock.advance(12_000)
  etcd.remove('/sfu/nodes/default/a')
  etcd.remove('/sfu/nodes/default/b')
  await clock.advance(500_000)
  assert.ok(view.health().freeze)
  await clock.advance(150_000)
  assert.equal(view.health().freeze, undefined)
  assert.equal(view.registration(a).state, 'absent')
})

test('a forgotten node whose key is still there is not missed when it goes', async () => {
  await clock.advance(12_000)
  for (const name of ['a', 'b']) beatOf(name)
  for (const name of ['a', 'b']) view.forget(node(name))
  await clock.advance(8_000)
  assert.equal(view.health().freeze, undefined, 'nor is it missed that it is silent')
  for (const name of ['a', 'b']) etcd.remove(`/sfu/nodes/default/${name}`)
  await clock.advance(1_000)
  assert.equal(view.health().freeze, undefined)
})

test('alien keys, and names that Kubernetes would not take, are no nodes', () => {
  for (const key of [
    'nodes/a',
    'nodes/default/a/b',
    'nodes/Default/a',
    'nodes/default/',
    'nodes//a',
    'nodes/default/a b',
  ]) {
    etcd.put(`/sfu/${key}`, beat)
  }
  assert.equal(view.health().keys, 0)
  assert.deepEqual(hears(), [])
})

test('flags are read live, bounded, and kept while the registry is out of sight', async () => {
  etcd.put('/sfu/flags/pause-scaling', 'yes')
  etcd.put('/sfu/flags/long', 'x'.repeat(300))
  assert.equal(view.flag('pause-scaling'), 'yes')
  assert.equal(view.flag('long'), undefined)
  etcd.deaf = true
  etcd.down = true
  await clock.advance(60_000)
  assert.equal(view.flag('pause-scaling'), 'yes')
})

test('an intent that cannot be read is unreadable, not absent', () => {
  const revision = etcd.put('/sfu/intents/default/a', { admission: 'ajar' })
  assert.deepEqual(view.intent(a), { state: 'unreadable', revision })
  etcd.remove('/sfu/intents/default/a')
  assert.deepEqual(view.intent(a), { state: 'absent' })
})

test('out of sight, it says why', async () => {
  etcd.down = true
  etcd.breakWatch()
  await clock.advance(6_000)
  const { state, because } = view.health()
  assert.deepEqual([state, because], ['unsynced', 'registry range: down'])
  etcd.down = false
  await clock.advance(4_000)
  assert.deepEqual([view.health().state, view.health().because], ['synced', undefined])
})

test('metrics: keys, rejected values and resyncs by cause, frozen, age of the last answer', async () => {
  beatOf('a')
  etcd.put('/sfu/nodes/default/b', { ...beat, sessions: -1 })
  etcd.put('/sfu/nodes/default/b', 'x'.repeat(20_000))
  etcd.breakWatch()
  await clock.advance(1_000)
  const text = await metrics.metrics()
  assert.equal(view.health().rejectedValues, 1)
  for (const line of [
    'rtcnode_registry_keys 2',
    'rtcnode_registry_frozen 1',
    'rtcnode_registry_rejected_values_total{cause="invalid"} 1',
    'rtcnode_registry_resyncs_total{cause="start"} 1',
    'rtcnode_registry_resyncs_total{cause="disconnected"} 1',
    'rtcnode_registry_resyncs_total{cause="compacted"} 0',
  ]) {
    assert.ok(text.split('\n').includes(line), `${line} in\n${text}`)
  }
  assert.match(text, /rejected_values_total\{cause="too-large"\} [12]\n/)
  assert.match(text, /progress_age_seconds 0\.\d+\n/)
})
