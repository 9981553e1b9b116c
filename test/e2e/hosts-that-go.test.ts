// The promises to people in calls on a host that goes, or seems to: drained, announced, cut off, its kubelet or its containerd
// dead, its object deleted, its power gone. Real hosts, real LiveKit, real people with media. A graceful shutdown of a kubelet
// cannot be had here: it takes systemd-logind.
import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Host as NodeObject } from '../../operator/api/core.ts'
import { clusterAutoscaler } from '../cluster/cluster-autoscaler-protocol.ts'
import { ensureHostPackages } from '../cluster/debian.ts'
import type { Host } from '../cluster/hosts.ts'
import { leftBehind } from '../cluster/left-behind.ts'
import { until } from '../cluster/until.ts'
import type { Load } from '../load/loader.ts'
import { classOf, pinnedClass, UNWELL_SECONDS } from './pinned-class.ts'
import type { RealNode } from './real-node.ts'
import { realPool, servesOffHost } from './real-pool.ts'
import { leaveNothing, type RealWorld, startRealWorld } from './real-world.ts'

const log = (line: string) => console.error(line)
const hosts = await ensureHostPackages({ log })
// Under CI a missing host is a failure of the tests, never a reason to leave them out.
const skip = hosts.possible || process.env['CI'] === 'true' ? false : hosts.because

/** Upper bounds for a busy machine, never promises of speed. */
const WITHIN_MS = 120_000
const HOST_LOST_AFTER_SECONDS = 12
const STAY_SECONDS = 25
/** Long before anybody’s deadline. */
const AT_ONCE_MS = 30_000
/** A host is seen unwell for so long that its nodes would be given up, were they silent too. */
const LONG_UNWELL_MS = 2 * UNWELL_SECONDS * 1_000

