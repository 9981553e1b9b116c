// The keeper of loads: whose beats it hears, whom it tells, and what becomes of nodes and autoscalers that come and go.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { rig } from './rig.ts'

const shed = { admission: 'closed', weight: 0, tier: 'shed' }
const open = { admission: 'open', weight: 1 }

test('a node is heard with its first beat, and shed with its second above the watermark', async () => {
  const { node, autoscaler, beat, loads, told } = rig()
  autoscaler()
  const a = node('a')
  assert.equal(loads.of(a), undefined)
  await beat('a', { cpu: 77.4, sessions: 80 })
  assert.deepEqual(
    [loads.of(a)?.heard, loads.of(a)?.reading?.pressure.toFixed(2), loads.of(a)?.beat],
    [true, '0.86', 1],
  )
  assert.deepEqual(told().admissions, [])
  await beat('a', { cpu: 77.4, sessions: 80 })
  assert.deepEqual([told().admissions, loads.admission(a)], [['a'], shed])
  await beat('a', { cpu: 77.4, sessions: 80 })
  assert.deepEqual(told().admissions, [], 'told once')
})

test('nodes without an autoscaler, or without a pool, are nobody’s business', async () => {
  const { node, autoscaler, beat, loads, told } = rig()
  autoscaler()
  for (const key of [node('other', { pool: 'us' }), node('alone', { pool: '' })]) {
    const name = key.slice('media/'.length)
    for (let i = 0; i < 3; i++) await beat(name, { cpu: 99, sessions: 9 })
    assert.equal(loads.of(key), undefined)
    assert.deepEqual(loads.admission(key), open)
  }
  assert.deepEqual(told(), { admissions: [], pressures: [] })
})

test('one beat is one beat, however often the node is looked at', async () => {
  const { node, autoscaler, beat, loads } = rig()
  autoscaler()
  const a = node('a')
  await beat('a', { cpu: 80, sessions: 9 })
  for (let i = 0; i < 5; i++) node('a')
  assert.deepEqual([loads.of(a)?.beat, loads.admission(a)], [1, open])
})

test('a node whose beats are missing keeps its tier and its last reading, and is not heard', async () => {
  const { node, autoscaler, beat, says, loads, told, clock } = rig()
  autoscaler()
  const a = node('a')
  await beat('a', { cpu: 80, sessions: 9 })
  await beat('a', { cpu: 80, sessions: 9 })
  told()
  says('a', { state: 'stale', forMs: 10_000 })
  await clock.advance(3_600_000)
  assert.deepEqual([loads.of(a)?.heard, loads.of(a)?.reading?.sessions, loads.admission(a)], [false, 9, shed])
  says('a', { state: 'unknown', because: 'disconnected', forMs: 60_000 })
  assert.deepEqual([loads.admission(a), told().admissions], [shed, []])
})

test('calm ends no tier when it was not seen all the time', async () => {
  for (const gap of ['stale', 'absurd']) {
    const { node, autoscaler, beat, says, loads, clock } = rig()
    autoscaler()
    const a = node('a')
    for (let i = 0; i < 2; i++) await beat('a', { cpu: 80, sessions: 9 })
    for (let i = 0; i < 10; i++) await beat('a', { cpu: 9, sessions: 9 })
    if (gap === 'stale') says('a', { state: 'stale', forMs: 10_000 })
    else await beat('a', { cpu: 9_999, sessions: 9 })
    await clock.advance(30_000)
    await beat('a', { cpu: 9, sessions: 9 })
    assert.deepEqual(loads.admission(a), shed, gap)
    await clock.advance(57_000)
    await beat('a', { cpu: 9, sessions: 9 })
    assert.deepEqual(loads.admission(a), open, gap)
  }
})

test('people who have just come count before the CPU shows them; what a person costs is learned from the pool', async () => {
  const { node, autoscaler, beat, loads } = rig()
  autoscaler()
  const [learned, burst] = [node('learned'), node('burst')]
  await beat('learned', { cpu: 45, sessions: 100 })
  await beat('burst', { cpu: 22.5, sessions: 50 })
  const pressure = () => loads.of(burst)?.reading?.pressure ?? 0
  assert.equal(pressure(), 0.25)
  autoscaler({ maxReplicas: 99 })
  await beat('burst', { cpu: 22.5, sessions: 100 })
  assert.ok(pressure() > 0.35 && pressure() < 0.45, `${pressure()}`)
  for (let i = 0; i < 9; i++) await beat('burst', { cpu: 45, sessions: 100 })
  assert.ok(Math.abs(pressure() - 0.5) < 0.001, 'by then the CPU shows them')
  assert.equal(loads.of(learned)?.reading?.pressure, 0.5)
})

