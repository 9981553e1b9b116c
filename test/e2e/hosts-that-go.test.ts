// The promises to people in calls on a host that goes, or seems to: drained, announced, cut off, its kubelet or its containerd
// dead, its object deleted, its power gone. Real hosts, real LiveKit, real people with media. A graceful shutdown of a kubelet
// cannot be had here: it takes systemd-logind.
import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseAllDocuments } from 'yaml'
import type { Host as NodeObject } from '../../operator/api/core.ts'
import { demoClass } from '../cluster/classes.ts'
import { clusterAutoscaler } from '../cluster/cluster-autoscaler-protocol.ts'
import { ensureHostPackages } from '../cluster/debian.ts'
import type { Host } from '../cluster/hosts.ts'
import { leftBehind } from '../cluster/left-behind.ts'
import { until } from '../cluster/until.ts'
import { readyOf } from '../integration/harness/scene.ts'
import type { Load } from '../load/loader.ts'
import { type RealNode, realNode } from './real-node.ts'
import { leaveNothing, type RealWorld, startRealWorld } from './real-world.ts'

const log = (line: string) => console.error(line)
const hosts = await ensureHostPackages({ log })
// Under CI a missing host is a failure of the tests, never a reason to leave them out.
const skip = hosts.possible || process.env['CI'] === 'true' ? false : hosts.because

