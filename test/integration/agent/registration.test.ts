// The agent and the registry, with a real etcd and a real LiveKit: it registers, and whatever happens to the registry or
// to its lease, the key comes back.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { until } from '../../cluster/until.ts'
import { startSfuPod } from './pod.ts'

test('an SFU registers under a lease, beats, and its key goes at once when the agent is told to stop', async () => {
  await using pod = await startSfuPod()
  const first = await pod.beat('registered', () => true)
  assert.deepEqual(
    [first.podUID, first.state, first.sessions, first.rooms, first.address],
    ['pod-uid-1', 'serving', 0, 0, '127.0.0.1'],
  )
  assert.notEqual((await pod.key())?.leaseId, '0')
  const later = await pod.beat('a second beat', beat => beat.seq > first.seq)
  assert.equal(later.bootId, first.bootId)
  const stoppedAt = performance.now()
  await pod.agent.stop()
  assert.ok(performance.now() - stoppedAt < 2_500)
  assert.equal(await pod.key(), undefined)
})

test('health is told from the first moment, metrics tell the lease, and strangers cannot drain the node', async () => {
  await using pod = await startSfuPod()
  await until('healthy', async () => (await pod.agent.get('/healthz')).status === 200, { withinMs: 30_000 })
  assert.equal((await pod.agent.get('/started')).status, 200)
  const registered = await pod.beat('registered', () => true)
  assert.match((await pod.agent.get('/metrics')).body, /^rtcnode_agent_lease_held 1$/m)
  assert.equal((await pod.agent.get('/pre-stop/another-uid')).status, 404)
  const next = await pod.beat('the next beat', beat => beat.seq > registered.seq)
  assert.equal(next.state, 'serving')
})

test('etcd killed and back, frozen beyond the lease, wiped, and the lease revoked: the key comes back each time', async () => {
  await using pod = await startSfuPod()
  const { server } = pod.registry
  const first = await pod.beat('registered', () => true)

  await server.kill()
  assert.equal((await pod.agent.get('/healthz')).status, 200)
  await server.start()
  const afterKill = await pod.beat('a beat after the kill', beat => beat.seq > first.seq)
  await pod.beat('beats go on after the kill', beat => beat.seq > afterKill.seq)

  const { leaseId = '' } = (await pod.key()) ?? {}
  await pod.etcd.leaseClient.leaseRevoke({ ID: leaseId })
  const renewed = await until(
    'a new lease',
    async () => {
      const found = await pod.key()
      return found && found.leaseId !== leaseId ? found : undefined
    },
    { withinMs: 15_000 },
  )
  assert.notEqual(renewed.leaseId, '0')

  server.pause()
  await new Promise(resume => setTimeout(resume, 7_000))
  server.resume()
  const afterFreeze = await pod.beat('a beat after the freeze', beat => beat.seq > renewed.heartbeat.seq)

  await pod.registry.wipe()
  const afterWipe = await pod.beat('a beat after the wipe', beat => beat.seq > afterFreeze.seq, 30_000)
  await pod.beat('beats go on after the wipe', beat => beat.seq > afterWipe.seq)
})

test('an SFU that is frozen lets the value age while the key stays; one that is restarted is told as a new boot', async () => {
  await using pod = await startSfuPod()
  const before = await pod.beat('registered', () => true)
  pod.sfu.pause()
  await until(
    'a failed reading',
    async () => /sfu_reads_total{result="failed"} [1-9]/.test((await pod.agent.get('/metrics')).body),
    {
      withinMs: 10_000,
    },
  )
  const frozen = await pod.key()
  await new Promise(wait => setTimeout(wait, 6_000))
  assert.deepEqual(await pod.key(), frozen)
  pod.sfu.resume()
  await pod.beat('beats go on', beat => beat.seq > (frozen?.heartbeat.seq ?? 0))
  await pod.sfu.kill()
  await pod.sfu.start()
  await pod.beat('a new boot', beat => beat.bootId !== before.bootId)
})
