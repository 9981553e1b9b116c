// Latency of two hundred nodes that differ: where it grows with their load, more nodes are made for it; where it does not, none.
import assert from 'node:assert/strict'
import { suiteOfAutoscalers } from './autoscaler-scene.ts'

const NODES = 200
/** Percent of CPU at which a node is full. */
const FULL_CPU = 90
const GOAL_MS = 1_500

suiteOfAutoscalers('the latency of two hundred nodes', { sideBySide: 1, cluster: { kwokNodes: NODES } }, promise => {
  promise('bad where load is low: nothing is done; bad where load is high: the pool grows for it', async scene => {
    const pool = await scene.runningPool({ replicas: NODES })
    using crowd = scene.crowd(pool, NODES * 0.3 * FULL_CPU)
    crowd.unevenness = 0.2
    crowd.figures = () => ({ joins: 20, joinLatencyP99Ms: (2 + 4 * Math.random()) * GOAL_MS })
    const a = await scene.applyAutoscaler({ spec: { minReplicas: NODES, maxReplicas: 400 } })
    await scene.expectCondition(a, 'LatencyNotLoadRelated', 'True')
    await scene.expectActive(a, 'LatencyNotLoadRelated', { status: 'True' })
    await scene.expectReplicasKept(pool, 10_000)
    assert.equal((await scene.autoscaler(a)).status?.terms?.trim, 1, 'and nothing was learned from it')

    // At the goal where nodes are half full, three times the goal where they are 0.7 full: late, and as yet not full.
    crowd.cpuPercent = NODES * 0.5 * FULL_CPU
    crowd.figures = cpu => ({ joins: 20, joinLatencyP99Ms: Math.max(0.2, 1 + 10 * (cpu / FULL_CPU - 0.5)) * GOAL_MS })
    await scene.expectCondition(a, 'LatencyNotLoadRelated', 'False')
    const { status } = await scene.expectAutoscaler(
      a,
      'more nodes, because fewer people on each are held to be safe',
      ({ status: told }) => {
        const decision = told?.lastDecision
        return decision !== undefined && decision.to > decision.from && (decision.terms.trim ?? 1) < 1
      },
      { withinMs: 120_000 },
    )
    const wanted = status?.lastDecision?.to ?? 0
    assert.ok(wanted > NODES)
    await scene.expectPool(pool, 'has them', it => (it.status?.openReplicas ?? 0) >= wanted)
  })
})