/** Upper bounds for a busy machine, never promises of speed. */
const WITHIN_MS = 120_000
const HOST_LOST_AFTER_SECONDS = 12
const STAY_SECONDS = 25

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
          // Longer than its class lets a node be unwell whose SFU is silent too.
          await sleep(10_000)
        } finally {
          await host.kubelet.start()
        }
        await taintIs(host, 'node.kubernetes.io/unreachable', false)
      }))

    test('its containerd is killed: calls go on, and when it is back all is as before', () =>
      undisturbed('no-containerd', hostNumber(2), async host => {
        await host.containerd.kill()
        try {
          await sleep(20_000)
        } finally {
          await host.containerd.start()
        }
      }))
  })

  test('drained with kubectl: replaced elsewhere first, people stay until their deadline, and the drain goes through', async () => {
    await world.apply(poolOf('drained', 2))
    const members = await servingMembers('drained', 2)
    const [node] = members
    assert.ok(node)
    const host = node.host()
    await using load = await node.join(3)
    await node.expectHeartbeat('of 3 people', ({ sessions }) => sessions === 3)
    const drain = kubectlDrain(host)
    try {
      await node.expect('Disrupted', isDisrupted)
      await node.expectHeartbeat('that takes no new rooms', ({ state }) => state !== 'serving')
      await until(
        'a replacement on the other host',
        () => membersOf('drained').some(it => !members.some(old => old.name === it.name) && servesOffHost(it, host)),
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
        () => membersOf('drained').filter(it => servesOffHost(it, host)).length === 2,
        {
          withinMs: WITHIN_MS,
        },
      )
    } finally {
      await drain.catch(() => undefined)
      await world.cluster.kubectl(['uncordon', host.name])
    }
    await deletePool('drained')
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
    assert.equal(scaleDown.result, 'aborted')
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
      const { left, cut } = await load.summary()
      assert.deepEqual({ left, cut }, { left: 0, cut: 3 })
      assert.deepEqual([...new Set(load.cut.map(({ reason }) => reason))], ['ROOM_DELETED'])
    } finally {
      await world.cluster.kubectl(['taint', 'node', host.name, `${taint}-`])
    }
    await node.delete()
    await node.expectGone()
  })

  test('cut off for long: its node is given up and replaced elsewhere; back again, nothing is left there', async () => {
    await world.apply(poolOf('cut-off', 1))
    const [node] = await servingMembers('cut-off', 1)
    assert.ok(node)
    const host = node.host()
    await host.cutNetwork()
    try {
      await until('a replacement on the other host', () => membersOf('cut-off').some(it => servesOffHost(it, host)), {
        withinMs: WITHIN_MS,
      })
      assert.ok(node.reasons().includes('TelemetryLost') || node.reasons().includes('Unhealthy'), node.reasons().join())
    } finally {
      await host.restoreNetwork()
    }
    await node.expectGone(WITHIN_MS)
    await taintIs(host, 'node.kubernetes.io/unreachable', false)
    await deletePool('cut-off')
  })

  suite('a host that is gone', { concurrency: 2 }, () => {
    test('its object is deleted: people are moved, and its node goes with its pod', async () => {
      const host = hostNumber(1)
      const node = await world.servingNode('no-object', { className: classOf(host) })
      await using load = await node.join(3)
      await node.expectHeartbeat('of 3 people', ({ sessions }) => sessions === 3)
      await world.cluster.kubectl(['delete', 'node', host.name])
      try {
        await load.summary()
        assert.deepEqual([...new Set(load.cut.map(({ reason }) => reason))], ['ROOM_DELETED'])
        await node.expectGone(WITHIN_MS)
      } finally {
        await host.kubelet.restart()
      }
      await taintIs(host, 'node.kubernetes.io/not-ready', false)
    })

    // The last one: this host does not come back.
    test('its power is gone, and somebody says so: its node goes at once, and another serves elsewhere', async () => {
      const host = hostNumber(2)
      const node = await world.servingNode('no-power', { className: classOf(host) })
      await host.stop()
      await taintIs(host, 'node.kubernetes.io/unreachable', true)
      await world.cluster.kubectl([
        'taint',
        'node',
        host.name,
        'node.kubernetes.io/out-of-service=nodeshutdown:NoExecute',
      ])
      await node.expectGone(WITHIN_MS)
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
  async function kubectlDrain({ name }: Host): Promise<void> {
    // Bounded below what kubectl is given here; whoever drains asks again.
    const drain = () => world.cluster.kubectl(['drain', name, '--ignore-daemonsets', '--timeout=50s'])
    await drain().catch(drain)
  }

  const membersOf = (pool: string): RealNode[] =>
    world.history
      .seenIn('default')
      .filter(where => where.startsWith(`default/${pool}-`) && world.history.nodes(where).at(-1)?.is)
      .map(where => realNode(world, where))

  async function servingMembers(pool: string, count: number): Promise<RealNode[]> {
    const serving = () => {
      const members = membersOf(pool).filter(serves)
      return members.length === count && members
    }
    return until(`${count} nodes of ${pool} to serve`, serving, { withinMs: WITHIN_MS })
  }

  async function deletePool(name: string): Promise<void> {
    const members = membersOf(name)
    await world.cluster.kubectl(['delete', 'rtcp', name])
    await Promise.all(members.map(node => node.expectGone()))
  }

  const lastSeen = ({ name }: RealNode) =>
    world.history.nodes(`default/${name}`).findLast(({ is }) => is)?.is ?? assert.fail(`${name} was never seen`)
})

const serves = (node: RealNode): boolean => readyOf(node.seen())?.reason === 'Serving'
const servesOffHost = (node: RealNode, host: Host): boolean => serves(node) && node.pod().spec.nodeName !== host.name

const isDisrupted = ({ status }: ReturnType<RealNode['seen']>): boolean =>
  status?.conditions?.some(({ type, status: holds }) => type === 'Disrupted' && holds === 'True') ?? false

async function endsUncut(load: Load): Promise<void> {
  await load.leaveAll()
  const { left, cut } = await load.summary()
  assert.deepEqual({ left, cut }, { left: 3, cut: 0 })
}

const poolOf = (name: string, replicas: number) => ({
  apiVersion: 'rtcnode.io/v1alpha1',
  kind: 'RTCNodePool',
  metadata: { name, namespace: 'default' },
  spec: {
    replicas,
    selector: { matchLabels: { fleet: name } },
    template: {
      metadata: { labels: { fleet: name } },
      spec: { className: 'livekit', drain: { deadlineSeconds: STAY_SECONDS } },
    },
    scaleIn: { emptySeconds: 2 },
  },
})

const classOf = ({ name }: Host): string => `livekit-on-${name}`

/** The class `livekit`, on that host only. */
function pinnedClass(host: Host): object {
  const [, livekit] = parseAllDocuments(demoClass())
  assert.ok(livekit)
  livekit.setIn(['metadata', 'name'], classOf(host))
  livekit.setIn(['spec', 'podTemplate', 'spec', 'nodeSelector'], { 'kubernetes.io/hostname': host.name })
  return livekit.toJS() as object
}
