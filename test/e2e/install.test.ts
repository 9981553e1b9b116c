// The product as it is shipped, on real hosts: Helm installs it, people call over its SFUs, two real ones and a hundred simulated
// ones, and what is done to it is what is done to every release: upgrade, rollback, pods that die, volumes that are lost,
// uninstall. Nobody in a call may notice. Needs root and a few Debian packages, which it installs.
import assert from 'node:assert/strict'
import { after, afterEach, before, suite, test } from 'node:test'
import { isDeepStrictEqual } from 'node:util'
import type { Pod } from '../../operator/api/core.ts'
import { keyOf } from '../../operator/api/meta.ts'
import type { RTCNode } from '../../operator/api/rtcnode.ts'
import { ensureHostPackages } from '../cluster/debian.ts'
import { leftBehind } from '../cluster/left-behind.ts'
import { until } from '../cluster/until.ts'
import { breachesOf } from '../integration/harness/laws.ts'
import { readyOf } from '../integration/harness/scene.ts'
import type { Load } from '../load/loader.ts'
import { CROWD, type Crowd } from './crowd.ts'
import {
  type Installation,
  isReady,
  NAMESPACE,
  PATIENCE,
  POOL,
  RELEASE,
  SFUS,
  startInstallation,
} from './installation.ts'
import { firstServingAt, toReadyMs } from './installation-times.ts'

const log = (line: string) => console.error(line)
const hosts = await ensureHostPackages({ log })
// Under CI a missing host is a failure of the tests, never a reason to leave them out.
const skip = hosts.possible || process.env['CI'] === 'true' ? false : hosts.because

const PEOPLE = 3
const CROWD_SIZE = 100

