// Leader election on a real API server: one leads, hand-over is quick, and whoever was paused knows on waking.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type Clock, later, systemClock } from '../../../operator/ambient/clock.ts'
import { systemRandom } from '../../../operator/ambient/random.ts'
import { objectKey } from '../../../operator/api/meta.ts'
import { type LeaderElection, leaderElection, leaseType } from '../../../operator/kube/leader.ts'
import { kubeMetrics } from '../../../operator/kube/metrics.ts'
import { resourceClient } from '../../../operator/kube/resource.ts'
import { type KubeTransport, kubeTransport } from '../../../operator/kube/transport.ts'
import { silentLogger } from '../../../operator/telemetry/log.ts'
import { metricRegistry } from '../../../operator/telemetry/metrics.ts'
import { type Cluster, startCluster } from '../../cluster/cluster.ts'
import { until } from '../../cluster/until.ts'

const namespace = 'default'
let cluster: Cluster
const transports: KubeTransport[] = []

before(async () => {
  cluster = await startCluster()
})
after(async () => {
  await Promise.all(transports.map(it => it.close()))
  await cluster?.stop()
})

interface Candidate extends LeaderElection {
  identity: string
  starts: number
  losses: number
  /** Ends its part in the election as a process does that is told to stop. */
  leave(): Promise<void>
  /** Cuts it off from the API server as a crash does: no release. */
  crash(): Promise<void>
}

async function candidate(name: string, identity: string, clock: Clock = systemClock): Promise<Candidate> {
  const ambient = { clock, random: systemRandom, log: silentLogger, metrics: kubeMetrics(metricRegistry()) }
  const transport = await kubeTransport({ ...ambient, kubeconfigPath: cluster.kubeconfigPath, userAgent: 'test/1' })
  transports.push(transport)
  let crashed = false
  const breakable: KubeTransport = {
    ...transport,
    request: call => (crashed ? Promise.reject(new Error('crashed')) : transport.request(call)),
  }
  const client = resourceClient(breakable, leaseType, { lane: 'lease' })
  // A third of the usual times: the same logic, a shorter test.
  const times = { leaseDurationSeconds: 5, renewDeadlineSeconds: 3, retryPeriodSeconds: 0.6 }
  const election = leaderElection({ ...ambient, ...times, client, name, namespace, identity })
  const stop = new AbortController()
  const it = { ...election, identity, starts: 0, losses: 0 }
  const running = election.run(stop.signal, { onStarted: () => void it.starts++, onLost: () => void it.losses++ })
  const leave = async (): Promise<void> => {
    stop.abort()
    await running
  }
  const crash = (): Promise<void> => {
    crashed = true
    return leave()
  }
  return Object.assign(it, { leave, crash })
}

test('of two, one leads; when it leaves, the other leads well within two seconds and a later epoch', async () => {
  const first = await candidate('handover', 'first')
  await until('the first to lead', () => first.isLeader(), { withinMs: 10_000 })
  const second = await candidate('handover', 'second')
  const settled = Date.now() + 1_500
  await until('both to have tried', () => Date.now() > settled, { withinMs: 10_000 })
  assert.equal(second.isLeader(), false)

  const leftAt = Date.now()
  await first.leave()
  assert.equal(first.isLeader(), false)
  await until('the second to lead', () => second.isLeader(), { withinMs: 10_000, everyMs: 5 })
  assert.ok(Date.now() - leftAt < 2_000, `${Date.now() - leftAt} ms`)
  assert.ok(second.epoch() > first.epoch())
  assert.deepEqual([first.starts, first.losses, second.starts], [1, 1, 1])
  await second.leave()
})

test('after a crash the other leads within the lease duration and a retry, and never while the first still may', async () => {
  const first = await candidate('crash', 'first')
  await until('the first to lead', () => first.isLeader(), { withinMs: 10_000 })
  const second = await candidate('crash', 'second')
  await first.crash()
  const crashedAt = Date.now()
  await until('the second to lead', () => second.isLeader(), { withinMs: 20_000, everyMs: 5 })
  const tookMs = Date.now() - crashedAt
  assert.ok(tookMs >= 3_000 && tookMs < 10_000, `${tookMs} ms`)
  await second.leave()
})

test('a leader that slept through its lease is not leader when it wakes, before it has asked anybody', async () => {
  // A process that is stopped and continued sees its monotonic clock leap; so does this one.
  let leapMs = 0
  const clock: Clock = { ...systemClock, monotonic: () => later(systemClock.monotonic(), leapMs) }
  const sleeper = await candidate('paused', 'sleeper', clock)
  await until('it to lead', () => sleeper.isLeader(), { withinMs: 10_000 })
  leapMs += 60_000
  assert.equal(sleeper.isLeader(), false)
  await until('it to lead again, since nobody took the lease', () => sleeper.isLeader(), { withinMs: 10_000 })
  await sleeper.leave()
})

test('a lease that is deleted or taken by hand ends the leading at once', async () => {
  const leader = await candidate('by-hand', 'leader')
  await until('it to lead', () => leader.isLeader(), { withinMs: 10_000 })
  const key = objectKey('by-hand', namespace)
  const client = resourceClient(transports[0] as KubeTransport, leaseType)
  await client.mergePatch(key, { spec: { holderIdentity: 'somebody else' } })
  await until('it to notice', () => leader.losses === 1, { withinMs: 10_000, everyMs: 5 })
  assert.equal(leader.isLeader(), false)
  await until('it to lead again when the other has not renewed', () => leader.isLeader(), { withinMs: 20_000 })

  const lease = await client.get(key)
  assert.ok(lease)
  await client.delete(key, { uid: lease.metadata.uid })
  await until('it to notice', () => leader.losses === 2, { withinMs: 10_000, everyMs: 5 })
  await until('it to make a new lease', () => leader.isLeader(), { withinMs: 10_000 })
  await leader.leave()
})

test('a label put on the lease by somebody costs nobody the leadership', async () => {
  const leader = await candidate('labelled', 'leader')
  await until('it to lead', () => leader.isLeader(), { withinMs: 10_000 })
  const client = resourceClient(transports[0] as KubeTransport, leaseType)
  const labelled = await client.mergePatch(objectKey('labelled', namespace), { metadata: { labels: { by: 'hand' } } })
  await until(
    'a renewal after that',
    async () => (await client.get(objectKey('labelled', namespace)))?.spec?.renewTime !== labelled.spec?.renewTime,
    { withinMs: 10_000 },
  )
  assert.deepEqual([leader.isLeader(), leader.starts, leader.losses], [true, 1, 0])
  await leader.leave()
})

test('a released lease names nobody, and its times have the six digits that the server asks for', async () => {
  const leader = await candidate('released', 'leader')
  await until('it to lead', () => leader.isLeader(), { withinMs: 10_000 })
  await leader.leave()
  const lease = await resourceClient(transports[0] as KubeTransport, leaseType).get(objectKey('released', namespace))
  assert.equal(lease?.spec?.holderIdentity ?? '', '')
  assert.match(lease?.spec?.renewTime ?? '', /\.\d{6}Z$/)
})
