// The product as it is shipped, on real hosts: Helm installs it, people call over its SFUs, and what is done to it is what is
// done to every release: upgrade, rollback, pods that die, a volume that is lost, uninstall. Nobody in a call may notice.
// Needs root and a few Debian packages, which it installs.
import assert from 'node:assert/strict'
import { after, afterEach, before, suite, test } from 'node:test'
import { isDeepStrictEqual } from 'node:util'
import type { Pod } from '../../operator/api/core.ts'
import { ensureHostPackages } from '../cluster/debian.ts'
import { leftBehind } from '../cluster/left-behind.ts'
import { until } from '../cluster/until.ts'
import { breachesOf } from '../integration/harness/laws.ts'
import { readyOf } from '../integration/harness/scene.ts'
import type { Load } from '../load/loader.ts'
import { type Installation, isReady, NAMESPACE, POOL, RELEASE, SFUS, startInstallation } from './installation.ts'
import { firstServingAt, toReadyMs } from './installation-times.ts'

const log = (line: string) => console.error(line)
const hosts = await ensureHostPackages({ log })
// Under CI a missing host is a failure of the tests, never a reason to leave them out.
const skip = hosts.possible || process.env['CI'] === 'true' ? false : hosts.because

const PEOPLE = 3

suite('the chart on two real hosts', { skip, concurrency: 1 }, () => {
  let it: Installation
  let thereBefore: string[]
  let calls: Load[] = []
  let sfus: Pod[] = []

  before(
    async () => {
      it = await startInstallation(log)
      thereBefore = await it.everything()
    },
    { timeout: 300_000 },
  )
  afterEach(() => {
    // Over all tests: the same pods, the same processes in them, and everybody where they were.
    assert.deepEqual(sfus.flatMap(disturbances), [], it.history.timeline(SFUS))
    for (const { cut, present } of calls) assert.deepEqual([cut, present().length], [[], PEOPLE])
    assert.deepEqual(breachesOf(it.history, SFUS), [])
  })
  after(async () => {
    await Promise.all(calls.map(call => call.stop()))
    await it[Symbol.asyncDispose]()
    assert.deepEqual(leftBehind(process.pid), [])
  })

  test('one command installs it, and the first LiveKits serve', async t => {
    const beganAt = Date.now()
    await it.install()
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

  test('what was installed passes its own test', async () => {
    await it.helm(['test', RELEASE, '--timeout=60s'])
  })

  test('an upgrade replaces operators and registry, its rollback does so again', async () => {
    const former = it.pods('operator')
    const generations = [uids()]
    await it.upgrade({ operator: { podAnnotations: { generation: '2' } }, registry: { quotaMiB: 512 } })
    generations.push(uids())
    await allIsWell()
    await it.helm(['rollback', RELEASE, '--wait', '--timeout=110s'])
    generations.push(uids())
    await allIsWell()
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
    await it.loseVolume()
    await allIsWell()
    t.diagnostic(`until all SFUs were seen again: ${seconds(Date.now() - lostAt)}`)
    // Its users went with it; the next turn of the CronJob sets them up.
    const inNamespace = `--namespace=${NAMESPACE}`
    await it.cluster.kubectl(['create', 'job', 'its-turn', `--from=cronjob/${RELEASE}-certificates`, inNamespace])
    await it.cluster.kubectl(['wait', '--for=condition=complete', 'job/its-turn', '--timeout=50s', inNamespace])
    await assert.rejects(it.forgeHeartbeat('nobody'), /permission denied/)
    await allIsWell()
  })

  test('a host is drained of its operator, and the other one takes over', async () => {
    const [leaving] = it.pods('operator')
    assert.ok(leaving?.spec.nodeName)
    const selector = '--pod-selector=app.kubernetes.io/component=operator'
    await it.cluster.kubectl(['drain', leaving.spec.nodeName, selector, '--timeout=50s'])
    await it.cluster.kubectl(['uncordon', leaving.spec.nodeName])
    await it.until('two operators', () => it.pods('operator').filter(isReady).length === 2)
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
    await it.until('all nodes to drain', () => it.nodes().every(node => readyOf(node)?.reason === 'WaitingForSessions'))
    for (const call of inCalls) {
      await call.leaveAll()
      const { joined, left, cut } = await call.summary()
      assert.deepEqual({ joined, left, cut }, { joined: PEOPLE, left: PEOPLE, cut: 0 })
    }
    await it.until('no node', () => it.nodes().length === 0)
    await it.helm(['uninstall', RELEASE, '--wait', '--timeout=110s'])
    const left = async () => (await it.everything()).filter(object => !thereBefore.includes(object)).toSorted()
    // Some is collected after Helm has gone.
    await until('the rest to go', async () => isDeepStrictEqual(await left(), documented), { withinMs: 30_000 }).catch(
      async () => assert.deepEqual(await left(), documented),
    )
  })

  /** All SFUs are in the registry with all of their people, and an operator leads: it closes a node and opens it again. */
  async function allIsWell(): Promise<void> {
    await serving(2)
    await it.registryKnows(Object.fromEntries(it.nodes().map(({ metadata }) => [metadata.name, PEOPLE])))
    await it.scalePool(1)
    await it.until('a closed node', () => it.nodes().some(node => readyOf(node)?.reason === 'Cordoned'))
    await it.scalePool(2)
    await serving(2)
  }

  const serving = (count: number) =>
    it.until(
      `${count} nodes to serve`,
      () => it.nodes().filter(node => readyOf(node)?.reason === 'Serving').length === count,
    )

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

const seconds = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`

/** By docs/decisions/0012-what-helm-may-delete.md, and what the namespaces hold. */
const documented = [
  'APIService /v1alpha1.rtcnode.io',
  'CustomResourceDefinition /rtcautoscalers.rtcnode.io',
  'CustomResourceDefinition /rtcnodeclasses.rtcnode.io',
  'CustomResourceDefinition /rtcnodepools.rtcnode.io',
  'CustomResourceDefinition /rtcnodes.rtcnode.io',
  `Lease ${NAMESPACE}/rtcnode-operator`,
  `Namespace /${SFUS}`,
  `Namespace /${NAMESPACE}`,
  'RTCNodeClass /livekit',
  `Secret ${SFUS}/livekit-keys`, // the user's own
]
