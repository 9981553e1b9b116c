// Nodes that fill up, end to end: beats in etcd become tiers, tiers become intents, agents obey, and the RTCNode says so. The
// pool has as many nodes as its autoscaler lets it have, so that only the tiers act.
import assert from 'node:assert/strict'
import { isDeepStrictEqual } from 'node:util'
import type { Intent } from '../../../operator/api/intent.ts'
import type { Condition } from '../../../operator/api/meta.ts'
import type { RTCNode } from '../../../operator/api/rtcnode.ts'
import { until } from '../../cluster/until.ts'
import { readyOf } from '../harness/scene.ts'
import type { World } from '../harness/world.ts'
import { conditionOf, isClosed, only, type PoolScene, suiteOfPools } from '../pool/pool-scene.ts'

/** CPU at which a node is full, by default. */
const FULL_CPU = 90
/** A tier ends after a minute of calm; a busy machine takes its time. */
const afterAMinute = { withinMs: 120_000 }

const admissionOf = ({ status }: RTCNode): Condition | undefined =>
  status?.conditions?.find(({ type }) => type === 'AdmissionOpen')

/** A pool of so many nodes that an autoscaler watches over and cannot change. */
async function watchedPool(scene: PoolScene, { apply }: World, replicas: number): Promise<string[]> {
  const pool = await scene.runningPool({ replicas })
  await apply({
    apiVersion: 'rtcnode.io/v1alpha1',
    kind: 'RTCAutoscaler',
    metadata: { name: pool, namespace: scene.namespace },
    spec: { poolName: pool, minReplicas: replicas, maxReplicas: replicas, targets: { joinLatencyP99Ms: 1_500 } },
  })
  return (await scene.nodesOf(pool)).map(({ metadata }) => metadata.name)
}

const unwatch = (scene: PoolScene) => scene.kubectl('delete', 'rtca', '--all')

async function intentOf(scene: PoolScene, { etcd }: World, node: string): Promise<Intent | undefined> {
  const text = await etcd.get(`/sfu/intents/${scene.key(node)}`).string()
  return text === null ? undefined : (JSON.parse(text) as Intent)
}

async function awaitIntent(
  scene: PoolScene,
  world: World,
  node: string,
  wanted: Omit<Intent, 'podUID'>,
  { withinMs } = { withinMs: 30_000 },
): Promise<void> {
  let last: Intent | undefined
  const look = async (): Promise<boolean> => {
    last = await intentOf(scene, world, node)
    const { podUID: _, ...told } = last ?? { podUID: '' }
    return isDeepStrictEqual(told, wanted)
  }
  await until(`intent of ${node}: ${JSON.stringify(wanted)}`, look, { withinMs, everyMs: 50 }).catch(
    (error: unknown) => {
      throw new Error(`the last intent of ${node} was ${JSON.stringify(last)}`, { cause: error })
    },
  )
}

const press = (scene: PoolScene, node: string, pressure: number): void =>
  scene.sfu(node).latency({ cpu: pressure * FULL_CPU })

