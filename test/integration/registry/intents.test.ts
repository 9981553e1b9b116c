// Intents: compare-and-set, the fence against old leaders, and the agent's view of them, against a real etcd.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Intent } from '../../../operator/api/intent.ts'
import type { ObjectKey } from '../../../operator/api/meta.ts'
import type { RegistryConnection } from '../../../operator/registry/connection.ts'
import { IntentConflictError, RegistryError, StaleLeaderError } from '../../../operator/registry/errors.ts'
import { type IntentWriter, intentWriter, watchIntent } from '../../../operator/registry/intents.ts'
import { heldLease } from '../../../operator/registry/lease.ts'
import type { KnownIntent } from '../../../operator/registry/registration.ts'
import { until } from '../../cluster/until.ts'
import { ambient, node, type Rig, startRig } from './rig.ts'

const intent: Intent = { podUID: 'pod-1', admission: 'open', weight: 1 }
const closed: Intent = { ...intent, admission: 'closed' }
const within = { withinMs: 15_000 }

let rig: Rig
let connection: RegistryConnection
let writer: IntentWriter
before(async () => {
  rig = await startRig()
  connection = rig.connect()
  writer = intentWriter(connection)
})
after(() => rig[Symbol.asyncDispose]())

test('a write counts only on the revision it was decided on', async () => {
  const key = node('cas')
  const { revision } = await writer.write(key, intent, 'absent')
  await assert.rejects(writer.write(key, closed, 'absent'), { name: 'IntentConflictError', found: revision })
  const second = await writer.write(key, closed, { revision })
  assert.ok(second.revision > revision)
  await assert.rejects(writer.write(key, intent, { revision }), IntentConflictError)
  await assert.rejects(writer.remove(key, { revision }), IntentConflictError)
  await writer.remove(key, { revision: second.revision })
  await writer.remove(key, { revision: second.revision })
  await assert.rejects(writer.write(key, intent, second), { name: 'IntentConflictError', found: 'absent' })
})

test('of twenty writers at the same revision one wins', async () => {
  const { revision } = await writer.write(node('race'), intent, 'absent')
  const outcomes = await Promise.allSettled(
    Array.from({ length: 20 }, () => intentWriter(rig.connect()).write(node('race'), closed, { revision })),
  )
  assert.equal(outcomes.filter(outcome => outcome.status === 'fulfilled').length, 1)
  for (const outcome of outcomes) {
    if (outcome.status === 'rejected') assert.ok(outcome.reason instanceof IntentConflictError)
  }
})

test('what an old leader writes is refused, also a removal, until it claims again', async () => {
  const key = node('fenced')
  const [old, young] = [intentWriter(rig.connect()), intentWriter(rig.connect())]
  await old.claim({ identity: 'old', epoch: 1 })
  const { revision } = await old.write(key, intent, 'absent')
  await young.claim({ identity: 'young', epoch: 2 })
  await assert.rejects(old.write(key, closed, { revision }), StaleLeaderError)
  await assert.rejects(old.remove(key, { revision }), StaleLeaderError)
  const second = await young.write(key, closed, { revision })
  await young.remove(key, second)
})

test('the agent is told its own intent only, each change once, across a restart of etcd', async t => {
  const key = node('told')
  const told = tellingOf(key, t.signal)
  await until('absent', () => told.at(-1)?.state === 'absent', within)
  await writer.write(node('told-not'), intent, 'absent')
  const { revision } = await writer.write(key, intent, 'absent')
  await until('told', () => told.length === 2, within)
  assert.deepEqual(told[1], { state: 'known', revision, intent })
  await rig.registry.server.restart()
  const second = await until('written', () => writer.write(key, closed, { revision }), within)
  await until('told after the restart', () => told.length === 3, within)
  assert.deepEqual(told[2], { state: 'known', revision: second.revision, intent: closed })
})

test('etcd lost its data: nobody is leader there any more, until a claim', async () => {
  const key = node('wiped')
  const leader = intentWriter(rig.connect())
  await leader.claim({ identity: 'me', epoch: 1 })
  const { revision } = await leader.write(key, intent, 'absent')
  await rig.registry.wipe()
  const refusal = await until('an answer', () => leader.write(key, closed, { revision }).catch(decided), within)
  assert.ok(refusal instanceof StaleLeaderError)
  await leader.claim({ identity: 'me', epoch: 1 })
  await assert.rejects(leader.write(key, closed, { revision }), { name: 'IntentConflictError', found: 'absent' })
  await leader.write(key, closed, 'absent')
})

test('etcd does not answer: the outcome is unknown after 5 s, or at once when the caller gives up', async () => {
  await writer.write(node('silent'), intent, 'absent')
  rig.registry.server.pause()
  try {
    const gaveUp = new Error('gave up')
    const giveUp = new AbortController()
    const given = writer.write(node('silent-2'), intent, 'absent', giveUp.signal)
    const gaveUpAt = performance.now()
    giveUp.abort(gaveUp)
    await assert.rejects(given, gaveUp)
    assert.ok(performance.now() - gaveUpAt < 2_000)
    await assert.rejects(
      writer.write(node('silent-3'), intent, 'absent'),
      error => error instanceof RegistryError && error.outcome === 'unknown',
    )
  } finally {
    rig.registry.server.resume()
  }
})

test('a lease is lost within its TTL when etcd is silent, and held anew and put again afterwards', async t => {
  const lease = heldLease({ connection: rig.connect(), ttlSeconds: 2, ...ambient })
  const told: string[] = []
  lease.onChange(({ state }) => told.push(state))
  void lease.run(t.signal)
  await until('held', () => lease.id(), within)
  await lease.put('/sfu/nodes/default/leased', '{}')
  rig.registry.server.pause()
  const pausedAt = performance.now()
  await until('lost', () => told.includes('lost'), { withinMs: 10_000, everyMs: 5 })
  const believedForMs = performance.now() - pausedAt
  rig.registry.server.resume()
  assert.ok(believedForMs <= 2_500, `believed in it for ${believedForMs} ms`)
  await until('held anew', () => lease.id(), within)
  await lease.put('/sfu/nodes/default/leased', '{"again":true}')
  // The old lease ends now or later: the key is bound to the new one.
  await sleep(2_500)
  const { kvs } = await connection.range({ key: Buffer.from('/sfu/nodes/default/leased') })
  assert.equal(kvs[0]?.lease, lease.id())
})

test('a lease that etcd ends is known at the next put', async t => {
  const lease = heldLease({ connection: rig.connect(), ttlSeconds: 60, ...ambient })
  void lease.run(t.signal)
  const first = await until('held', () => lease.id(), within)
  await connection.revokeLease(first)
  await assert.rejects(lease.put('/sfu/nodes/default/ended', '{}'), RegistryError)
  await until('held anew', () => lease.id() !== undefined && lease.id() !== first, within)
})

function tellingOf(key: ObjectKey, signal: AbortSignal): KnownIntent[] {
  const told: KnownIntent[] = []
  void watchIntent({ connection, ...ambient }, key, known => void told.push(known), signal)
  return told
}

/** An answer of the registry; anything else means to try again. */
function decided(error: unknown): unknown {
  if (error instanceof RegistryError) throw error
  return error
}
