// What Karpenter and Cluster Autoscaler may do to hosts with SFU nodes: idle hosts go, busy hosts wait, and nobody is cut before
// the deadline. Karpenter is the real one, the disruption controller too; Cluster Autoscaler is replayed.
import assert from 'node:assert/strict'
import { ApiRefused } from '../../cluster/api-client.ts'
import { clusterAutoscaler } from '../../cluster/cluster-autoscaler-protocol.ts'
import type { NodePoolTraits } from '../../cluster/karpenter.ts'
import { until } from '../../cluster/until.ts'
import type { ClassChange } from '../harness/class.ts'
import type { History, Where } from '../harness/history.ts'
import { isOpen, only } from '../pool/pool-scene.ts'
import { admissionOf, disruptedOf, type HostsScene, isGone, suiteOfHosts } from './hosts-scene.ts'

/** Upper bounds for a busy machine, never promises of speed. A node counts as idle when nobody has come for a minute. */
const WITHIN_MS = 180_000
const slowly = { withinMs: WITHIN_MS }
/** Two hosts start within that, and people come, also on a busy machine. */
const EXPIRE_AFTER = '150s'
const evictGraceSeconds = 5
/** Of the grace of a pod, so much is for moving people off. */
const MOVED_BEFORE_KILL_MS = 20_000

/** A pool of two, each on a host of its own from Karpenter, and people on the first. */
async function oneBusyOneIdle(scene: HostsScene, nodePool: NodePoolTraits, drain: ClassChange['drain'] = {}) {
  const pool = await scene.poolOfKarpenter('3', nodePool, { drain })
  const [busy = '', idle = ''] = (await scene.nodesOf(pool)).map(({ metadata }) => metadata.name)
  await scene.occupy(busy, 3)
  const hosts = { busy: await scene.hostOf(busy), idle: await scene.hostOf(idle) }
  assert.notEqual(hosts.busy, hosts.idle)
  return { pool, busy, idle, hosts }
}

/** The people on it talk on, and its host is still there. */
async function waits(scene: HostsScene, node: string, host: string): Promise<void> {
  assert.equal(scene.sfu(node).present.length, 3)
  assert.equal(isGone(await scene.host(host)), false, `${host} is gone under people`)
  assert.equal((await scene.pod(node)).metadata.deletionTimestamp, undefined, `the pod of ${node} was deleted`)
}