suite('hosts that go', { skip, concurrency: 1 }, () => {
  let world: RealWorld
  before(
    async () => {
      world = await startRealWorld(log, { hostLostAfterSeconds: HOST_LOST_AFTER_SECONDS })
      await world.apply(...world.cluster.hosts.map(pinnedClass))
    },
    { timeout: 300_000 },
  )
  after(async () => {
    await world[Symbol.asyncDispose]()
    assert.deepEqual(leftBehind(process.pid), [])
  })

  suite('a host that only seems to go', { concurrency: 2 }, () => {
    test('its kubelet is stopped: calls go on, and when it is back all is as before', () =>
      undisturbed('no-kubelet', hostNumber(1), async host => {
        await host.kubelet.stop()
        try {
          await taintIs(host, 'node.kubernetes.io/unreachable', true)
          await sleep(LONG_UNWELL_MS)
        } finally {
          await host.kubelet.start()
        }
        await taintIs(host, 'node.kubernetes.io/unreachable', false)
      }))

    test('its containerd is killed: calls go on, and when it is back all is as before', () =>
      undisturbed('no-containerd', hostNumber(2), async host => {
        await host.containerd.kill()
        try {
          // A kubelet believes in its runtime for half a minute.
          await taintIs(host, 'node.kubernetes.io/not-ready', true)
          await sleep(LONG_UNWELL_MS)
        } finally {
          await host.containerd.start()
        }
        await taintIs(host, 'node.kubernetes.io/not-ready', false)
      }))
  })

  test('drained with kubectl: replaced elsewhere first, people stay until their deadline, and the drain goes through', async () => {
    const pool = await realPool(world, 'drained', { replicas: 2, staySeconds: STAY_SECONDS })
    const members = await pool.expectServing(2)
    const [node] = members
    assert.ok(node)
    const host = node.host()
    await using load = await node.join(3)
    await node.expectHeartbeat('of 3 people', ({ sessions }) => sessions === 3)
    const givesUp = new AbortController()
    const drain = kubectlDrain(host, givesUp.signal)
    // It is awaited at the end; if it fails before, that is told there.
    drain.catch(() => undefined)
    try {
      await node.expect('Disrupted', isDisrupted)
      await node.expectHeartbeat('that takes no new rooms', ({ state }) => state !== 'serving')
      await until(
        'a replacement on the other host',
        () => pool.members().some(it => !members.some(old => old.name === it.name) && servesOffHost(it, host)),
        { withinMs: WITHIN_MS },
      )
      assert.equal(load.cut.length, 0, 'nobody is cut before there is a replacement')
      await load.leave(1)
      await until('the others to be moved', () => load.cut.length === 2, { withinMs: WITHIN_MS })
      const deadline = Date.parse(lastSeen(node).status?.drain?.deadline ?? '')
      for (const { at, reason } of load.cut) {
        assert.ok(at.getTime() >= deadline, `moved at ${at.toISOString()}, before the deadline\n${node.timeline()}`)
        assert.equal(reason, 'ROOM_DELETED')
      }
      await node.expectGone()
      await drain
      await until(
        'both to be on the other host',
        () => pool.members().filter(it => servesOffHost(it, host)).length === 2,
        { withinMs: WITHIN_MS },
      )
    } finally {
      givesUp.abort()
      await drain.catch(() => undefined)
      await world.cluster.kubectl(['uncordon', host.name])
    }
    await pool.delete()
  })

  test('announced and taken back: the node closes and reopens, and nobody notices', async () => {
    const node = await world.servingNode('reprieved')
    const host = node.host()
    await using load = await node.join(3)
    await node.expectHeartbeat('of 3 people', ({ sessions }) => sessions === 3)
    const autoscaler = clusterAutoscaler(world.cluster.api)
    await autoscaler.markUnneeded(host.name)
    await node.expect('Disrupted', isDisrupted)
    assert.equal(node.heartbeat()?.state, 'serving')
    const [scaleDown] = await Promise.all([
      autoscaler.scaleDown(host.name),
      node.expectHeartbeat('that takes no new rooms', ({ state }) => state !== 'serving'),
    ])
    assert.deepEqual(scaleDown, { result: 'aborted', because: `pod default/${node.name} is not safe to evict` })
    await autoscaler.markNeeded(host.name)
    await node.expectHeartbeat('that takes rooms again', ({ state, sessions }) => state === 'serving' && sessions === 3)
    await endsUncut(load)
    await node.delete()
    await node.expectGone()
  })

  test('a spot notice: people are moved at once', async () => {
    const node = await world.servingNode('on-spot')
    const host = node.host()
    await using load = await node.join(3)
    await node.expectHeartbeat('of 3 people', ({ sessions }) => sessions === 3)
    const taint = 'aws-node-termination-handler/spot-itn'
    await world.cluster.kubectl(['taint', 'node', host.name, `${taint}=now:NoSchedule`])
    try {
      await areMovedAtOnce(load)
    } finally {
      await world.cluster.kubectl(['taint', 'node', host.name, `${taint}-`])
    }
    await node.delete()
    await node.expectGone()
  })

  test('cut off for long: its node is given up and replaced elsewhere; back again, nothing is left there', async () => {
    const pool = await realPool(world, 'cut-off', { replicas: 1, staySeconds: STAY_SECONDS })
    const [node] = await pool.expectServing(1)
    assert.ok(node)
    const host = node.host()
    await host.cutNetwork()
    try {
      await until('a replacement on the other host', () => pool.members().some(it => servesOffHost(it, host)), {
        withinMs: WITHIN_MS,
      })
      assert.ok(node.reasons().includes('TelemetryLost') || node.reasons().includes('Unhealthy'), node.reasons().join())
    } finally {
      await host.restoreNetwork()
    }
    await node.expectGone(WITHIN_MS)
    await taintIs(host, 'node.kubernetes.io/unreachable', false)
    await pool.delete()
  })

  suite('a host that is gone', { concurrency: 1 }, () => {
    test('its object is deleted: people are moved, and its node goes with its pod', async () => {
      const host = hostNumber(1)
      const node = await world.servingNode('no-object', { className: classOf(host) })
      await using load = await node.join(3)
      await node.expectHeartbeat('of 3 people', ({ sessions }) => sessions === 3)
      await world.cluster.kubectl(['delete', 'node', host.name])
      try {
        await areMovedAtOnce(load)
        await node.expectGone(WITHIN_MS)
      } finally {
        await host.kubelet.restart()
      }
      await taintIs(host, 'node.kubernetes.io/not-ready', false)
    })

    // The last one: this host does not come back.
    test('its power is gone, and somebody says so: its node goes at once, and another serves elsewhere', async () => {
      const pool = await realPool(world, 'no-power', { replicas: 1, staySeconds: STAY_SECONDS })
      const [node] = await pool.expectServing(1)
      assert.ok(node)
      const host = node.host()
      await using _people = await node.join(3)
      await node.expectHeartbeat('of 3 people', ({ sessions }) => sessions === 3)
      await host.stop()
      await taintIs(host, 'node.kubernetes.io/unreachable', true)
      await world.cluster.kubectl([
        'taint',
        'node',
        host.name,
        'node.kubernetes.io/out-of-service=nodeshutdown:NoExecute',
      ])
      await node.expect('Disrupted', isOutOfService)
      await until('another on the other host', () => pool.members().some(it => servesOffHost(it, host)), {
        withinMs: WITHIN_MS,
      })
      await node.expectGone(WITHIN_MS)
      await pool.delete()
    })
  })

  test('at the end all nodes go, and nothing is left of any', () => leaveNothing(world))

  // --- what they share --------------------------------------------------------------------------------------------

  const hostNumber = (number: number): Host => {
    const host = world.cluster.hosts[number - 1]
    return host ?? assert.fail(`there is no host ${number}`)
  }

  /** Three people are in a call on that host while it is done, and notice nothing. */
  async function undisturbed(name: string, host: Host, doing: (host: Host) => Promise<void>): Promise<void> {
    const node = await world.servingNode(name, { className: classOf(host) })
    await using load = await node.join(3)
    const { bootId } = await node.expectHeartbeat('of 3 people', ({ sessions }) => sessions === 3)
    const podUID = node.pod().metadata.uid
    await doing(host)
    await node.expectReason('Serving')
    const { seq } = node.heartbeat() ?? {}
    const later = await node.expectHeartbeat('from afterwards', beat => beat.seq > (seq ?? 0) + 1)
    assert.deepEqual([later.bootId, later.sessions, later.state], [bootId, 3, 'serving'], node.timeline())
    assert.deepEqual([node.pod().metadata.uid, node.pod().metadata.deletionTimestamp], [podUID, undefined])
    assert.equal(node.container('sfu').restartCount, 0)
    await endsUncut(load)
    await node.delete()
    await node.expectGone()
  }

  async function taintIs(host: Host, key: string, wanted: boolean): Promise<void> {
    const holds = async (): Promise<boolean> => {
      const { spec } = (await world.cluster.api.call('GET', `/api/v1/nodes/${host.name}`)) as NodeObject
      return (spec.taints ?? []).some(taint => taint.key === key) === wanted
    }
    await until(`${host.name} ${wanted ? 'with' : 'without'} ${key}`, holds, { withinMs: WITHIN_MS, everyMs: 200 })
  }

  /** Resolves when nothing that can be evicted is on it any more. */
  async function kubectlDrain({ name }: Host, signal: AbortSignal): Promise<void> {
    // kubectl gives up earlier than people do; whoever drains asks again.
    const drain = () => world.cluster.kubectl(['drain', name, '--ignore-daemonsets', '--timeout=50s']).then(() => true)
    await until(`${name} to be drained`, drain, { withinMs: 300_000, everyMs: 1_000, signal })
  }

  const lastSeen = ({ name }: RealNode) =>
    world.history.nodes(`default/${name}`).findLast(({ is }) => is)?.is ?? assert.fail(`${name} was never seen`)
})

const isDisrupted = ({ status }: ReturnType<RealNode['seen']>): boolean =>
  status?.conditions?.some(({ type, status: holds }) => type === 'Disrupted' && holds === 'True') ?? false

/** The taint manager is as quick as the operator, and says of the pod what the taint says of the host. */
const isOutOfService = ({ status }: ReturnType<RealNode['seen']>): boolean =>
  status?.disruption?.kind === 'Imminent' &&
  status.conditions?.some(
    ({ type, reason }) => type === 'Disrupted' && ['HostOutOfService', 'DeletionByTaintManager'].includes(reason),
  ) === true

async function areMovedAtOnce(load: Load): Promise<void> {
  await until('all three to be moved', () => load.cut.length === 3, { withinMs: AT_ONCE_MS })
  assert.deepEqual([...new Set(load.cut.map(({ reason }) => reason))], ['ROOM_DELETED'])
}

async function endsUncut(load: Load): Promise<void> {
  await load.leaveAll()
  const { left, cut } = await load.summary()
  assert.deepEqual({ left, cut }, { left: 3, cut: 0 })
}
