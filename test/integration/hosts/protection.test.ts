// The PDB trap, and the way around it, on a real API server with the real disruption controller: idle pods evict, busy ones do not;
// who is idle and who is busy costs two writes at most, and nothing at rest.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import type { Pod } from '../../../operator/api/core.ts'
import { BUDGET_NAME } from '../../../operator/cluster/protection/budget.ts'
import { isProtected, isReleased, marksOf } from '../../../operator/cluster/protection/marks.ts'
import { WRITE_EVERY_MS } from '../../../operator/cluster/protection/protect.ts'
import { ApiRefused } from '../../cluster/api-client.ts'
import type { Cluster } from '../../cluster/cluster.ts'
import { until } from '../../cluster/until.ts'
import { simClass } from '../harness/class.ts'
import type { NodeName, Scene } from '../harness/scene.ts'
import { suiteInWorld } from '../harness/world.ts'

/** A node counts as idle when nobody has come for a minute. Upper bounds for a busy machine, never promises of speed. */
const slowly = { withinMs: 120_000 }
/** In that time whoever wants to write again has had to wait for nothing. */
const AT_REST_MS = WRITE_EVERY_MS + 5_000

/** One host is cordoned by a test: the nodes of all others are on this one. */
const steady = simClass('steady', { pod: { nodeSelector: { 'kubernetes.io/hostname': 'kwok-0' } } })
const className = steady.metadata.name

const expectReleased = (scene: Scene, node: NodeName) =>
  scene.expectPod(node, 'released', pod => pod && isReleased(marksOf(pod)), slowly)
const expectProtected = (scene: Scene, node: NodeName) =>
  scene.expectPod(node, 'protected', pod => pod && isProtected(marksOf(pod)), slowly)

/** Nobody new comes any more, so it need not be watched for a minute when it is empty. */
async function cordon(scene: Scene, node: NodeName): Promise<void> {
  await scene.kubectl('patch', 'rtcn', node, '--type=merge', '-p', '{"spec":{"cordoned":true}}')
  await scene.expectReason(node, 'Cordoned')
}

/** Resolves with what the API server says: 201 when the pod goes. */
async function evict(
  { api }: Cluster,
  { namespace }: Scene,
  name: NodeName,
): Promise<{ status: number; words: string }> {
  const eviction = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name, namespace } }
  try {
    await api.call('POST', `/api/v1/namespaces/${namespace}/pods/${name}/eviction`, eviction)
    return { status: 201, words: '' }
  } catch (error) {
    if (error instanceof ApiRefused) return { status: error.status, words: error.message }
    throw error
  }
}

interface BudgetStatus {
  readonly metadata: { readonly generation: number }
  readonly status?: {
    readonly observedGeneration?: number
    readonly disruptionsAllowed: number
    readonly currentHealthy: number
    readonly expectedPods: number
    readonly conditions?: readonly { readonly type: string; readonly reason: string }[]
  }
}

const budgetPath = (namespace: string) => `/apis/policy/v1/namespaces/${namespace}/poddisruptionbudgets/${BUDGET_NAME}`

/** What the disruption controller makes of the budget, once it counts so many pods. */
const budgetOf = ({ api }: Cluster, { namespace }: Scene, expectedPods: number) =>
  until(
    `a budget over ${expectedPods} pods`,
    async () => {
      const { metadata, status } = (await api.call('GET', budgetPath(namespace))) as BudgetStatus
      const isRead = status?.observedGeneration === metadata.generation
      return isRead && status.expectedPods === expectedPods && status.currentHealthy === expectedPods && status
    },
    { ...slowly, everyMs: 200 },
  )

/** How often the operator has written to the pods of this namespace, by the audit log. */
function patchesOfPods({ auditLogPath = '' }: Cluster, { namespace }: Scene): number {
  return readFileSync(auditLogPath, 'utf8')
    .split('\n')
    .filter(line => line.includes('"userAgent":"rtcnode-operator/') && line.includes('"ResponseComplete"'))
    .map(line => JSON.parse(line) as { verb: string; objectRef?: { resource?: string; namespace?: string } })
    .filter(
      ({ verb, objectRef }) => verb === 'patch' && objectRef?.resource === 'pods' && objectRef.namespace === namespace,
    ).length
}

