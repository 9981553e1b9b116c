// Real HPAs scale a pool through its scale subresource: those that the real KEDA makes, and one written by hand. The load that
// they see is a number that the test serves.
import assert from 'node:assert/strict'
import { ensureBinaries } from '../../cluster/binaries.ts'
import type { Cluster } from '../../cluster/cluster.ts'
import { kedaBinaries, startKeda } from '../../cluster/keda.ts'
import { type Load, startLoad } from '../../cluster/load.ts'
import { startOperator } from '../harness/operator.ts'
import { startWorldWith, suiteIn } from '../harness/world.ts'
import { isClosed, isOpen, type PoolName, type PoolScene, poolScene } from './pool-scene.ts'

// Their first build takes longer than a world may to start.
await ensureBinaries(kedaBinaries, { log: console.error })

async function startOperatorAndKeda(cluster: Cluster): Promise<AsyncDisposableStack> {
  await using undo = new AsyncDisposableStack()
  undo.use(await startKeda(cluster))
  undo.use(await startOperator(cluster))
  return undo.move()
}

const startAutoscaledWorld = () => startWorldWith(startOperatorAndKeda, { cluster: { autoscaling: true } })

suiteIn(startAutoscaledWorld, 'a pool under an HPA', 3, promise => {
  promise('KEDA scales it up, down by the least busy, and up again by those that still empty', async (plain, world) => {
    const scene = poolScene(plain, world)
    await using load = await startLoad(10)
    const pool = await scene.runningPool({ replicas: 1 })
    await world.apply(scaledObject(scene, pool, load, { minReplicaCount: 1, maxReplicaCount: 6 }))
    await expectScaling(scene, hpaOf(pool))

    load.people = 50
    await expectSize(scene, pool, 5)
    assert.equal(scene.everMade(pool), 5)
    await expectSeen(scene, hpaOf(pool), { currentReplicas: 5, desiredReplicas: 5 })

    const [a, b, c] = (await scene.nodesOf(pool)).map(({ metadata }) => metadata.name) as [string, string, string]
    await Promise.all([scene.occupy(a, 9), scene.occupy(b, 5), scene.occupy(c, 2)])
    load.people = 20
    await expectSize(scene, pool, 2)
    await scene.expectNodes(pool, 'who was empty is gone', nodes => nodes.length === 3)
    assert.equal(isClosed(await scene.node(c)), true)
    await scene.expectLeftAlone(c, 3_000)
    await expectSeen(scene, hpaOf(pool), { currentReplicas: 2, desiredReplicas: 2 })

    load.people = 30
    await expectSize(scene, pool, 3)
    assert.equal(isOpen(await scene.node(c)), true)
    assert.equal(scene.everMade(pool), 5, 'the one that still emptied was reopened')

    load.people = 1_000
    await expectSize(scene, pool, 6)
    load.people = 10
    await expectSize(scene, pool, 1)
    scene.sfu(b).leaveAll()
    scene.sfu(c).leaveAll()
    await Promise.all([scene.expectGone(b), scene.expectGone(c)])
    const sizes = world.history.pools(scene.key(pool)).map(({ is }) => is?.status?.replicas ?? 0)
    assert.equal(Math.max(...sizes), 6, 'never more than the HPA’s most')
    await expectScaling(scene, hpaOf(pool))
  })

  promise('KEDA takes it to nothing, which waits for the last to leave, and back', async (plain, world) => {
    const scene = poolScene(plain, world)
    await using load = await startLoad(20)
    const pool = await scene.runningPool({ replicas: 1 })
    const timing = { pollingInterval: 1, cooldownPeriod: 1 }
    await world.apply(scaledObject(scene, pool, load, { minReplicaCount: 0, maxReplicaCount: 6, ...timing }))
    await expectSize(scene, pool, 2)
    const [busy = '', empty = ''] = (await scene.nodesOf(pool)).map(({ metadata }) => metadata.name)
    await scene.occupy(busy, 3)

    load.people = 0
    await expectSize(scene, pool, 0)
    await scene.expectGone(empty)
    await scene.expectLeftAlone(busy, 3_000)

    load.people = 10
    await expectSize(scene, pool, 1)
    assert.equal(isOpen(await scene.node(busy)), true)

    load.people = 0
    await expectSize(scene, pool, 0)
    scene.sfu(busy).leaveAll()
    await scene.expectGone(busy)
    assert.equal(scene.everMade(pool), 2)
  })

  promise('an HPA by hand, whose proportion is of the ready pods that the selector finds', async (plain, world) => {
    const scene = poolScene(plain, world)
    await using load = await startLoad(100)
    // KEDA publishes a metric only with something to scale by it.
    const publisher = await scene.runningPool({ name: 'publisher', replicas: 1 })
    await world.apply(scaledObject(scene, publisher, load, { minReplicaCount: 1, maxReplicaCount: 1 }))
    const pool = await scene.runningPool({ replicas: 2 })
    await world.apply(hpaByHand(scene, pool, { metricOf: publisher, target: { type: 'Value', value: '100' } }))
    await expectScaling(scene, pool)

    // Half as many again as are ready, and once more: this load does not become less by more nodes.
    load.people = 150
    await expectSize(scene, pool, 4)
    load.people = 100
    await expectSeen(scene, pool, { currentReplicas: 4, desiredReplicas: 4 })
    load.people = 20
    await expectSize(scene, pool, 1)
    await expectScaling(scene, pool)
    assert.equal((await scene.pool(publisher)).spec.replicas, 1)
  })
})

