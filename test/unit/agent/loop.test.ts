// The agent's loop on a clock driven by hand, with an SFU and a registry that do as the test says.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type SfuAdapter, SfuUnreachableError } from '../../../operator/agent/adapter.ts'
import { agentLoop } from '../../../operator/agent/loop.ts'
import { agentMetrics } from '../../../operator/agent/metrics.ts'
import type { Heartbeat } from '../../../operator/api/heartbeat.ts'
import type { Intent } from '../../../operator/api/intent.ts'
import { LeaseNotHeldError, RegistryError } from '../../../operator/registry/errors.ts'
import type { KnownIntent } from '../../../operator/registry/registration.ts'
import { silentLogger } from '../../../operator/telemetry/log.ts'
import { metricRegistry, metricsFrom } from '../../../operator/telemetry/metrics.ts'
import { fakeClock } from '../fake-clock.ts'

const podUID = 'pod-1'

/** One running loop. `sfu` is what the SFU is like now; `told` what the registry was told, with the time since the start. */
async function start(t: import('node:test').TestContext, parts: Partial<SfuAdapter> = {}, graceSeconds = 3_600) {
  const clock = fakeClock()
  const startedAt = clock.monotonic()
  const sfu = { sessions: 0, bootId: 'boot-1', isSilent: false, done: [] as string[] }
  const told: (Heartbeat & { atMs: number })[] = []
  const registry = { leaves: 0, hangs: false, refusal: undefined as Error | undefined }
  const logged: string[] = []
  const adapter: SfuAdapter = {
    name: 'fake',
    read: async () => {
      if (sfu.isSilent) throw new SfuUnreachableError('http://sfu', 'silent')
      return { bootId: sfu.bootId, sessions: sfu.sessions, load: { rooms: Math.min(sfu.sessions, 1) } }
    },
    async evict() {
      sfu.done.push('evict')
      const moved = sfu.sessions
      sfu.sessions = 0
      return { moved }
    },
    async notifyDrain({ reason }) {
      sfu.done.push(`notify ${reason}`)
    },
    ...parts,
  }
  const loop = agentLoop({
    podUID,
    heartbeatSeconds: 3,
    graceSeconds,
    adapter,
    place: () => ({ address: '192.0.2.1' }),
    publish(heartbeat) {
      told.push({ ...heartbeat, atMs: clock.monotonic() - startedAt })
      if (registry.refusal) return Promise.reject(registry.refusal)
      return registry.hangs ? Promise.withResolvers<void>().promise : Promise.resolve()
    },
    leave: () => void (registry.leaves += 1),
    clock,
    log: { ...silentLogger, warn: line => logged.push(line), info: line => logged.push(line) },
    metrics: metricsFrom(metricRegistry(), agentMetrics),
  })
  const stop = new AbortController()
  const running = loop.run(stop.signal)
  t.after(() => {
    stop.abort()
    return running
  })
  await clock.advance(0)
  return { clock, sfu, told, registry, loop, logged, stop, running }
}

const intent = (change: Partial<Intent>, revision = 7): KnownIntent => ({
  state: 'known',
  revision,
  intent: { podUID, admission: 'closed', weight: 1, ...change },
})
const drain = (stage: 'wait' | 'evict' | 'leave', revision = 7): KnownIntent =>
  intent({ drain: { reason: 'Deleted', deadline: '2030-01-01T00:00:00Z', stage } }, revision)
const absent: KnownIntent = { state: 'absent' }

test('nothing is told before the registry was seen; then a beat every 3 s, each with a higher seq', async t => {
  const { clock, told, loop } = await start(t)
  await clock.advance(5_000)
  assert.equal(told.length, 0)
  loop.seeIntent(absent)
  await clock.advance(9_000)
  assert.deepEqual(
    told.map(beat => [beat.atMs, beat.state, beat.address]),
    [5_000, 8_000, 11_000, 14_000].map(atMs => [atMs, 'serving', '192.0.2.1']),
  )
  assert.deepEqual(
    told.map(beat => beat.seq - (told[0]?.seq ?? 0)),
    [0, 1, 2, 3],
  )
})