suiteInWorld('protection', { cluster: { kwokNodes: 2, auditLog: true } }, promise => {
  promise(
    'idle pods are evicted, busy ones are not, and a busy one is when its people have left',
    async (scene, world) => {
      const { cluster } = world
      await world.apply(steady)
      const busy = await scene.busyNode({ name: 'busy', className })
      const idle = await scene.runningNode({ name: 'idle', className })
      const { disruptionsAllowed, conditions = [] } = await budgetOf(cluster, scene, 2)
      assert.equal(disruptionsAllowed, 0)
      assert.deepEqual(
        conditions.map(({ type, reason }) => [type, reason]),
        [['DisruptionAllowed', 'InsufficientPods']],
        'the controller could count the pods: no SyncFailed',
      )
      await expectReleased(scene, idle)
      const refused = await evict(cluster, scene, busy)
      assert.equal(refused.status, 429)
      assert.match(refused.words, new RegExp(BUDGET_NAME))
      assert.equal((await evict(cluster, scene, idle)).status, 201)
      await scene.expectGone(idle, slowly)
      assert.deepEqual(scene.sfu(busy).present, ['alice', 'bob'])
      await cordon(scene, busy)
      scene.sfu(busy).leaveAll()
      await expectReleased(scene, busy)
      assert.equal((await evict(cluster, scene, busy)).status, 201)
      await scene.expectGone(busy, slowly)
    },
  )

  promise('who is idle and who is busy is one write each, and nothing at rest', async (scene, { cluster, apply }) => {
    await apply(steady)
    const node = await scene.runningNode({ className })
    assert.ok(isProtected(marksOf(await scene.pod(node))), 'born so')
    assert.equal(patchesOfPods(cluster, scene), 0)
    await expectReleased(scene, node)
    assert.equal(patchesOfPods(cluster, scene), 1)
    await scene.sfu(node).join('carol')
    await expectProtected(scene, node)
    await pause(AT_REST_MS)
    assert.equal(patchesOfPods(cluster, scene), 2)
    await cordon(scene, node)
    scene.sfu(node).leaveAll()
    await expectReleased(scene, node)
    await pause(AT_REST_MS)
    assert.equal(patchesOfPods(cluster, scene), 3)
  })

  promise('people do not hold a host longer than their class lets them', async (scene, { cluster, apply }) => {
    const short = simClass(`short-of-${scene.namespace}`, {
      pod: { nodeSelector: { 'kubernetes.io/hostname': 'kwok-1' } },
    })
    await apply({ ...short, spec: { ...short.spec, protection: { maxSeconds: 5 } } })
    const node = await scene.busyNode({ className: short.metadata.name })
    assert.equal((await evict(cluster, scene, node)).status, 429)
    await cluster.kubectl(['cordon', 'kwok-1'])
    await expectReleased(scene, node)
    assert.deepEqual(scene.sfu(node).present, ['alice', 'bob'], 'nobody is cut by that')
    await until('it to be told', async () => (await scene.kubectl('get', 'events')).includes('ProtectionOver'), slowly)
    assert.ok(marksOf(await scene.pod(node)).hostAskedForSince, 'since when is on record')
    assert.equal((await evict(cluster, scene, node)).status, 201)
    await scene.expectPod(node, 'going', pod => pod?.metadata.deletionTimestamp)
    assert.deepEqual(scene.sfu(node).present, ['alice', 'bob'], 'its preStop waits for them')
    scene.sfu(node).leaveAll()
    await scene.expectGone(node, slowly)
    await cluster.kubectl(['uncordon', 'kwok-1'])
  })

  promise(
    'a second budget breaks evictions; whose it is, is told at the budget and at the node',
    async (scene, { cluster, apply }) => {
      await apply(steady)
      const node = await scene.busyNode({ className })
      await budgetOf(cluster, scene, 1)
      const theirs = {
        apiVersion: 'policy/v1',
        kind: 'PodDisruptionBudget',
        metadata: { name: 'theirs', namespace: scene.namespace },
        spec: { maxUnavailable: 1, selector: { matchLabels: { 'rtcnode.io/node': node } } },
      }
      await apply(theirs)
      for (const kind of ['PodDisruptionBudget', 'RTCNode']) {
        await until(
          `the event at the ${kind}`,
          async () => {
            const told = await scene.kubectl(
              'get',
              'events',
              `--field-selector=reason=SecondBudget,involvedObject.kind=${kind}`,
              '--output=jsonpath={.items[*].message}',
            )
            return /“theirs” selects the pod of RTCNode “n” too/.test(told)
          },
          { ...slowly, everyMs: 300 },
        )
      }
      const refused = await evict(cluster, scene, node)
      assert.equal(refused.status, 500)
      assert.match(refused.words, /more than one PodDisruptionBudget/)
      await scene.kubectl('delete', 'pdb', 'theirs')
    },
  )

  promise(
    'the budget is there again when somebody takes it away, and goes with the last node',
    async (scene, { cluster, apply }) => {
      await apply(steady)
      const node = await scene.runningNode({ className })
      await budgetOf(cluster, scene, 1)
      const uidOf = async () => ((await cluster.api.call('GET', budgetPath(scene.namespace))) as Pod).metadata.uid
      const first = await uidOf()
      await scene.kubectl('delete', 'pdb', BUDGET_NAME)
      await until('another one', async () => (await uidOf()) !== first, { ...slowly, everyMs: 200 })
      await scene.deleteNode(node)
      await scene.expectGone(node, slowly)
      await scene.kubectl('wait', 'pdb', BUDGET_NAME, '--for=delete', '--timeout=50s')
    },
  )
})
