// When a lease is believed in: never longer than etcd can be keeping it.
import assert from 'node:assert/strict'
import { afterEach, beforeEach, test } from 'node:test'
import { seededRandom } from '../../../operator/ambient/seeded-random.ts'
import type { RegistryConnection } from '../../../operator/registry/connection.ts'
import { LeaseExpiredError, LeaseNotHeldError, RegistryError } from '../../../operator/registry/errors.ts'
import { type HeldLease, heldLease } from '../../../operator/registry/lease.ts'
import { silentLogger } from '../../../operator/telemetry/log.ts'
import { type FakeClock, fakeClock } from '../fake-clock.ts'
import { scriptedRegistry } from './scripted-registry.ts'

let clock: FakeClock
let lease: HeldLease
let stop: AbortController
let ended: Promise<void>
let told: string[]
let revoked: string[]
let puts: { value: string; answer: PromiseWithResolvers<void> }[]
/** How the next renewals go. */
let renewal: 'answered' | 'lost on the way' | 'expired'
let grants: 'answered' | 'refused'

beforeEach(async () => {
  clock = fakeClock()
  stop = new AbortController()
  told = []
  revoked = []
  puts = []
  renewal = 'answered'
  grants = 'answered'
  let granted = 0
  const connection: RegistryConnection = {
    ...scriptedRegistry().connection,
    async grantLease(ttlSeconds) {
      if (grants === 'refused') throw new RegistryError('lease grant', 'unknown', new Error('down'))
      granted += 1
      return { id: `lease-${granted}`, ttlSeconds }
    },
    async revokeLease(id) {
      revoked.push(id)
    },
    async put({ value }) {
      const answer = Promise.withResolvers<void>()
      puts.push({ value: String(value), answer })
      await answer.promise
      return { header: { cluster_id: 'c', member_id: 'm', revision: '1', raft_term: '2' } } as Awaited<
        ReturnType<RegistryConnection['put']>
      >
    },
  }
  lease = heldLease({
    connection,
    keeper: {
      async keepAlive(id, signal) {
        if (renewal === 'expired') throw new LeaseExpiredError(id)
        if (renewal === 'lost on the way') await clock.sleep(2_000, signal)
        if (renewal !== 'answered') throw new RegistryError('lease keep-alive', 'unknown', new Error('no answer'))
      },
    },
    clock,
    random: seededRandom(),
    log: silentLogger,
  })
  lease.onChange(change => told.push(change.state === 'held' ? change.id : 'lost'))
  ended = lease.run(stop.signal)
  await clock.advance(0)
})
afterEach(async () => {
  stop.abort(new Error('the test is over'))
  await clock.advance(0)
  await ended
})

test('held for as long as it is renewed', async () => {
  await clock.advance(3_600_000)
  assert.deepEqual(told, ['lease-1'])
  assert.equal(lease.id(), 'lease-1')
})

test('lost one TTL after the last answered renewal was sent, and granted anew when etcd is back', async () => {
  await clock.advance(3_400)
  renewal = 'lost on the way'
  grants = 'refused'
  // Renewed at 3.33 s, so it is good until 13.33 s.
  await clock.advance(9_900)
  assert.equal(lease.id(), 'lease-1')
  await clock.advance(100)
  assert.equal(lease.id(), undefined)
  assert.deepEqual(told, ['lease-1', 'lost'])
  renewal = 'answered'
  grants = 'answered'
  await clock.advance(3_000)
  assert.deepEqual(told, ['lease-1', 'lost', 'lease-2'])
})

test('a renewal that fails is tried again while there is time', async () => {
  renewal = 'lost on the way'
  await clock.advance(8_000)
  renewal = 'answered'
  await clock.advance(60_000)
  assert.deepEqual(told, ['lease-1'])
})

test('ended by etcd: known at the next renewal', async () => {
  renewal = 'expired'
  await clock.advance(3_334)
  renewal = 'answered'
  await clock.advance(10)
  assert.deepEqual(told, ['lease-1', 'lost', 'lease-2'])
})

test('a process that stood still longer than the TTL does not believe in its lease when it wakes', async () => {
  clock.freezeFor(60_000)
  assert.equal(lease.id(), undefined)
  await assert.rejects(lease.put('/sfu/nodes/default/a', 'x'), LeaseNotHeldError)
  renewal = 'expired'
  await clock.advance(10)
  assert.deepEqual(told, ['lease-1', 'lost', 'lease-2'])
})

test('revoked at the end', async () => {
  stop.abort(new Error('leaving'))
  await clock.advance(0)
  assert.deepEqual(revoked, ['lease-1'])
  assert.equal(lease.id(), undefined)
})

test('while a put is under way only the latest of the next values waits', async () => {
  const done: string[] = []
  for (const value of ['1', '2', '3', '4']) void lease.put('/k', value).then(() => done.push(value))
  await clock.advance(0)
  assert.deepEqual(
    puts.map(put => put.value),
    ['1'],
  )
  assert.deepEqual(done, ['2', '3'], 'overtaken')
  puts[0]?.answer.resolve()
  await clock.advance(0)
  assert.deepEqual(
    puts.map(put => put.value),
    ['1', '4'],
  )
  puts[1]?.answer.resolve()
  await clock.advance(0)
  assert.deepEqual(done, ['2', '3', '1', '4'])
})

test('a put that fails fails alone: the value that waited is put', async () => {
  const first = lease.put('/k', '1')
  const second = lease.put('/k', '2')
  puts[0]?.answer.reject(new RegistryError('put', 'unknown', new Error('no answer')))
  await assert.rejects(first, RegistryError)
  puts[1]?.answer.resolve()
  await second
})