test('a registry that refuses heartbeats is complained of once, and once it takes them again that is told', async t => {
  const { clock, told, registry, loop, logged } = await start(t)
  loop.seeIntent(absent)
  await clock.advance(3_000)
  const complaints = (): string[] => logged.filter(line => line.startsWith('heartbeats are'))
  registry.refusal = new RegistryError('put', 'refused', new Error('permission denied'))
  await clock.advance(60_000)
  assert.ok(told.length > 20, 'it is tried again and again')
  assert.deepEqual(complaints(), ['heartbeats are not put'])
  registry.refusal = undefined
  await clock.advance(6_000)
  assert.deepEqual(complaints(), ['heartbeats are not put', 'heartbeats are put again'])
  registry.refusal = new LeaseNotHeldError('/sfu/nodes/a/n')
  await clock.advance(6_000)
  assert.equal(complaints().length, 2, 'of a lost lease the lease itself tells')
})

test('an SFU that does not answer gets no beat, not one with zeros; a second after it answers again, beats go on', async t => {
  const { clock, sfu, told, loop } = await start(t)
  sfu.sessions = 4
  loop.seeIntent(absent)
  await clock.advance(3_000)
  sfu.isSilent = true
  const before = told.length
  await clock.advance(30_000)
  assert.equal(told.length, before)
  sfu.isSilent = false
  await clock.advance(1_000)
  assert.ok(told.length > before)
  assert.ok(told.every(beat => beat.sessions === 4))
})

test('a drain is acknowledged at once, with people counted after admission was closed', async t => {
  const order: string[] = []
  const { clock, told, loop } = await start(t, {
    closeAdmission: async () => void order.push('close'),
    read: async () => {
      order.push('read')
      return { bootId: 'boot-1', sessions: 0, load: {} }
    },
  })
  loop.seeIntent(absent)
  await clock.advance(1_000)
  order.length = 0
  loop.seeIntent(drain('wait'))
  await clock.advance(0)
  assert.deepEqual(order, ['close', 'read'])
  assert.deepEqual([told.at(-1)?.atMs, told.at(-1)?.state, told.at(-1)?.ackIntent], [1_000, 'draining', 7])
})

test('an admission that cannot be closed is not claimed to be, and is tried again', async t => {
  let refusals = 4
  const { clock, told, loop } = await start(t, {
    closeAdmission: async () => {
      if (refusals-- > 0) throw new SfuUnreachableError('http://sfu', 'busy')
    },
  })
  loop.seeIntent(intent({}))
  await clock.advance(3_000)
  assert.ok(told.every(beat => beat.state !== 'closed' && beat.ackIntent === undefined))
  await clock.advance(3_000)
  assert.deepEqual([told.at(-1)?.state, told.at(-1)?.ackIntent], ['closed', 7])
})

test('people are moved off in time though admission cannot be closed', async t => {
  const { clock, sfu, told, loop } = await start(t, {
    closeAdmission: async () => Promise.reject(new SfuUnreachableError('http://sfu', 'busy')),
  })
  sfu.sessions = 2
  loop.seeIntent(drain('evict'))
  await clock.advance(4_000)
  assert.deepEqual(sfu.done, ['notify Deleted', 'evict'])
  assert.ok(told.every(beat => beat.ackIntent === undefined))
})

test('an SFU that hangs is given up for a beat after 2 s', async t => {
  let readings = 0
  const { clock, told, loop } = await start(t, {
    read: signal => {
      readings += 1
      const hanging = Promise.withResolvers<never>()
      signal.addEventListener('abort', () => hanging.reject(signal.reason))
      return readings === 1 ? hanging.promise : Promise.resolve({ bootId: 'b', sessions: 0, load: {} })
    },
  })
  loop.seeIntent(absent)
  await clock.advance(1_900)
  assert.equal(readings, 1)
  await clock.advance(1_100)
  assert.equal(readings, 2)
  assert.equal(told.length, 1)
})