suiteOfPools('nodes that fill up', { sideBySide: 4 }, promise => {
  promise(
    'a smaller share of rooms, then none, then a limit on joins; open again after a minute of calm',
    async (scene, world) => {
      const [node = '', other = ''] = await watchedPool(scene, world, 2)

      press(scene, node, 0.72)
      await awaitIntent(scene, world, node, { admission: 'open', weight: 0.5, tier: 'prewarm' })
      assert.equal(readyOf(await scene.node(node))?.reason, 'Serving')

      press(scene, node, 0.86)
      await awaitIntent(scene, world, node, { admission: 'closed', weight: 0, tier: 'shed' })
      await scene.expectHeartbeat(node, 'closed', ({ state }) => state === 'closed')
      const full = await scene.expectNode(
        node,
        'AdmissionOpen False because of its load',
        it => admissionOf(it)?.status === 'False' && admissionOf(it)?.reason === 'Shedding',
      )
      assert.deepEqual([readyOf(full)?.status, readyOf(full)?.reason], ['True', 'Shedding'])
      assert.match(await scene.kubectl('get', 'rtcn', node), / Running +Shedding /)

      press(scene, node, 0.96)
      // (0.98 − 0.96) / (0.01 × 3) joins a second, rounded down to a power of two.
      await awaitIntent(scene, world, node, { admission: 'closed', weight: 0, joinsPerSecond: 0.5, tier: 'protect' })
      await scene.expectReason(node, 'Shedding', { message: /only as fast as it can bear/ })

      press(scene, node, 0.2)
      await awaitIntent(scene, world, node, { admission: 'open', weight: 1 }, afterAMinute)
      await scene.expectHeartbeat(node, 'serving', ({ state }) => state === 'serving')
      const open = await scene.expectNode(node, 'AdmissionOpen', it => admissionOf(it)?.status === 'True')
      assert.equal(readyOf(open)?.reason, 'Serving')

      assert.equal(await intentOf(scene, world, other), undefined, 'the other node was told nothing')
      const pool = await scene.pool('eu')
      assert.deepEqual([pool.status?.openReplicas, scene.everMade('eu')], [2, 2])
      const reasons = world.history
        .pools(scene.key('eu'))
        .flatMap(({ is }) => is ?? [])
        .filter(({ status }) => status?.openReplicas === 2)
        .map(it => conditionOf(it, 'Progressing')?.reason)
      assert.deepEqual([...new Set(reasons)], ['Complete'], 'the pool took it for complete all the time')
      await unwatch(scene)
    },
  )

  promise('a silent node keeps its tier, and absurd figures give it none', async (scene, world) => {
    const [node = ''] = await watchedPool(scene, world, 1)
    // Its CPU would protect it; that nobody has ever waited an hour to join says that nothing of it is true.
    scene.sfu(node).latency({ cpu: 99, joins: 10, joinLatencyP99Ms: 3_599_999 })
    await scene.expectHeartbeat(node, 'absurd', ({ cpu, ackIntent }) => cpu === 99 && ackIntent === undefined)
    await until(
      'absurd beats to be counted',
      async () => /rtcnode_load_unknown_beats_total\{cause="impossible"\} [2-9]/.test(await world.operator.metrics()),
      { withinMs: 30_000, everyMs: 200 },
    )
    assert.equal(await intentOf(scene, world, node), undefined)

    scene.sfu(node).latency({ cpu: 80, joinLatencyP99Ms: 100 })
    await awaitIntent(scene, world, node, { admission: 'closed', weight: 0, tier: 'shed' })
    scene.sfu(node).silence()
    await scene.expectReason(node, 'TelemetryLost')
    await scene.expectLeftAlone(node, 5_000)
    assert.equal((await intentOf(scene, world, node))?.tier, 'shed')
    scene.sfu(node).recovers()
    await scene.expectReason(node, 'Shedding')
    await unwatch(scene)
    await awaitIntent(scene, world, node, { admission: 'open', weight: 1 })
    await scene.expectReason(node, 'Serving')
  })

  promise('a roll-out of a pool that is full goes on', async (scene, world) => {
    const old = await watchedPool(scene, world, 2)
    for (const node of old) press(scene, node, 0.86)
    for (const node of old) await scene.expectReason(node, 'Shedding')
    await scene.patchPool('eu', { template: { spec: { drain: { deadlineSeconds: 900 } } } })
    for (const node of old) await scene.expectGone(node)
    await scene.expectProgress('eu', 'Complete')
    await unwatch(scene)
  })

  promise('a full node is not the one that scale-in takes', async (scene, world) => {
    const [full = '', ...idle] = await watchedPool(scene, world, 2)
    await scene.occupy(full, 40)
    await scene.occupy(only(idle), 2)
    press(scene, full, 0.86)
    await scene.expectReason(full, 'Shedding')
    await unwatch(scene)
    await scene.scale('eu', 1)
    await scene.expectNodes('eu', 'the idle one is closed', nodes => nodes.filter(isClosed).length === 1)
    assert.equal((await scene.node(full)).spec.cordoned, false)
  })
})

suiteOfPools('nodes that are full while the operator is away', { sideBySide: 1 }, promise => {
  promise('are not opened by one that starts anew', async (scene, world) => {
    const [node = ''] = await watchedPool(scene, world, 1)
    press(scene, node, 0.86)
    await awaitIntent(scene, world, node, { admission: 'closed', weight: 0, tier: 'shed' })
    // Between exit and enter: only what was before says that it is full.
    press(scene, node, 0.76)
    const written = async () => (await world.etcd.get(`/sfu/intents/${scene.key(node)}`).exec()).kvs[0]?.mod_revision
    const before = await written()
    await world.operator.kill()
    await world.operator.start()
    const isHeard = async () => /rtcnode_load_nodes\{[^}]*tier="shed"\} 1/.test(await world.operator.metrics())
    await until('the node to be heard', isHeard, { withinMs: 60_000, everyMs: 200 })
    await scene.expectLeftAlone(node, 3_000)
    assert.equal(await written(), before, 'its intent was not touched')
    assert.equal(readyOf(await scene.node(node))?.reason, 'Shedding')
    await unwatch(scene)
  })
})
