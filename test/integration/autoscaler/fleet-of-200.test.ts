// A pool of two hundred nodes through a crowd that comes and goes, through latency that has nothing to do with it, and through the
// loss of the registry: one after another, because two hundred nodes are not made anew for each of them.
import assert from 'node:assert/strict'
import type { Intent } from '../../../operator/api/intent.ts'
import { until } from '../../cluster/until.ts'
import { simClass } from '../harness/class.ts'
import { readyOf } from '../harness/scene.ts'
import type { World } from '../harness/world.ts'
import { isClosed, type PoolName } from '../pool/pool-scene.ts'
import { type AutoscalerName, type AutoscalerScene, suiteOfAutoscalers } from './autoscaler-scene.ts'
import type { Crowd } from './crowd.ts'

const NODES = 200
/** Percent of CPU at which a node is full. */
const FULL_CPU = 90
const PEOPLE_EACH = 2

/** Two hundred agents in one process are to leave it some time. */
const { spec, ...rest } = simClass('patient')
const patient = { ...rest, spec: { ...spec, agent: { ...spec.agent, heartbeatSeconds: 2 } } }

interface Day {
  readonly scene: AutoscalerScene
  readonly world: World
  readonly pool: PoolName
  readonly a: AutoscalerName
  readonly crowd: Crowd
}

suiteOfAutoscalers('two hundred nodes', { sideBySide: 1, cluster: { kwokNodes: 20 } }, promise => {
  promise(
    'a crowd comes and goes, the registry too: nobody is cut, and nothing is bought in vain',
    async (scene, world) => {
      await world.apply(patient)
      const pool = await scene.applyPool({ replicas: NODES, className: patient.metadata.name })
      await scene.expectProgress(pool, 'Complete', { withinMs: 120_000 })
      using crowd = scene.crowd(pool, NODES * 0.4 * FULL_CPU)
      crowd.unevenness = 0.15
      for (const { metadata } of await scene.nodesOf(pool)) {
        const people = Array.from({ length: PEOPLE_EACH }, (_, index) => `${metadata.name} guest ${index}`)
        await scene.sfu(metadata.name).join(...people)
      }
      const fallback = { replicas: 165, afterSeconds: 10 }
      const a = await scene.applyAutoscaler({ spec: { minReplicas: NODES, maxReplicas: 240, fallback } })
      await scene.expectActive(a, 'Steady', { status: 'True' })

      const day: Day = { scene, world, pool, a, crowd }
      await aCrowdComes(day)
      await itGoes(day)
      await latencyIsBad(day)
      await theRegistryGoes(day)
      assert.deepEqual(world.fleet.ledger.totals(), {
        joined: 400,
        present: 300,
        left: 100,
        moved: 0,
        cut: 0,
        fault: 0,
        cutEarly: 0,
      })
      await scene.deletePool(pool)
    },
  )
})

/** Each node acts on its own load, the pool on that of all. */
async function aCrowdComes({ scene, world, pool, a, crowd }: Day): Promise<void> {
  crowd.cpuPercent = NODES * 0.9 * FULL_CPU
  await scene.expectReplicas(pool, 240)
  await scene.expectCondition(a, 'ScalingLimited', 'True', { reason: 'MaxReplicas' })
  await scene.expectPool(pool, 'has them', ({ status }) => status?.openReplicas === 240)
  assert.ok((await scene.autoscaler(a)).status?.lastDecision?.limits.includes('MaxReplicas'))

  const inTiers = async () => {
    const intents = await intentsIn(scene, world)
    const [prewarm, shed, protect] = (['prewarm', 'shed', 'protect'] as const).map(tier =>
      intents.filter(intent => intent.tier === tier),
    ) as [Intent[], Intent[], Intent[]]
    const isTold =
      prewarm.every(({ admission, weight }) => admission === 'open' && weight > 0) &&
      [...shed, ...protect].every(({ admission }) => admission === 'closed') &&
      protect.every(({ joinsPerSecond }) => joinsPerSecond !== undefined)
    // Those with the least load have less again when the new ones are there.
    return isTold && protect.length > 0 && shed.length > 0 && intents.length > 0.9 * NODES
  }
  await until('nearly all nodes to be told what their load asks for', inTiers, { withinMs: 60_000, everyMs: 200 })
  await scene.expectNodes(
    pool,
    'those that are full say so',
    nodes => nodes.filter(node => readyOf(node)?.reason === 'Shedding').length > 10,
  )
}

/** Ninety are too many then: those without people go at once, the others when the last has left. */
async function itGoes({ scene, world, pool, a, crowd }: Day): Promise<void> {
  crowd.cpuPercent = NODES * 0.1 * FULL_CPU
  await scene.patchAutoscaler(a, { minReplicas: 150 })
  await scene.expectReplicas(pool, 150)
  const closedIn = (nodes: readonly Parameters<typeof isClosed>[0][]) => nodes.filter(isClosed)
  await scene.expectNodes(
    pool,
    '40 are gone and 50 are closed',
    nodes => nodes.length === NODES && closedIn(nodes).length === 50,
  )
  const closed = closedIn(await scene.nodesOf(pool)).map(({ metadata }) => metadata.name)
  await scene.expectLeftAlone(closed[0] ?? '', 3_000)
  const { present, left } = world.fleet.ledger.totals()
  assert.deepEqual({ present, left }, { present: 400, left: 0 })
  for (const name of closed) scene.sfu(name).leaveAll()
  await scene.expectNodes(pool, 'the closed ones are gone', nodes => nodes.length === 150)
}

/** Of nodes that are far from full. */
async function latencyIsBad({ scene, pool, a, crowd }: Day): Promise<void> {
  crowd.figures = () => ({ joins: 20, joinLatencyP99Ms: 3_000 + 6_000 * Math.random() })
  await scene.expectCondition(a, 'LatencyNotLoadRelated', 'True')
  await scene.expectReplicasKept(pool, 6_000)
  assert.equal((await scene.autoscaler(a)).status?.terms?.trim, 1, 'nothing is learned from it')
  crowd.figures = {}
}

/** Nothing is taken away while nobody can be heard, and then there are as many as are said to be enough. */
async function theRegistryGoes({ scene, world, pool, a }: Day): Promise<void> {
  const { server } = world.cluster.registry
  server.pause()
  try {
    await scene.expectCondition(a, 'Fallback', 'True', { reason: 'RegistryOutOfSight' })
    await scene.expectReplicas(pool, 165)
    await scene.expectReplicasKept(pool, 3_000)
  } finally {
    server.resume()
  }
  await scene.expectCondition(a, 'Fallback', 'False', { reason: 'EnoughReport' })
  await scene.expectReplicas(pool, 150, { withinMs: 120_000 })
  await scene.expectNodes(pool, 'as many as before', nodes => nodes.length === 150 && !nodes.some(isClosed))
}

async function intentsIn({ namespace }: AutoscalerScene, { etcd }: World): Promise<Intent[]> {
  const texts = await etcd.getAll().prefix(`/sfu/intents/${namespace}/`).strings()
  return Object.values(texts).map(text => JSON.parse(text) as Intent)
}