// By default an HPA gives four at a time, and waits five minutes before it takes any away.
const asAsked = { stabilizationWindowSeconds: 0, policies: [{ type: 'Pods', value: 100, periodSeconds: 1 }] }
const atOnce = { scaleUp: asAsked, scaleDown: asAsked }
const target = (name: PoolName) => ({ apiVersion: 'rtcnode.io/v1alpha1', kind: 'RTCNodePool', name })

/** A node for every ten people. */
const scaledObject = ({ namespace }: PoolScene, pool: PoolName, { url }: Load, limits: object): object => ({
  apiVersion: 'keda.sh/v1alpha1',
  kind: 'ScaledObject',
  metadata: { name: pool, namespace },
  spec: {
    scaleTargetRef: target(pool),
    ...limits,
    advanced: { horizontalPodAutoscalerConfig: { behavior: atOnce } },
    triggers: [{ type: 'metrics-api', metadata: { url, valueLocation: 'people', targetValue: '10' } }],
  },
})

/** Of the HPA that KEDA makes. */
const hpaOf = (pool: PoolName): string => `keda-hpa-${pool}`

const hpaByHand = (
  { namespace }: PoolScene,
  pool: PoolName,
  external: { metricOf: PoolName; target: object },
): object => ({
  apiVersion: 'autoscaling/v2',
  kind: 'HorizontalPodAutoscaler',
  metadata: { name: pool, namespace },
  spec: {
    scaleTargetRef: target(pool),
    minReplicas: 1,
    maxReplicas: 4,
    behavior: atOnce,
    metrics: [
      {
        type: 'External',
        external: {
          metric: {
            name: 's0-metric-api-people',
            selector: { matchLabels: { 'scaledobject.keda.sh/name': external.metricOf } },
          },
          target: external.target,
        },
      },
    ],
  },
})

/** The pool was asked for so many, and so many take rooms. */
async function expectSize(scene: PoolScene, pool: PoolName, replicas: number): Promise<void> {
  await scene.expectPool(pool, `asked for ${replicas}`, ({ spec }) => spec.replicas === replicas)
  await scene.expectNodes(pool, `${replicas} are open`, nodes => nodes.filter(isOpen).length === replicas)
  await scene.expectPool(pool, `tells of ${replicas}`, ({ status }) => status?.replicas === replicas)
}

/** It finds the scale subresource, the pods and the metric. */
async function expectScaling(scene: PoolScene, hpa: string): Promise<void> {
  await scene.kubectl('wait', '--for=create', '--timeout=50s', `hpa/${hpa}`)
  for (const condition of ['AbleToScale', 'ScalingActive']) {
    await scene.kubectl('wait', `--for=condition=${condition}`, '--timeout=50s', `hpa/${hpa}`)
  }
}

async function expectSeen(scene: PoolScene, hpa: string, status: Record<string, number>): Promise<void> {
  for (const [field, value] of Object.entries(status)) {
    await scene.kubectl('wait', `--for=jsonpath={.status.${field}}=${value}`, '--timeout=50s', `hpa/${hpa}`)
  }
}
