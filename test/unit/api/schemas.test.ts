// What the schemas accept, and what they fill in.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { heartbeatSchema, plainLoadSchema } from '../../../operator/api/heartbeat.ts'
import { intentSchema } from '../../../operator/api/intent.ts'
import { RTCNodeKind } from '../../../operator/api/rtcnode.ts'
import { RTCNodeClassKind } from '../../../operator/api/rtcnodeclass.ts'

const smallestClass = { adapter: 'livekit', podTemplate: { spec: { containers: [] } }, agent: { image: 'rtcnode:1' } }

test('a class needs only its adapter, pod and agent image; all else has a default', () => {
  assert.deepEqual(RTCNodeClassKind.spec.parse(smallestClass), {
    ...smallestClass,
    sfuContainer: 'sfu',
    network: { mode: 'PodNetwork', ports: [] },
    agent: {
      image: 'rtcnode:1',
      port: 9_870,
      sfuUrl: 'http://127.0.0.1:7880',
      metricsUrl: 'http://127.0.0.1:6789/metrics',
      heartbeatSeconds: 3,
      leaseTTLSeconds: 10,
    },
    drain: { deadlineSeconds: 3_600, emptySamples: 3, evictGraceSeconds: 30 },
    health: { startupTimeoutSeconds: 300, unhealthyAfterSeconds: 30 },
    protection: { maxSeconds: 14_400 },
    rollout: 'RollingUpdate',
  })
})

test('a node needs only its class', () => {
  assert.deepEqual(RTCNodeKind.spec.parse({ className: 'livekit' }), { className: 'livekit', cordoned: false })
})

const wrongNodes: Record<string, object> = {
  'no class': {},
  'an empty class name': { className: '' },
  'a class name that no object can have': { className: 'Live Kit' },
  'a class name that is too long': { className: 'a'.repeat(64) },
  'a negative deadline': { className: 'a', drain: { deadlineSeconds: -1 } },
  'a deadline after more than a week': { className: 'a', drain: { deadlineSeconds: 604_801 } },
  'half a second': { className: 'a', drain: { deadlineSeconds: 0.5 } },
  'a deadline as text': { className: 'a', drain: { deadlineSeconds: '60' } },
  'cordoned as text': { className: 'a', cordoned: 'true' },
}
for (const [what, spec] of Object.entries(wrongNodes)) {
  test(`a node is refused with ${what}`, () => assert.equal(RTCNodeKind.spec.safeParse(spec).success, false))
}

const count = fc.nat(1_000_000)
const measure = fc.double({ min: 0, max: 100, noNaN: true })
const name = fc.string({ minLength: 1, maxLength: 64 })
const heartbeats = fc.record(
  {
    podUID: name,
    bootId: name,
    seq: fc.nat(),
    state: fc.constantFrom('serving', 'closed', 'draining'),
    sessions: count,
    cpu: measure,
    mem: measure,
    streams: count,
    rooms: count,
    packetLossPercent: measure,
    ackIntent: fc.maxSafeNat(),
    fieldOfTheFuture: fc.jsonValue(),
  },
  { requiredKeys: ['podUID', 'bootId', 'seq', 'state', 'sessions'] },
)

test('a heartbeat survives the registry as it was written, with fields nobody knows yet', () => {
  fc.assert(
    fc.property(heartbeats, heartbeat => {
      const written = JSON.stringify(heartbeat)
      assert.equal(
        JSON.stringify(sorted(heartbeatSchema.parse(JSON.parse(written)))),
        JSON.stringify(sorted(JSON.parse(written))),
      )
    }),
  )
})

test('one wrong number makes the whole heartbeat unknown', () => {
  const wrong = fc.constantFrom(-1, Number.NaN, Number.POSITIVE_INFINITY, '5', null, {}, [])
  const fields = fc.constantFrom('seq', 'sessions', 'cpu', 'mem', 'streams', 'rooms', 'packetLossPercent', 'ackIntent')
  fc.assert(
    fc.property(heartbeats, fields, wrong, (heartbeat, field, value) => {
      assert.equal(heartbeatSchema.safeParse({ ...heartbeat, [field]: value }).success, false)
    }),
  )
})

test('a full heartbeat that is broken is not taken for the plain form', () => {
  assert.ok(plainLoadSchema.safeParse({ cpu: 42.3, mem: 65.1, streams: 128 }).success)
  assert.equal(plainLoadSchema.safeParse({ cpu: 42.3, mem: 65.1, streams: 128, podUID: 'p' }).success, false)
})

const intents = fc.record(
  {
    podUID: name,
    admission: fc.constantFrom('open', 'closed'),
    weight: fc.double({ min: 0, max: 1, noNaN: true }),
    drain: fc.record({
      reason: fc.string({ maxLength: 64 }),
      deadline: fc
        .date({ min: new Date(0), max: new Date('2100-01-01'), noInvalidDate: true })
        .map(date => date.toISOString()),
      stage: fc.constantFrom('wait', 'evict', 'leave'),
    }),
  },
  { requiredKeys: ['podUID', 'admission', 'weight'] },
)

test('an intent survives the registry as it was written', () => {
  fc.assert(
    fc.property(intents, intent => {
      const written: unknown = JSON.parse(JSON.stringify(intent))
      assert.deepEqual(intentSchema.parse(written), written)
    }),
  )
})

const sorted = (value: object): object => Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