test('while it drains and nobody is there, it beats each second; with people only every 3 s, until the last has left', async t => {
  const { clock, sfu, told, loop } = await start(t)
  sfu.sessions = 1
  loop.seeIntent(drain('wait'))
  await clock.advance(6_000)
  assert.deepEqual(
    told.map(beat => beat.atMs),
    [0, 3_000, 6_000],
  )
  sfu.sessions = 0
  await clock.advance(3_000)
  assert.deepEqual(
    told.slice(3).map(beat => [beat.atMs, beat.sessions]),
    [
      [7_000, 0],
      [8_000, 0],
      [9_000, 0],
    ],
  )
})

test('at stage evict people are moved off, and the emptiness is told at once', async t => {
  const { clock, sfu, told, loop } = await start(t)
  sfu.sessions = 3
  loop.seeIntent(drain('wait'))
  await clock.advance(2_000)
  assert.deepEqual(sfu.done, ['notify Deleted'])
  loop.seeIntent(drain('evict', 8))
  await clock.advance(0)
  assert.deepEqual(sfu.done, ['notify Deleted', 'evict'])
  assert.deepEqual([told.at(-1)?.atMs, told.at(-1)?.sessions, told.at(-1)?.ackIntent], [2_000, 0, 8])
})

test('told to leave, it gives up its registration once and says nothing more', async t => {
  const { clock, told, registry, loop } = await start(t)
  loop.seeIntent(drain('leave'))
  await clock.advance(30_000)
  assert.equal(registry.leaves, 1)
  assert.equal(told.length, 0)
})

test('a new lease is given a value at once', async t => {
  const { clock, told, loop } = await start(t)
  loop.seeIntent(absent)
  await clock.advance(1_000)
  loop.putAgain()
  await clock.advance(0)
  assert.deepEqual(
    told.map(beat => beat.atMs),
    [0, 1_000],
  )
})

test('a new boot of the SFU is told within one beat', async t => {
  const { clock, sfu, told, loop } = await start(t)
  sfu.sessions = 5
  loop.seeIntent(absent)
  await clock.advance(1_000)
  Object.assign(sfu, { bootId: 'boot-2', sessions: 0 })
  await clock.advance(3_000)
  assert.deepEqual([told.at(-1)?.bootId, told.at(-1)?.sessions], ['boot-2', 0])
})

test('preStop is answered within 2 s of the last one leaving, also while the registry hangs', async t => {
  const { clock, sfu, told, registry, loop } = await start(t)
  registry.hangs = true
  sfu.sessions = 2
  loop.seeIntent(absent)
  await clock.advance(1_000)
  let answered = false
  void loop.preStop().then(() => {
    answered = true
  })
  await clock.advance(600_000)
  assert.equal(answered, false)
  assert.equal(told.at(-1)?.state, 'draining')
  sfu.sessions = 0
  await clock.advance(2_000)
  assert.equal(answered, true)
  assert.deepEqual(sfu.done, ['notify PodStopping'])
})

test('preStop of a node that does not empty moves people off 20 s before the kill and is answered before it', async t => {
  const { clock, sfu, loop } = await start(t, { evict: async () => Promise.reject(new Error('refused')) }, 60)
  sfu.sessions = 2
  loop.seeIntent(absent)
  let answered = false
  void loop.preStop().then(() => {
    answered = true
  })
  await clock.advance(44_000)
  assert.equal(answered, false)
  await clock.advance(2_000)
  assert.equal(answered, true)
})

test('it ends at once when told to stop', async t => {
  const { clock, loop, stop, running } = await start(t)
  loop.seeIntent(absent)
  await clock.advance(1_000)
  stop.abort()
  await running
})