suiteOfHosts('hosts that autoscalers take away', promise => {
  promise('Karpenter makes a host for a node that waits for one', async scene => {
    const pool = await scene.poolOfKarpenter('3', {}, { replicas: 1 })
    const node = only(await scene.nodesOf(pool)).metadata.name
    assert.ok(scene.wasEver(node, 'HostRequested'), scene.timeline(node))
    const host = await scene.hostOf(node)
    assert.match(
      await scene.kubectl('get', 'nodeclaims', '--output=jsonpath={.items[*].status.nodeName}'),
      new RegExp(host),
    )
  })

  promise(
    'Karpenter consolidates: a host whose node is idle is emptied, the busy one is left alone',
    async (scene, world) => {
      const pool = await scene.poolOfKarpenter('1500m', {}, { replicas: 1 })
      const busy = only(await scene.nodesOf(pool)).metadata.name
      await scene.occupy(busy, 3)
      const host = await scene.hostOf(busy)
      // There is no room beside it for the second one; once that is there, there is.
      await world.apply(filler(scene.namespace, host))
      await scene.kubectl('wait', '--for=condition=Ready', 'pod/filler', '--timeout=50s')
      await scene.scale(pool, 2)
      await scene.expectNodes(pool, 'two are open', nodes => nodes.filter(isOpen).length === 2, slowly)
      const idle = only((await scene.nodesOf(pool)).filter(({ metadata }) => metadata.name !== busy)).metadata.name
      const spared = await scene.hostOf(idle)
      assert.notEqual(spared, host)
      await scene.kubectl('delete', 'pod', 'filler', '--grace-period=0', '--force')
      await scene.expectHost(spared, 'is gone', isGone)
      await scene.expectProgress(pool, 'Complete', slowly)
      await waits(scene, busy, host)
    },
  )

  promise('Karpenter’s hosts drift: the idle one is replaced, the busy one waits', async scene => {
    const { pool, busy, hosts } = await oneBusyOneIdle(scene, { consolidateAfter: 'Never' })
    await scene.patchNodePool({ consolidateAfter: 'Never', labels: { release: '2' } })
    await scene.expectNode(busy, 'wanted', it => disruptedOf(it)?.reason === 'KarpenterDrifted', slowly)
    await scene.expectHost(hosts.idle, 'is gone', isGone)
    await scene.expectProgress(pool, 'Complete', slowly)
    await waits(scene, busy, hosts.busy)
    scene.sfu(busy).leaveAll()
    await scene.expectHost(hosts.busy, 'is gone', isGone)
    await scene.expectProgress(pool, 'Complete', slowly)
  })

  promise(
    'Karpenter’s hosts expire: the idle one goes, the busy one takes no rooms and goes when its people have left',
    async scene => {
      const { pool, busy, hosts } = await oneBusyOneIdle(scene, {
        consolidateAfter: 'Never',
        expireAfter: EXPIRE_AFTER,
      })
      await scene.expectNode(busy, 'takes no rooms', it => disruptedOf(it) && admissionOf(it) === 'False', slowly)
      await scene.expectHost(hosts.idle, 'is gone', isGone)
      await waits(scene, busy, hosts.busy)
      scene.sfu(busy).leaveAll()
      await scene.expectHost(hosts.busy, 'is gone', isGone)
      await scene.expectProgress(pool, 'Complete', slowly)
    },
  )

  promise(
    'a host of Karpenter is deleted and has a deadline: who is still there then is moved, not cut, and not before',
    async (scene, { fleet, history }) => {
      const nodePool = { consolidateAfter: 'Never', terminationGracePeriod: '60s' }
      const { busy, hosts } = await oneBusyOneIdle(scene, nodePool, { deadlineSeconds: 20, evictGraceSeconds })
      // What the host leaves of the promised time counts.
      scene.judgesItself(busy)
      await deleteClaimOf(scene, hosts.busy)
      await scene.expectNode(busy, 'Disrupted', disruptedOf, slowly)
      assert.equal(scene.sfu(busy).present.length, 3)
      await scene.expectHost(hosts.busy, 'is gone', isGone)
      const mayGoAt = movesOffAt(history, scene.key(busy))
      const endings = fleet.ledger.sessions.filter(({ node }) => node === scene.key(busy)).map(({ ending }) => ending)
      assert.deepEqual(
        endings.map(ending => ending?.how),
        ['moved', 'moved', 'moved'],
      )
      for (const ending of endings) {
        const at = ending?.at.getTime() ?? 0
        assert.ok(at >= mayGoAt, `${mayGoAt - at} ms early\n${scene.timeline(busy)}`)
      }
    },
  )

  promise(
    'Cluster Autoscaler thinks of a host and thinks better of it: its node gets few rooms, then as many as before',
    async scene => {
      const pool = await scene.poolOnOwnHosts({ replicas: 1 })
      const node = only(await scene.nodesOf(pool)).metadata.name
      const host = await scene.hostOf(node)
      await scene.autoscaler.markUnneeded(host)
      await scene.expectNode(node, 'Disrupted', disruptedOf)
      assert.equal(admissionOf(await scene.node(node)), 'True')
      await scene.autoscaler.markNeeded(host)
      await scene.expectNode(node, 'Disrupted no more', it => disruptedOf(it) === undefined)
      assert.equal(scene.everMade(pool), 1)
    },
  )

  promise(
    'Cluster Autoscaler takes a host, and somebody comes at that moment: it takes its taint back, the node reopens',
    async (scene, { cluster }) => {
      const node = await scene.nodeOnOwnHosts()
      const host = await scene.hostOf(node)
      await canBeSpared(scene, host)
      // Within that time somebody comes, is heard of, and the pod is written, also on a busy machine.
      const patient = clusterAutoscaler(cluster.api, { deleteDelaySeconds: 15 })
      const [scaleDown] = await Promise.all([
        patient.scaleDown(host),
        scene.occupy(node, 3),
        scene.expectNode(node, 'takes no rooms', it => admissionOf(it) === 'False'),
      ])
      assert.deepEqual(scaleDown, { result: 'aborted', because: `pod ${scene.key(node)} is not safe to evict` })
      await scene.expectNode(node, 'takes rooms again', it => admissionOf(it) === 'True' && !it.spec.cordoned)
      await waits(scene, node, host)
    },
  )

  promise(
    'Cluster Autoscaler takes an idle host: the pool is whole again on the other, and nobody held it up',
    async scene => {
      const pool = await scene.poolOnOwnHosts({ replicas: 2 })
      const [first] = await scene.nodesOf(pool)
      const host = await scene.hostOf(first?.metadata.name ?? '')
      await canBeSpared(scene, host)
      assert.deepEqual(await scene.autoscaler.scaleDown(host), { result: 'removed' })
      await scene.expectNodes(
        pool,
        'two are open elsewhere',
        nodes => nodes.filter(isOpen).filter(({ status }) => status?.nodeName !== host).length === 2,
      )
    },
  )

  promise(
    'an idle pod can be evicted, a busy one cannot: by the budget of the real disruption controller',
    async scene => {
      const pool = await scene.poolOnOwnHosts({ replicas: 2 })
      const [busy = '', idle = ''] = (await scene.nodesOf(pool)).map(({ metadata }) => metadata.name)
      await scene.occupy(busy, 3)
      await scene.expectPod(
        idle,
        'is not protected',
        pod => pod?.metadata.labels?.['rtcnode.io/busy'] === 'false',
        slowly,
      )
      await until('the budget to count the busy pod', () => isKept(scene), { ...slowly, everyMs: 200 })
      await assert.rejects(scene.evict(busy), (error: unknown) => error instanceof ApiRefused && error.status === 429)
      await scene.evict(idle)
      await scene.expectPod(idle, 'is gone', pod => pod === undefined)
      assert.equal(scene.sfu(busy).present.length, 3)
    },
  )
})

