// The promises of one RTCNode on real hosts: real kubelets, real LiveKit, real people with media; and what is done to it is
// what happens to pods, processes and networks in production. Needs root and a few Debian packages, which it installs.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, suite, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseAllDocuments } from 'yaml'
import { demoClass } from '../cluster/classes.ts'
import { ensureHostPackages } from '../cluster/debian.ts'
import { leftBehind } from '../cluster/left-behind.ts'
import type { Load } from '../load/loader.ts'
import type { RealNode } from './real-node.ts'
import { leaveNothing, type RealWorld, startRealWorld } from './real-world.ts'

const log = (line: string) => console.error(line)
const hosts = await ensureHostPackages({ log })
// Under CI a missing host is a failure of the tests, never a reason to leave them out.
const skip = hosts.possible || process.env['CI'] === 'true' ? false : hosts.because

const hostNetwork = { className: 'livekit-hostnetwork' }

suite('one node on real hosts', { skip, concurrency: 1 }, () => {
  let world: RealWorld
  /** One of the first, kept for the end. */
  let old: RealNode | undefined
  before(async () => void (world = await startRealWorld(log)), { timeout: 300_000 })
  after(async () => {
    await world[Symbol.asyncDispose]()
    assert.deepEqual(leftBehind(process.pid), [])
  })

  test('six nodes that start at once become Running, and no agent had to start twice', async () => {
    const names = Array.from({ length: 6 }, (_, index) => `one-of-six-${index}`)
    const nodes = await Promise.all(names.map(name => world.servingNode(name)))
    for (const node of nodes) {
      const { restartCount } = node.container('rtcnode-agent')
      assert.equal(restartCount, 0, `${node.name}:\n${restartCount ? await node.lastWords('rtcnode-agent') : ''}`)
      assert.ok(!node.reasons().includes('ContainerCrashing'), node.timeline())
    }
    const [kept, ...others] = nodes
    old = kept
    await Promise.all(others.map(node => node.delete()))
    await Promise.all(others.map(node => node.expectGone()))
  })

  suite('side by side', { concurrency: 2 }, () => {
    suite('on the network of pods', { concurrency: 2 }, onPodNetwork)
    suite('on the network of the hosts', { concurrency: 1 }, onHostNetwork)
  })

  test('a host that is cut off for 20 s keeps its people and its node', async () => {
    const node = await world.servingNode('cut-off', hostNetwork)
    await using load = await node.join(3)
    const earlier = await node.expectHeartbeat('of 3 people', ({ sessions }) => sessions === 3)
    const podUID = node.pod().metadata.uid
    const host = node.host()
    await host.cutNetwork()
    try {
      await sleep(20_000)
    } finally {
      await host.restoreNetwork()
    }
    const later = await node.expectHeartbeat('from after the cut', ({ seq }) => seq > earlier.seq + 4)
    assert.equal(later.bootId, earlier.bootId)
    await node.expectReason('Serving')
    assert.ok(node.reasons().includes('TelemetryLost'), node.reasons().join())
    staysUndeleted(node, podUID)
    await node.expectHeartbeat('of 3 people again', ({ sessions }) => sessions === 3)
    await endsUncut(load, 3)
  })

  test('an agent that has run for a while is small', async t => {
    assert.ok(old)
    const { startedAt = '' } = old.container('rtcnode-agent').state?.running ?? {}
    const { residentMiB, ownMiB } = memoryOf(await old.processOf('rtcnode-agent'))
    const ageSeconds = Math.round((Date.now() - Date.parse(startedAt)) / 1_000)
    t.diagnostic(`the agent has ${residentMiB} MiB resident after ${ageSeconds} s, of which ${ownMiB} MiB are its own`)
    assert.ok(residentMiB < 120, `${residentMiB} MiB`)
  })

  test('at the end all nodes go, and nothing is left of any', () => leaveNothing(world))

  function onPodNetwork(): void {
    test('an image that does not exist: the kubelet says so, and its node is deleted at once', async () => {
      await world.apply(classWithoutImage('IfNotPresent'), classWithoutImage('Never'))
      const pulled = await world.askForNode('image-pulled', { className: 'without-image-ifnotpresent' })
      const never = await world.askForNode('image-never', { className: 'without-image-never' })
      await pulled.expectReason('ImagePullFailed', /^container sfu: .*127\.0\.0\.1:1\/missing/)
      await never.expectReason('ImagePullFailed', /^container sfu: .*not present with pull policy of Never/)
      for (const node of [pulled, never]) {
        assert.equal(node.seen().status?.phase, 'Pending')
        await node.delete()
      }
      for (const node of [pulled, never]) {
        // Nobody was ever there: nothing of the hour that people may stay is waited for.
        await node.expectGone()
        assert.ok(!node.reasons().includes('WaitingForSessions'), node.reasons().join())
      }
    })

    test('a pod deleted under people holds them until they leave by themselves, then all of the node goes', () =>
      deletedUnderPeople('deleted-pod'))

    test('an SFU that is killed starts again in the same pod, and its node serves again and says truly who is there', async () => {
      const node = await world.servingNode('killed-sfu')
      await using load = await node.join(3)
      const earlier = await node.expectHeartbeat('of 3 people', ({ sessions }) => sessions === 3)
      const podUID = node.pod().metadata.uid
      await node.kill('sfu')
      const later = await node.expectHeartbeat('of another boot', ({ bootId }) => bootId !== earlier.bootId)
      assert.equal(later.podUID, podUID)
      await node.expectPod(
        'with a restarted SFU, ready',
        () => node.container('sfu').restartCount === 1 && isReady(node),
      )
      await node.expectReason('Serving')
      // It did not pretend to serve all the while.
      assert.ok(node.reasons().includes('PodNotReady'), node.reasons().join())
      await node.expectHeartbeat('that counts who is there', ({ sessions }) => sessions === load.present().length)
      staysUndeleted(node, podUID)
      await load.leaveAll()
      const { joined, left, cut } = await load.summary()
      assert.equal(left + cut, joined)
    })

    test('an agent that is killed starts again, nobody notices in a call, and its telemetry comes back', async () => {
      const node = await world.servingNode('killed-agent')
      await using load = await node.join(3)
      const earlier = await node.expectHeartbeat('of 3 people', ({ sessions }) => sessions === 3)
      const podUID = node.pod().metadata.uid
      await node.kill('rtcnode-agent')
      await node.expectPod('with a restarted agent', () => node.container('rtcnode-agent').restartCount === 1)
      await node.expectPod('ready', () => isReady(node))
      const later = await node.expectHeartbeat('of the new agent', ({ seq }) => seq > earlier.seq + 1_000)
      assert.deepEqual([later.bootId, later.sessions], [earlier.bootId, 3])
      await node.expectReason('Serving')
      staysUndeleted(node, podUID)
      assert.equal(node.container('sfu').restartCount, 0)
      await endsUncut(load, 3)
    })
  }

  function onHostNetwork(): void {
    test('two hosts take a node each at their own addresses; a third waits, and runs once one is gone', async () => {
      const first = await world.askForNode('host-net-1', hostNetwork)
      const second = await world.askForNode('host-net-2', hostNetwork)
      for (const node of [first, second]) {
        const { status } = await node.expectReason('Serving')
        assert.equal(status?.address, node.host().address)
        const answer = await fetch(`http://${status?.address}:7880/`, { signal: AbortSignal.timeout(10_000) })
        assert.equal(await answer.text(), 'OK')
      }
      assert.notEqual(first.host().name, second.host().name)
      const third = await world.askForNode('host-net-3', hostNetwork)
      const waiting = await third.expectReason('WaitingForHost', /free ports/)
      assert.equal(waiting.status?.phase, 'Pending')
      const freed = first.host()
      await first.delete()
      await first.expectGone()
      await third.expectReason('Serving')
      assert.equal(third.host().name, freed.name)
      await Promise.all([second, third].map(node => node.delete()))
      await Promise.all([second, third].map(node => node.expectGone()))
    })

    test('a pod deleted under people on the network of its host holds them just as well', () =>
      deletedUnderPeople('deleted-host-pod', hostNetwork))
  }

  async function deletedUnderPeople(name: string, spec = {}): Promise<void> {
    const node = await world.servingNode(name, { ...spec, drain: { deadlineSeconds: 600 } })
    await using load = await node.join(3)
    await node.expectHeartbeat('of 3 people', ({ sessions }) => sessions === 3)
    await node.deletePod()
    await node.expectReason('PodDeleted')
    await node.expectHeartbeat('that takes no new rooms', ({ state }) => state === 'draining')
    await load.leave(1)
    await node.expectHeartbeat('of the 2 who stay', ({ sessions }) => sessions === 2)
    assert.ok(node.container('sfu').state?.running, 'the SFU runs on')
    assert.equal(node.seen().metadata.deletionTimestamp, undefined)
    assert.equal(load.present().length, 2)
    await endsUncut(load, 3)
    await node.expectGone()
    assert.ok(node.reasons().includes('PodLost'), node.reasons().join())
  }
})