test('a beat that cannot be believed is as good as none, and counted by its cause', async () => {
  const { node, autoscaler, beat, loads, metric } = rig()
  autoscaler()
  const a = node('a')
  await beat('a', { cpu: 45, sessions: 50 })
  await beat('a', { cpu: 45, sessions: 1_000_000 })
  assert.deepEqual([loads.of(a)?.heard, loads.of(a)?.reading?.sessions, loads.of(a)?.beat], [false, 50, 1])
  await beat('a', { cpu: 45, sessions: 50_000 })
  await beat('a', { sessions: 50_000 })
  await beat('a', { cpu: 45, sessions: 50_000 })
  assert.deepEqual([loads.of(a)?.heard, loads.of(a)?.reading?.sessions], [true, 50_000], 'it says so again')
  const counts = ['impossible', 'jump', 'no-load'].map(cause => metric('rtcnode_load_unknown_beats_total', { cause }))
  // 1,000,000 → 50,000 is a jump too: by then nobody knows which of them is true.
  assert.deepEqual(await Promise.all(counts), [1, 1, 1])
})

test('a beat of another pod than the node’s own says nothing about it', async () => {
  const { node, autoscaler, beat, loads } = rig()
  autoscaler()
  const a = node('a')
  await beat('a', { cpu: 80, sessions: 9, podUID: 'foreign' })
  assert.equal(loads.of(a), undefined)
})

test('the plain form is heard: it tells CPU and streams', () => {
  const { node, autoscaler, says, loads } = rig()
  autoscaler()
  const a = node('a')
  says('a', { state: 'plain', load: { cpu: 45, mem: 10, streams: 12 }, revision: 1, ageMs: 0, leaseId: '1' })
  assert.deepEqual([loads.of(a)?.heard, loads.of(a)?.reading?.pressure, loads.of(a)?.reading?.units], [true, 0.5, 12])
})

test('an autoscaler that only recommends changes nothing; when it acts, and when it is gone, nodes are told', async () => {
  const { node, autoscaler, removeAutoscaler, beat, loads, told } = rig()
  autoscaler({ mode: 'Recommend' })
  const a = node('a')
  node('idle')
  await beat('a', { cpu: 80, sessions: 9 })
  await beat('a', { cpu: 80, sessions: 9 })
  assert.deepEqual([loads.of(a)?.tier.tier, loads.admission(a), told().admissions], ['shed', open, []])
  autoscaler({ mode: 'Apply' })
  assert.deepEqual([loads.admission(a), told().admissions], [shed, ['a']])
  autoscaler({ mode: 'Apply' }, { deleted: true })
  assert.deepEqual([loads.admission(a), loads.of(a), told().admissions], [open, undefined, ['a']])
  removeAutoscaler()
  assert.deepEqual(told().admissions, [])
})

test('an autoscaler that comes to a pool already heard knows its nodes at once', async () => {
  const { node, autoscaler, beat, loads } = rig()
  const a = node('a')
  await beat('a', { cpu: 45, sessions: 9 })
  autoscaler()
  assert.equal(loads.of(a)?.reading?.pressure, 0.5)
})

test('a changed target is judged by with the next beat; tiers stay', async () => {
  const { node, autoscaler, beat, loads, metric } = rig()
  autoscaler()
  const a = node('a')
  await beat('a', { cpu: 80, sessions: 9, streams: 100 })
  await beat('a', { cpu: 80, sessions: 9, streams: 100 })
  autoscaler({ targets: { cpuPercent: 900, streamsPerNode: 1_000 } })
  assert.deepEqual(loads.admission(a), shed)
  await beat('a', { cpu: 80, sessions: 9, streams: 100 })
  assert.deepEqual([loads.of(a)?.reading?.pressure, loads.of(a)?.reading?.by], [0.1, 'streams'])
  assert.deepEqual(loads.admission(a), shed, 'for a minute')
  assert.equal(await metric('rtcnode_load_nodes', { tier: 'shed' }), 1)
})

test('of several autoscalers the oldest that acts counts', async () => {
  const { node, autoscaler, removeAutoscaler, beat, loads } = rig()
  const a = node('a')
  autoscaler({ mode: 'Recommend', targets: { cpuPercent: 10 } }, { name: 'trial', bornAt: -60 })
  autoscaler({ targets: { cpuPercent: 80 } }, { name: 'b', bornAt: 10 })
  autoscaler({ targets: { cpuPercent: 40 } }, { name: 'c', bornAt: 10 })
  await beat('a', { cpu: 40, sessions: 9 })
  assert.equal(loads.of(a)?.reading?.pressure, 0.5)
  removeAutoscaler('b')
  await beat('a', { cpu: 40, sessions: 9 })
  assert.equal(loads.of(a)?.reading?.pressure, 1)
  removeAutoscaler('c')
  await beat('a', { cpu: 40, sessions: 9 })
  assert.equal(loads.of(a)?.reading?.pressure, 4)
})

