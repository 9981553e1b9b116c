// A node that waits for a host says whose turn it is, in the words of scheduler, Cluster Autoscaler and Karpenter (their events are
// written here as they write them), and starts when a host is there. Head-room keeps hosts for nodes to come, and gives way to them.
import assert from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'
import type { Pod } from '../../../operator/api/core.ts'
import type { RTCNodePool } from '../../../operator/api/rtcnodepool.ts'
import { until } from '../../cluster/until.ts'
import { headroomPriority, simClass } from '../harness/class.ts'
import type { World } from '../harness/world.ts'
import { isOpen, type PoolScene, suiteOfPools } from '../pool/pool-scene.ts'

const ONLY_FOR = 'example.com/made-for'

suiteOfPools('nodes that wait for a host', { cluster: { kwokNodes: 8 }, sideBySide: 4 }, promise => {
  promise(
    'nobody makes hosts; Cluster Autoscaler refuses one, makes one, and the node starts on it',
    async (scene, world) => {
      const node = await scene.applyNode({ className: await homeless(scene, world, { startupTimeoutSeconds: 10 }) })
      await scene.expectReason(node, 'WaitingForHost', {
        message: /^0\/8 nodes are available: .*affinity\/selector.*; what helps: .*hosts with the labels/,
      })
      await says(
        world,
        scene,
        node,
        'cluster-autoscaler',
        'NotTriggerScaleUp',
        "pod didn't trigger scale-up: 1 max node group size reached",
      )
      await scene.expectReason(node, 'HostUnavailable', {
        message:
          /^Cluster Autoscaler cannot make a host: .*max node group size reached; what helps: a higher limit.*the scheduler says: 0\/8/,
      })
      await says(
        world,
        scene,
        node,
        'cluster-autoscaler',
        'TriggeredScaleUp',
        'pod triggered scale-up: [{sfu 0->1 (max: 5)}]',
      )
      await scene.expectReason(node, 'HostRequested', { message: /^Cluster Autoscaler makes a host: .*sfu 0->1/ })
      // Longer than its class gives a start: the time it waits for a host is none of that.
      await delay(12_000)
      await hostAppears(scene.namespace, world, 'kwok-0')
      await scene.expectReason(node, 'Serving')
    },
  )

  promise('Karpenter promises a host, and the cloud refuses it', async (scene, world) => {
    const node = await scene.applyNode({ className: await homeless(scene, world) })
    await scene.expectReason(node, 'WaitingForHost')
    const claim = `claim-of-${scene.namespace}`
    await says(world, scene, node, 'karpenter', 'Nominated', `Pod should schedule on: nodeclaim/${claim}`)
    await scene.expectReason(node, 'HostRequested', { message: /^Karpenter makes a host: .*nodeclaim\/claim-of/ })
    await write(
      world,
      'default',
      { kind: 'NodeClaim', apiVersion: 'karpenter.sh/v1', name: claim, uid: claim },
      'karpenter',
      'InsufficientCapacityError',
      `NodeClaim ${claim} event: creating instance, insufficient capacity`,
    )
    await scene.expectReason(node, 'HostUnavailable', {
      message: /^Karpenter cannot make a host: .*insufficient capacity.*more zones/,
    })
    await scene.deleteNode(node)
    await scene.expectGone(node)
  })

  promise(
    'a pool that no host can be made for makes no more nodes, and goes on when there is one',
    async (scene, world) => {
      const pool = await scene.applyPool({ replicas: 1, className: await homeless(scene, world) })
      await scene.expectNodes(pool, 'one that waits', nodes => nodes.length === 1)
      const [first] = await scene.nodesOf(pool)
      const name = first?.metadata.name ?? ''
      await scene.expectReason(name, 'WaitingForHost')
      await says(
        world,
        scene,
        name,
        'karpenter',
        'FailedScheduling',
        'Failed to schedule pod, all available instance types exceed limits for nodepool "sfu"',
      )
      await scene.expectReason(name, 'HostUnavailable')
      await scene.scale(pool, 4)
      await scene.expectMadeNoMore(pool, 4_000)
      await hostAppears(scene.namespace, world, 'kwok-1')
      await scene.expectNodes(pool, 'all four', nodes => nodes.filter(isOpen).length === 4)
    },
  )

  promise('head-room keeps a host for a node to come, gives way to it, and asks for another', async (scene, world) => {
    await world.apply(headroomPriority)
    // With host ports, one node fits on a host.
    const className = await homeless(scene, world, {}, { mode: 'HostNetwork' })
    await hostAppears(scene.namespace, world, 'kwok-2')
    const pool = await scene.runningPool({ replicas: 1, className, spec: { headroom: { nodes: 1 } } })
    await expectHeadroom(scene, pool, { wanted: 1, ready: 0 }, /^WaitingForHost: .*free ports/)
    await hostAppears(scene.namespace, world, 'kwok-3')
    await expectHeadroom(scene, pool, { wanted: 1, ready: 1 })
    const [kept] = await placesOf(scene, world, pool)
    assert.equal(kept?.spec.nodeName, 'kwok-3')

    await scene.scale(pool, 2)
    await scene.expectNodes(pool, 'the second on the host that was kept', nodes =>
      nodes.some(node => isOpen(node) && node.status?.nodeName === 'kwok-3'),
    )
    await expectHeadroom(scene, pool, { wanted: 1, ready: 0 })
    const [another] = await placesOf(scene, world, pool)
    assert.notEqual(another?.metadata.uid, kept.metadata.uid)

    await scene.patchPool(pool, { headroom: null })
    await scene.expectPool(pool, 'no head-room', ({ status }) => status?.headroom === undefined)
    await until('no place kept', async () => (await placesOf(scene, world, pool)).length === 0, { withinMs: 60_000 })
    await scene.expectProgress(pool, 'Complete')
  })

  promise(
    'a class that packs its nodes has them on one host of two; one that spreads them, on both',
    async (scene, world) => {
      for (const [placement, hosts, used] of [
        ['Pack', ['kwok-4', 'kwok-5'], 1],
        ['Spread', ['kwok-6', 'kwok-7'], 2],
      ] as const) {
        const name = placement.toLowerCase()
        const className = `${scene.namespace}-${name}`
        const manifest = simClass(className, { pod: { nodeSelector: { [ONLY_FOR]: className } } })
        await world.apply({ ...manifest, spec: { ...manifest.spec, placement } })
        for (const host of hosts) await hostAppears(className, world, host)
        const pool = await scene.runningPool({ name, className, replicas: 4 })
        const nodes = await scene.nodesOf(pool)
        assert.equal(new Set(nodes.map(({ status }) => status?.nodeName)).size, used, placement)
      }
    },
  )
})

