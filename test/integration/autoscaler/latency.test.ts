// Latency of nodes that differ: where it grows with their load, more nodes are made for it; where it does not, none.
import assert from 'node:assert/strict'
import { simClass } from '../harness/class.ts'
import { atOnce, suiteOfAutoscalers } from './autoscaler-scene.ts'

const NODES = 60
/** Percent of CPU at which a node is full. */
const FULL_CPU = 90
const GOAL_MS = 1_500

/** Beats as seldom as it is usual: nothing here waits for them. */
const { spec, ...rest } = simClass('patient')
const patient = { ...rest, spec: { ...spec, agent: { image: 'sim' } } }

suiteOfAutoscalers('latency', { sideBySide: 1 }, promise => {
  promise(
    'bad where load is low: nothing is done; bad where load is high: the pool grows for it',
    async (scene, world) => {
      await world.apply(patient)
      const pool = await scene.runningPool({ replicas: NODES, className: patient.metadata.name })
      using crowd = scene.crowd(pool, NODES * 0.3 * FULL_CPU)
      crowd.unevenness = 0.2
      crowd.figures = () => ({ joins: 20, joinLatencyP99Ms: (2 + 4 * Math.random()) * GOAL_MS })
      // No trend, and no shrinking afterwards: what grows the pool here is latency alone.
      const behavior = { ...atOnce, scaleDown: { selectPolicy: 'Disabled' } }
      const forecast = { enabled: false }
      const a = await scene.applyAutoscaler({ spec: { minReplicas: NODES, maxReplicas: 100, forecast, behavior } })
      await scene.expectCondition(a, 'LatencyNotLoadRelated', 'True')
      await scene.expectActive(a, 'LatencyNotLoadRelated', { status: 'True' })
      await scene.expectReplicasKept(pool, 10_000)
      assert.equal((await scene.autoscaler(a)).status?.terms?.trim, 1, 'and nothing was learned from it')

      // A little less than these nodes are held to bear, and late where nodes are fuller than the mean.
      crowd.figures = cpu => ({
        joins: 20,
        joinLatencyP99Ms: Math.max(0.2, 1 + 10 * (cpu / FULL_CPU - 0.44)) * GOAL_MS,
      })
      crowd.cpuPercent = NODES * 0.47 * FULL_CPU
      await scene.expectCondition(a, 'LatencyNotLoadRelated', 'False')
      const { status } = await scene.expectAutoscaler(
        a,
        'more nodes, because fewer people on each are held to be safe',
        it => (it.status?.lastDecision?.terms.trim ?? 1) < 1,
        { withinMs: 120_000 },
      )
      const { from = 0, to = 0 } = status?.lastDecision ?? {}
      assert.ok(to > from && from === NODES, `${from}→${to}`)
      await scene.expectPool(pool, 'has them', it => (it.status?.openReplicas ?? 0) >= to)
    },
  )
})