const canBeSpared = (scene: HostsScene, host: string): Promise<unknown> =>
  until(`${host} can be spared`, async () => (await scene.autoscaler.obstacleOn(host)) === undefined, {
    ...slowly,
    everyMs: 500,
  })

/** As people do who want a host gone. */
async function deleteClaimOf(scene: HostsScene, host: string): Promise<void> {
  const itsName = `jsonpath={.items[?(@.status.nodeName=="${host}")].metadata.name}`
  await scene.kubectl('delete', 'nodeclaim', await scene.kubectl('get', 'nodeclaims', '-o', itsName), '--wait=false')
}

/** By what the API server had of it: the earliest end of the node, its pod and its host, less the time that moving people takes. */
function movesOffAt(history: History, where: Where): number {
  const told = history.nodes(where).map(({ is }) => is?.status)
  const first = (ends: readonly (string | undefined)[]): number =>
    Math.min(...ends.filter(end => end !== undefined).map(end => Date.parse(end)))
  return Math.min(
    first(told.map(status => status?.drain?.deadline)),
    first(told.map(status => status?.disruption?.deadline)) - evictGraceSeconds * 1_000,
    first(history.pods(where).map(({ is }) => is?.metadata.deletionTimestamp)) - MOVED_BEFORE_KILL_MS,
  )
}

const filler = (namespace: string, nodeName: string) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'filler', namespace },
  spec: { nodeName, containers: [{ name: 'filler', image: 'sim', resources: { requests: { cpu: '2' } } }] },
})

/** One budget, which lets nobody go, because of a pod and not because it cannot count. */
async function isKept(scene: HostsScene): Promise<boolean> {
  const { items } = JSON.parse(await scene.kubectl('get', 'pdb', '--output=json')) as { items: Budget[] }
  const { currentHealthy = 0, disruptionsAllowed, conditions = [] } = only(items).status ?? {}
  return currentHealthy > 0 && disruptionsAllowed === 0 && conditions.every(({ reason }) => reason !== 'SyncFailed')
}

interface Budget {
  readonly status?: {
    readonly currentHealthy: number
    readonly disruptionsAllowed: number
    readonly conditions?: readonly { readonly reason: string }[]
  }
}
