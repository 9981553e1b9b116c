// What people on a real LiveKit notice of a drain: nothing until they must go, then a word, and never a cut before that.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { otlpReceiver } from '../../unit/telemetry/otlp-receiver.ts'
import { startSfuPod } from './pod.ts'

const drain = (stage: 'wait' | 'evict' | 'leave') => ({
  drain: { reason: 'Deleted', deadline: '2030-01-01T00:00:00Z', stage },
})

test('people, rooms, streams and latency are told as they are', async () => {
  await using pod = await startSfuPod()
  await using small = await pod.join('small', 2)
  await using big = await pod.join('big', 3)
  const busy = await pod.beat('everybody counted', beat => beat.sessions === 5 && beat.rooms === 2, 20_000)
  assert.equal(small.joined.length + big.joined.length, 5)
  // 5 publish; each is received by the others of the room: 2·1 + 3·2.
  const flowing = await pod.beat(
    'media measured',
    beat => beat.streams === 13 && (beat.packetsPerSecond ?? 0) > 50,
    20_000,
  )
  assert.ok((flowing.bandwidthMbps ?? 0) > 0)
  assert.ok((flowing.cpu ?? -1) >= 0)
  assert.ok((busy.joins ?? 0) > 0 && (busy.joinLatencyP99Ms ?? 0) > 0)
  assert.ok((flowing.forwardLatencyP99Ms ?? 0) > 0)
  await small.leaveAll()
  await big.leaveAll()
  const empty = await pod.beat('nobody', beat => beat.sessions === 0)
  assert.equal(empty.rooms, 0)
})

test('a drain waits for the last one to leave, then tells the emptiness fast; nobody is cut', async () => {
  await using pod = await startSfuPod()
  await using call = await pod.join('call', 2)
  await pod.beat('counted', beat => beat.sessions === 2)
  const revision = await pod.intend(drain('wait'))
  const acknowledged = await pod.beat('acknowledged', beat => beat.ackIntent === revision, 20_000)
  assert.deepEqual([acknowledged.state, acknowledged.sessions], ['draining', 2])
  await call.leave(1)
  await pod.beat('one left', beat => beat.sessions === 1)
  await call.leaveAll()
  const empty = await pod.beat('empty', beat => beat.sessions === 0 && beat.rooms === 0, 20_000)
  assert.equal(empty.state, 'draining')
  await pod.beat('empty again and again', beat => beat.sessions === 0 && beat.seq >= empty.seq + 2, 20_000)
  assert.deepEqual(call.cut, [])
})

test('at stage evict those who are left are told that their room is deleted, then leave takes the key away', async () => {
  await using receiver = await otlpReceiver()
  await using pod = await startSfuPod({ tracesEndpoint: receiver.url })
  await using small = await pod.join('small', 2)
  await using big = await pod.join('big', 3)
  await pod.beat('counted', beat => beat.sessions === 5)
  await pod.intend(drain('wait'))
  await pod.beat('draining', beat => beat.state === 'draining')
  assert.deepEqual([...small.cut, ...big.cut], [])
  const evicting = await pod.intend(drain('evict'))
  await pod.beat('moved off', beat => beat.sessions === 0, 10_000)
  const [fromSmall, fromBig] = await Promise.all([small.summary(), big.summary()])
  assert.deepEqual([fromSmall.cut, fromBig.cut], [2, 3])
  assert.deepEqual([...new Set([...small.cut, ...big.cut].map(cut => cut.reason))], ['ROOM_DELETED'])
  await pod.intend(drain('leave'))
  await pod.gone('the key', 20_000)
  assert.equal((await pod.agent.get('/healthz')).status, 200)

  const eviction = await receiver.expect('the eviction as a trace', spans => {
    const call = spans.find(({ name }) => name === 'sfu evict')
    const above = spans.find(({ spanId }) => spanId === call?.parentId)
    return call && above && { call, above }
  })
  assert.equal(eviction.above.name, 'agent evict')
  // As many as LiveKit has counted: it does so now and then.
  assert.equal(typeof eviction.call.attributes['rtcnode.moved'], 'number')
  assert.equal(eviction.above.attributes['rtcnode.intent.revision'], evicting)
  assert.equal(eviction.above.attributes['rtcnode.object.name'], 'sfu-1')
  assert.equal(eviction.above.resource['service.name'], 'rtcnode-agent')
})

test('an intent for another pod and one that disappears change nothing; an explicit one opens again', async () => {
  await using pod = await startSfuPod()
  const revision = await pod.intend({ admission: 'closed' })
  await pod.beat('closed', beat => beat.state === 'closed' && beat.ackIntent === revision)
  await pod.intend({ podUID: 'the-pod-before', admission: 'open' })
  const ignored = await pod.beat('a beat', () => true)
  await pod.etcd.delete().key('/sfu/intents/calls/sfu-1').exec()
  const missing = await pod.beat('two beats later', beat => beat.seq > ignored.seq + 2)
  assert.deepEqual([missing.state, missing.ackIntent], ['closed', revision])
  const opened = await pod.intend({ admission: 'open' })
  await pod.beat('open', beat => beat.state === 'serving' && beat.ackIntent === opened)
})

test('preStop lets a call finish, and is answered soon after its end, though the registry is down', async () => {
  await using pod = await startSfuPod()
  await using call = await pod.join('call', 2)
  await pod.beat('counted', beat => beat.sessions === 2)
  let isAnswered = false
  const answer = pod.agent.preStop().finally(() => {
    isAnswered = true
  })
  await pod.beat('draining', beat => beat.state === 'draining', 20_000)
  await pod.registry.server.stop()
  await call.leave(1)
  assert.equal(isAnswered, false)
  await call.leaveAll()
  const emptyAt = performance.now()
  assert.equal((await answer).status, 200)
  assert.ok(performance.now() - emptyAt < 4_000)
  assert.deepEqual(call.cut, [])
})

test('preStop of a call that does not end moves people off before the kill', async () => {
  await using pod = await startSfuPod({ graceSeconds: 24 })
  await using call = await pod.join('call', 2)
  await pod.beat('counted', beat => beat.sessions === 2)
  const askedAt = Date.now()
  assert.equal((await pod.agent.preStop()).status, 200)
  await call.summary()
  assert.deepEqual(
    call.cut.map(cut => cut.reason),
    ['ROOM_DELETED', 'ROOM_DELETED'],
  )
  for (const cut of call.cut) assert.ok(cut.at.getTime() - askedAt >= 12_000)
  assert.ok(Date.now() - askedAt < 24_000)
})
