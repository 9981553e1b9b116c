// Pods that the cluster ends under people, as no protection can prevent: the API server and the scheduler say themselves what they
// did, and the RTCNode tells it on, with how many people were on it.
import assert from 'node:assert/strict'
import { isReleased, marksOf } from '../../../operator/cluster/protection/marks.ts'
import type { Cluster } from '../../cluster/cluster.ts'
import { simClass } from '../harness/class.ts'
import type { NodeName, Scene } from '../harness/scene.ts'
import { suiteInWorld } from '../harness/world.ts'

/** An upper bound for a busy machine, never a promise of speed. */
const slowly = { withinMs: 120_000 }
const CPU_OF_MOST_OF_A_HOST = '40'

const onlyOn = (host: string) => ({ 'kubernetes.io/hostname': host })

const expectEndedFor = (scene: Scene, node: NodeName, reason: string) =>
  scene.expectNode(node, `ended: ${reason}`, ({ status }) =>
    status?.conditions?.some(it => it.type === 'Disrupted' && it.status === 'True' && it.reason === reason),
  )

suiteInWorld('pods that are ended under people', { cluster: { kwokNodes: 2 } }, promise => {
  promise(
    'evicted by the Eviction API: by whom, and how many were on it when it was killed',
    async (scene, { cluster, apply, fleet, operator }) => {
      const host = 'kwok-0'
      const { spec, ...unprotected } = simClass('unprotected', { pod: { nodeSelector: onlyOn(host) } })
      await apply({ ...unprotected, spec: { ...spec, protection: { maxSeconds: 5 } } })
      const node = await scene.busyNode({ className: unprotected.metadata.name })
      // Their pod is deleted, so no deadline of an RTCNode covers them.
      scene.judgesItself(node)
      await cluster.kubectl(['cordon', host])
      await scene.expectPod(node, 'released', pod => pod && isReleased(marksOf(pod)), slowly)
      await scene.expectNode(node, 'told of two people', ({ status }) => status?.load?.sessions === 2, slowly)
      // Nobody hears that people are to be moved, so they are there to the end.
      scene.sfu(node).ignoresIntents()
      await evict(cluster, scene, node, 10)
      await expectEndedFor(scene, node, 'EvictionByEvictionAPI')
      await scene.expectReason(node, 'PodDeleted', { message: /EvictionByEvictionAPI/ })
      await scene.expectReason(node, 'PodLost', {
        message: /EvictionByEvictionAPI.*2 participants were on it/,
        ...slowly,
      })
      await scene.expectGone(node, slowly)
      const endings = fleet.ledger.sessions.filter(it => it.node === scene.key(node)).map(({ ending }) => ending?.how)
      assert.deepEqual(endings, ['cut', 'cut'])
      assert.match(await operator.metrics(), /^rtcnode_participants_cut_total\{cause="evicted"\} 2$/m)
    },
  )

  promise(
    'pre-empted for a pod of higher priority, protected or not: by whom, and its people may finish',
    async (scene, { apply }) => {
      const host = 'kwok-1'
      const container = { resources: { requests: { cpu: CPU_OF_MOST_OF_A_HOST } } }
      await apply(simClass('big', { pod: { nodeSelector: onlyOn(host) }, container }))
      const node = await scene.busyNode({ className: 'big' })
      await apply(priority)
      await apply(pushy(scene.namespace, host))
      await expectEndedFor(scene, node, 'PreemptionByScheduler')
      await scene.expectReason(node, 'PodDeleted', { message: /PreemptionByScheduler/ })
      assert.deepEqual(scene.sfu(node).present, ['alice', 'bob'], 'its preStop waits for them')
      scene.sfu(node).leaveAll()
      await scene.expectGone(node, slowly)
      await scene.kubectl('wait', '--for=condition=Ready', 'pod/pushy', '--timeout=50s')
      await scene.kubectl('delete', 'pod', 'pushy', '--grace-period=0', '--force')
    },
  )
})

/** As `kubectl drain --grace-period` does. */
async function evict({ api }: Cluster, { namespace }: Scene, name: NodeName, gracePeriodSeconds: number) {
  await api.call('POST', `/api/v1/namespaces/${namespace}/pods/${name}/eviction`, {
    apiVersion: 'policy/v1',
    kind: 'Eviction',
    metadata: { name, namespace },
    deleteOptions: { gracePeriodSeconds },
  })
}

const priority = {
  apiVersion: 'scheduling.k8s.io/v1',
  kind: 'PriorityClass',
  metadata: { name: 'before-all-others' },
  value: 1_000,
}

const pushy = (namespace: string, host: string) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'pushy', namespace },
  spec: {
    priorityClassName: priority.metadata.name,
    nodeSelector: onlyOn(host),
    tolerations: [{ key: 'kwok.x-k8s.io/node', operator: 'Exists' }],
    containers: [{ name: 'pushy', image: 'sim', resources: { requests: { cpu: CPU_OF_MOST_OF_A_HOST } } }],
  },
})