/** A class whose nodes fit on hosts that are made for this test alone; resolves with its name. */
async function homeless(scene: PoolScene, { apply }: World, health = {}, network = {}): Promise<string> {
  await apply(simClass(scene.namespace, { pod: { nodeSelector: { [ONLY_FOR]: scene.namespace } }, health, network }))
  return scene.namespace
}

const hostAppears = (forWhom: string, { cluster }: World, host: string): Promise<unknown> =>
  cluster.api.call('PATCH', `/api/v1/nodes/${host}`, { metadata: { labels: { [ONLY_FOR]: forWhom } } })

async function says(
  world: World,
  scene: PoolScene,
  node: string,
  by: string,
  reason: string,
  message: string,
): Promise<void> {
  const { uid } = (await scene.pod(node)).metadata
  // Times of events have no fractions: what is said later must be told from what was said before.
  await delay(1_100)
  await write(
    world,
    scene.namespace,
    { kind: 'Pod', apiVersion: 'v1', name: node, namespace: scene.namespace, uid },
    by,
    reason,
    message,
  )
}

/** As client-go's older recorder does, which both autoscalers use. */
async function write(
  { cluster }: World,
  namespace: string,
  involvedObject: object,
  component: string,
  reason: string,
  message: string,
): Promise<void> {
  const at = `${new Date().toISOString().slice(0, 19)}Z`
  await cluster.api.call('POST', `/api/v1/namespaces/${namespace}/events`, {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { generateName: 'said.', namespace },
    involvedObject,
    reason,
    message,
    source: { component },
    reportingComponent: component,
    type: 'Normal',
    count: 1,
    firstTimestamp: at,
    lastTimestamp: at,
  })
}

const expectHeadroom = (
  scene: PoolScene,
  pool: string,
  { wanted, ready }: { wanted: number; ready: number },
  message?: RegExp,
): Promise<RTCNodePool> =>
  scene.expectPool(pool, `head-room ${ready} of ${wanted}`, ({ status }) => {
    const told = status?.headroom
    return told?.wanted === wanted && told.ready === ready && (message?.test(told.message ?? '') ?? true)
  })

async function placesOf({ namespace }: PoolScene, { cluster }: World, pool: string): Promise<Pod[]> {
  const path = `/api/v1/namespaces/${namespace}/pods?labelSelector=rtcnode.io/headroom%3D${pool}`
  const { items } = (await cluster.api.call('GET', path)) as { items: Pod[] }
  return items
}