suite('the chart on two real hosts', { skip, concurrency: 1 }, () => {
  let it: Installation
  let thereBefore: string[]
  let calls: Load[] = []
  let sfus: Pod[] = []
  let crowd: Crowd | undefined

  before(
    async () => {
      it = await startInstallation(log, { formerVersion: true, crowd: true })
      thereBefore = await it.everything()
    },
    { timeout: 300_000 },
  )
  afterEach(() => {
    // Over all tests: the same pods, the same processes in them, and everybody where they were.
    assert.deepEqual(sfus.flatMap(disturbances), [], it.history.timeline(SFUS))
    for (const { cut, present } of calls) assert.deepEqual([cut, present().length], [[], PEOPLE])
    assert.deepEqual(crowd?.harm() ?? [], [], it.history.timeline(NAMESPACE))
    assert.deepEqual(breachesOf(it.history, SFUS), [])
  })
  after(async () => {
    await Promise.all([...calls.map(call => call.stop()), crowd?.[Symbol.asyncDispose]()])
    await it[Symbol.asyncDispose]()
    assert.deepEqual(leftBehind(process.pid), [])
  })

  test('one command installs a version, and the first LiveKits serve', async t => {
    const beganAt = Date.now()
    await it.install('former')
    const installedAt = Date.now()
    await it.applyPool(2)
    await serving(2)
    const servingAt = firstServingAt(it.history)
    t.diagnostic(`helm install: ${seconds(installedAt - beganAt)}; first node serves: ${seconds(servingAt - beganAt)}`)
    assert.deepEqual(it.pods('operator').map(isReady), [true, true])
    sfus = it.nodes().map(({ metadata }) => it.sfuPod(metadata.name) ?? assert.fail(`${metadata.name} has no pod`))
    calls = await Promise.all(it.nodes().map(node => it.join(node, PEOPLE)))
    await allIsWell()
  })

  test('a hundred simulated SFUs with people on them serve beside them', async () => {
    crowd = await it.gatherCrowd(CROWD_SIZE)
    await allIsWell()
  })

  test('what was installed passes its own test', async () => {
    await it.helm(['test', RELEASE, '--timeout=60s'])
  })

  test('an upgrade replaces operators and registry, its rollback does so again, and the next upgrade too', async () => {
    const former = it.pods('operator')
    const generations = [uids()]
    const images = [imagesOf(former)]
    const replacedBy = async (change: Promise<unknown>) => {
      await change
      generations.push(uids())
      images.push(imagesOf(it.pods('operator')))
      await allIsWell()
    }
    await replacedBy(it.upgrade('present', { registry: { quotaMiB: 512 } }))
    await replacedBy(it.helm(['rollback', RELEASE, '--wait', PATIENCE]))
    await replacedBy(it.upgrade('present', { registry: { quotaMiB: 512 } }))
    const [one, other] = images
    assert.notDeepEqual(one, other)
    assert.deepEqual(images, [one, other, one, other])
    await it.until('the former operators to end', () => former.every(pod => versionsOf(pod).at(-1)?.is === undefined))
    // By themselves, although the registry went away under them: nobody had to be killed.
    const ends = former.map(pod => versionsOf(pod).findLast(({ is }) => is)?.is?.status?.phase)
    assert.deepEqual(ends, ['Succeeded', 'Succeeded'])
    for (const uid of generations.flat()) assert.equal(generations.filter(pods => pods.includes(uid)).length, 1)
  })

  test('both operators are killed at once', async t => {
    const killed = it.pods('operator')
    await Promise.all(killed.map(pod => it.kill(pod)))
    await restarted('operator', killed)
    const toReady = killed.map(pod => seconds(toReadyMs(it.history, pod, 1)))
    t.diagnostic(`from start to ready: ${toReady.join(', ')}`)
    await allIsWell()
  })

  test('the registry is killed', async () => {
    const killed = it.pods('registry')
    await Promise.all(killed.map(pod => it.kill(pod)))
    await restarted('registry', killed)
    await allIsWell()
  })

  test('the registry loses its volume, and soon knows all SFUs again', async t => {
    const lostAt = Date.now()
    await it.makeRegistryAnew(1)
    await allIsWell()
    t.diagnostic(`until all SFUs were seen again: ${seconds(Date.now() - lostAt)}`)
    await usersAreBack()
  })

  test('one member of the registry becomes three, which know all SFUs and their users', async () => {
    await it.upgrade('present', { registry: { members: 3 } })
    await allIsWell()
    await assert.rejects(it.forgeHeartbeat(`${SFUS}/nobody`), /permission denied/)
  })

  test('one of three is killed and comes back, another loses its volume and may not: two of three are enough', async () => {
    const [killed, wiped] = it.pods('registry')
    assert.ok(killed && wiped)
    await it.kill(killed)
    await restarted('registry', [killed])
    await allIsWell()
    await it.wipe(wiped)
    // It would forget what it has promised the others.
    await it.until('it to be turned away', () => {
      const now = it.pods('registry').find(({ metadata }) => metadata.uid === wiped.metadata.uid)
      return /has already been bootstrapped/.test(JSON.stringify(now?.status))
    })
    await allIsWell()
    assert.equal(it.pods('registry').filter(isReady).length, 2)
  })

  test('made anew as the documents say, it has three members again', async () => {
    await it.makeRegistryAnew(3)
    await allIsWell()
    await usersAreBack()
  })

  test('a host is drained of its operator, and the other one takes over', async () => {
    const [leaving] = it.pods('operator')
    assert.ok(leaving?.spec.nodeName)
    const names = () => it.nodes().map(({ metadata }) => metadata.name)
    const there = names()
    const selector = '--pod-selector=app.kubernetes.io/component=operator'
    await it.cluster.kubectl(['drain', leaving.spec.nodeName, selector, '--timeout=50s'])
    await it.cluster.kubectl(['uncordon', leaving.spec.nodeName])
    await it.until('two operators', () => it.pods('operator').filter(isReady).length === 2)
    // For a host that is cordoned another node is made; nobody came to it, and it goes again.
    await it.until('the nodes that were there', () => isDeepStrictEqual(names(), there))
    await allIsWell()
  })

  test('uninstall is refused while there is a pool, with words that say what to do', async () => {
    const operators = uids()
    await assert.rejects(it.helm(['uninstall', RELEASE, '--timeout=60s']), /RTCNodePool.*delete/is)
    assert.deepEqual(uids(), operators)
    await allIsWell()
  })

  test('when the pool is gone it goes, and leaves what is documented', async t => {
    for (const pod of [...it.pods('operator'), ...it.pods('registry')]) {
      t.diagnostic(`${pod.metadata.name} has ${await it.residentMiB(pod)} MiB resident`)
    }
    const inCalls = calls
    calls = []
    sfus = []
    await it.cluster.kubectl(['delete', 'rtcp', POOL, `--namespace=${SFUS}`, '--wait=false'])
    await it.cluster.kubectl(['delete', 'rtcp', CROWD, `--namespace=${CROWD}`, '--wait=false'])
    const nodes = () => [...it.nodes(), ...(crowd?.nodes() ?? [])]
    await it.until('all nodes to drain', () => nodes().every(node => readyOf(node)?.reason === 'WaitingForSessions'))
    crowd?.leaveAll()
    for (const call of inCalls) {
      await call.leaveAll()
      const { joined, left, cut } = await call.summary()
      assert.deepEqual({ joined, left, cut }, { joined: PEOPLE, left: PEOPLE, cut: 0 })
    }
    await it.until('no node', () => nodes().length === 0)
    await it.helm(['uninstall', RELEASE, '--wait', PATIENCE])
    const left = async () => (await it.everything()).filter(object => !thereBefore.includes(object)).toSorted()
    // Some is collected after Helm has gone.
    await until('the rest to go', async () => isDeepStrictEqual(await left(), documented), { withinMs: 30_000 }).catch(
      async () => assert.deepEqual(await left(), documented),
    )
  })

  /** All SFUs are in the registry with all of their people, and an operator leads: it closes a node and opens it again. */
  async function allIsWell(): Promise<void> {
    await serving(2)
    const people = Object.fromEntries(it.nodes().map(node => [keyOf(node), PEOPLE]))
    await it.registryKnows({ ...people, ...crowd?.people })
    await it.scalePool(1)
    await it.until('a closed node', () => it.nodes().some(node => readyOf(node)?.reason === 'Cordoned'))
    await it.scalePool(2)
    await serving(2)
  }

  async function serving(count: number): Promise<void> {
    await it.until(`${count} nodes to serve`, () => it.nodes().filter(isServing).length === count)
    await it.until('the crowd to serve', () => crowd?.nodes().every(isServing) ?? true)
  }

  /** They went with the data of the registry; the next turn of the CronJob sets them up. */
  async function usersAreBack(): Promise<void> {
    await it.keepCertificates()
    await assert.rejects(it.forgeHeartbeat(`${SFUS}/nobody`), /permission denied/)
    await allIsWell()
  }

  const versionsOf = ({ metadata }: Pod) => it.history.pods(`${NAMESPACE}/${metadata.name}`)

  const uids = () => [...it.pods('operator'), ...it.pods('registry')].map(({ metadata }) => metadata.uid)

  const restarted = (component: 'operator' | 'registry', killed: readonly Pod[]) =>
    it.until(`every ${component} to start again`, () => {
      const now = it.pods(component)
      const isBack = (pod: Pod) => isReady(pod) && pod.status?.containerStatuses?.[0]?.restartCount === 1
      return killed.every(({ metadata }) => now.some(pod => pod.metadata.uid === metadata.uid && isBack(pod)))
    })

  function disturbances({ metadata }: Pod): string[] {
    const now = it.sfuPod(metadata.name)
    if (now?.metadata.uid !== metadata.uid) return [`${metadata.name} has another pod, or none`]
    if (now.metadata.deletionTimestamp !== undefined) return [`the pod of ${metadata.name} was deleted`]
    const containers = [...(now.status?.containerStatuses ?? []), ...(now.status?.initContainerStatuses ?? [])]
    return containers
      .filter(({ restartCount }) => restartCount !== 0)
      .map(({ name }) => `${name} of ${metadata.name} was restarted`)
  }
})

const isServing = (node: RTCNode): boolean => readyOf(node)?.reason === 'Serving'

const imagesOf = (pods: readonly Pod[]): string[] =>
  pods.flatMap(({ spec }) => spec.containers.map(({ image = '' }) => image))

const seconds = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`

/** By docs/decisions/0012-what-helm-may-delete.md, and what the namespaces hold. */
const documented = [
  'APIService /v1alpha1.rtcnode.io',
  'CustomResourceDefinition /rtcautoscalers.rtcnode.io',
  'CustomResourceDefinition /rtcnodeclasses.rtcnode.io',
  'CustomResourceDefinition /rtcnodepools.rtcnode.io',
  'CustomResourceDefinition /rtcnodes.rtcnode.io',
  `Lease ${NAMESPACE}/rtcnode-operator`,
  `Namespace /${CROWD}`,
  `Namespace /${SFUS}`,
  `Namespace /${NAMESPACE}`,
  'RTCNodeClass /livekit',
  'RTCNodeClass /simulated', // the user's own
  `Secret ${SFUS}/livekit-keys`, // the user's own
]