test('after a restart a node stands where it stood, and is judged from its next beat on', async () => {
  const { node, autoscaler, beat, intent, loads, told, clock } = rig()
  intent('a', { admission: 'closed', weight: 0, tier: 'shed' })
  autoscaler()
  const a = node('a')
  assert.deepEqual(loads.admission(a), shed, 'nothing heard yet')
  await beat('a', { cpu: 68, sessions: 9 })
  assert.deepEqual([loads.admission(a), told().admissions], [shed, []], '0.76 is between exit and enter')
  await beat('a', { cpu: 9, sessions: 9 })
  await clock.advance(57_000)
  await beat('a', { cpu: 9, sessions: 9 })
  assert.deepEqual([loads.admission(a), told().admissions], [open, ['a']])
})

test('a node of the same name is another node', async () => {
  const { node, removeNode, autoscaler, beat, loads } = rig()
  autoscaler()
  const a = node('a')
  await beat('a', { cpu: 80, sessions: 9 })
  await beat('a', { cpu: 80, sessions: 9 })
  node('a', { uid: 'uid-second', podUID: 'pod-second' })
  assert.deepEqual([loads.of(a), loads.admission(a)], [undefined, open])
  removeNode('a')
  assert.equal(loads.of(a), undefined)
})

test('tiers are counted by pool, and gone with the autoscaler', async () => {
  const { node, autoscaler, removeNode, removeAutoscaler, beat, metric } = rig()
  const count = (tier: string) => metric('rtcnode_load_nodes', { namespace: 'media', pool: 'eu', tier })
  autoscaler()
  for (const name of ['a', 'b']) node(name)
  for (const cpu of [80, 80, 80]) for (const name of ['a', 'b']) await beat(name, { cpu: name === 'a' ? cpu : 5 })
  assert.deepEqual([await count('open'), await count('shed')], [1, 1])
  removeNode('a')
  assert.deepEqual([await count('open'), await count('shed')], [1, 0])
  removeAutoscaler()
  assert.equal(await count('open'), undefined)
})

// --- when a pool may need more --------------------------------------------------------------------------------------

test('a pool is told of when its mean crosses a watermark, or has risen; not when it falls or stays', async () => {
  const { node, autoscaler, beat, told } = rig()
  autoscaler()
  for (const name of ['a', 'b']) node(name)
  const both = async (cpu: number) => {
    for (const name of ['a', 'b']) await beat(name, { cpu, sessions: 0 })
    return told().pressures.length > 0
  }
  assert.equal(await both(0), false)
  assert.equal(await both(45), true)
  assert.equal(await both(45), false)
  assert.equal(await both(45.9), false, 'by 0.01')
  assert.equal(await both(30), false)
  assert.equal(await both(33), true, 'from the lowest since then')
  assert.equal(await both(58), true)
  assert.equal(await both(58.4), false)
  assert.equal(await both(58.6), true, 'across 0.65')
})

test('a hot node in a large pool is shed, and nobody is asked for more', async () => {
  const { node, autoscaler, beat, told, loads } = rig()
  autoscaler()
  const names = Array.from({ length: 100 }, (_, index) => `n${index}`)
  for (const name of names) node(name)
  for (const name of names) await beat(name, { cpu: 18 })
  told()
  for (let i = 0; i < 2; i++) await beat('n7', { cpu: 89 })
  assert.deepEqual(
    [told(), loads.admission('media/n7' as never)],
    [
      { admissions: ['n7'], pressures: [] },
      { ...shed, tier: 'protect', joinsPerSecond: 0 },
    ],
  )
})

test('closed nodes and silent ones are no part of the mean', async () => {
  const { node, autoscaler, beat, says, told } = rig()
  autoscaler()
  for (const name of ['open', 'closed', 'silent']) node(name)
  for (const name of ['open', 'closed', 'silent']) await beat(name, { cpu: 9 })
  told()
  node('closed', { cordoned: true })
  says('silent', { state: 'stale', forMs: 10_000 })
  assert.deepEqual(told().pressures, [])
  await beat('closed', { cpu: 90 })
  assert.deepEqual(told().pressures, [])
  // Alone, it is the mean: 0.1 → 0.13. Among three it would not have been enough.
  await beat('open', { cpu: 11.7 })
  assert.deepEqual(told().pressures, ['eu'])
})

test('a pool of which hardly a node is open is told of, whatever its mean', async () => {
  const { node, autoscaler, beat, told } = rig()
  autoscaler()
  const names = ['a', 'b', 'c', 'd', 'e']
  for (const name of names) node(name)
  for (const name of names) await beat(name, { cpu: name === 'e' ? 9 : 80 })
  told()
  for (const name of names) await beat(name, { cpu: name === 'e' ? 9 : 80 })
  assert.deepEqual(told(), { admissions: ['a', 'b', 'c', 'd'], pressures: ['eu'] })
})