const isReady = (node: RealNode): boolean =>
  node.pod().status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false

/** Neither given up nor replaced: the same pod, and Running ever since. */
function staysUndeleted(node: RealNode, podUID: string): void {
  const { metadata, status } = node.seen()
  assert.deepEqual([metadata.deletionTimestamp, status?.phase], [undefined, 'Running'])
  assert.deepEqual([node.pod().metadata.uid, node.pod().metadata.deletionTimestamp], [podUID, undefined])
}

async function endsUncut(load: Load, people: number): Promise<void> {
  await load.leaveAll()
  const { joined, left, cut } = await load.summary()
  assert.deepEqual({ joined, left, cut }, { joined: people, left: people, cut: 0 })
}

/** Resident as the kernel counts it; a part is the program's file, which all agents of a host share. */
function memoryOf(pid: number): { residentMiB: number; ownMiB: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const mib = (field: string) =>
    Math.round(Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1]) / 1_024)
  return { residentMiB: mib('VmRSS'), ownMiB: mib('RssAnon') }
}

/** The class `livekit` with an image from a registry that does not answer. */
function classWithoutImage(imagePullPolicy: 'Never' | 'IfNotPresent'): object {
  const [, livekit] = parseAllDocuments(demoClass({ livekitImage: '127.0.0.1:1/missing:1' }))
  assert.ok(livekit)
  livekit.setIn(['metadata', 'name'], `without-image-${imagePullPolicy.toLowerCase()}`)
  livekit.setIn(['spec', 'podTemplate', 'spec', 'containers', 0, 'imagePullPolicy'], imagePullPolicy)
  return livekit.toJS() as object
}
