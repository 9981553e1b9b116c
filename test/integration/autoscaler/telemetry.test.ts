// What an autoscaler does when it does not know: a registry that is away, an operator that was away, latency that has nothing to
// do with load. Missing data takes nothing away, and at rest nothing is written.
import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import type { RTCAutoscalerStatus } from '../../../operator/api/rtcautoscaler.ts'
import { isOpen } from '../pool/pool-scene.ts'
import { suiteOfAutoscalers } from './autoscaler-scene.ts'

suiteOfAutoscalers('an autoscaler that does not know', { sideBySide: 1 }, promise => {
  promise(
    'the registry is gone: fallback after its time, which only raises; back again, all goes on',
    async (scene, world) => {
      const { registry } = world.cluster
      const pool = await scene.runningPool({ replicas: 3 })
      using crowd = scene.crowd(pool, 150)
      const a = await scene.applyAutoscaler({ spec: { fallback: { replicas: 5, afterSeconds: 15 } } })
      await scene.expectActive(a, 'Steady')
      const before = (await scene.pool(pool)).spec.replicas
      registry.server.pause()
      const gone = Date.now()
      try {
        crowd.cpuPercent = 1
        await scene.expectCondition(a, 'TelemetryDegraded', 'True')
        await scene.expectCondition(a, 'Fallback', 'False', { reason: 'RegistryOutOfSight' })
        await scene.expectCondition(a, 'Fallback', 'True', { reason: 'RegistryOutOfSight' })
        assert.ok(Date.now() - gone >= 15_000, 'not before afterSeconds')
        await scene.expectReplicas(pool, 5)
        await scene.expectReplicasKept(pool, 5_000)
        assert.deepEqual(scene.replicasEver(pool).slice(-2), [before, 5])
      } finally {
        registry.server.resume()
      }
      await scene.expectCondition(a, 'Fallback', 'False', { reason: 'EnoughReport', withinMs: 90_000 })
      await scene.expectPool(pool, 'shrinks, now that it is known to be empty', ({ spec }) => spec.replicas === 1, {
        withinMs: 120_000,
      })
    },
  )

  promise('most nodes fall silent: fallback for that reason; their load is not taken for none', async scene => {
    const pool = await scene.runningPool({ replicas: 3 })
    using _crowd = scene.crowd(pool, 150)
    const a = await scene.applyAutoscaler({ spec: { fallback: { afterSeconds: 10 } } })
    await scene.expectActive(a, 'Steady')
    const nodes = (await scene.nodesOf(pool)).filter(isOpen).map(({ metadata }) => metadata.name)
    const before = (await scene.pool(pool)).spec.replicas
    for (const name of nodes.slice(0, 2)) scene.sfu(name).writes('{"cpu": "a lot"}')
    await scene.expectCondition(a, 'TelemetryDegraded', 'True')
    await scene.expectCondition(a, 'Fallback', 'True', { reason: 'FewReport' })
    await scene.expectReplicasKept(pool, 5_000)
    assert.ok((await scene.pool(pool)).spec.replicas >= before)
    for (const name of nodes.slice(0, 2)) scene.sfu(name).recovers()
    await scene.expectCondition(a, 'Fallback', 'False', { reason: 'EnoughReport' })
  })

  promise(
    'the operator is killed and starts again: what was learned is there, and nothing is taken away',
    async (scene, world) => {
      const window = { scaleDown: { stabilizationWindowSeconds: 120 } }
      const pool = await scene.runningPool({ replicas: 2 })
      using crowd = scene.crowd(pool, 60)
      const a = await scene.applyAutoscaler({ spec: { behavior: window } })
      await scene.expectActive(a, 'Steady')
      crowd.cpuPercent = 300
      const grown = await scene.expectAutoscaler(a, 'has learned', it => it.status?.learned !== undefined)
      await scene.expectPool(
        pool,
        'has grown',
        it => it.status?.openReplicas === it.spec.replicas && it.spec.replicas > 3,
      )
      await sleep(2_000)
      const replicas = (await scene.pool(pool)).spec.replicas
      await world.operator.kill()
      crowd.cpuPercent = 5
      await world.operator.start()
      await scene.expectAutoscaler(a, 'works again', it => it.status?.learned?.at !== undefined)
      await scene.expectReplicasKept(pool, 15_000)
      assert.equal((await scene.pool(pool)).spec.replicas, replicas)
      const { status } = await scene.autoscaler(a)
      assert.ok((status?.learned?.data.length ?? 0) > 0)
      assert.equal(status?.learned?.version, grown.status?.learned?.version)
      assert.deepEqual(status?.lastDecision, (await scene.autoscaler(a)).status?.lastDecision)
      assert.ok(capacityIn(status) !== undefined, 'the learned capacity is shown')
    },
  )

  promise('removing what was learned begins anew, and is not undone', async scene => {
    const pool = await scene.runningPool({ replicas: 1 })
    using _crowd = scene.crowd(pool, 200)
    const a = await scene.applyAutoscaler()
    await scene.expectAutoscaler(a, 'has learned', it => it.status?.learned !== undefined)
    await scene.expectPool(
      pool,
      'has grown',
      it => it.status?.openReplicas === it.spec.replicas && it.spec.replicas > 1,
    )
    await sleep(3_000)
    const patch = '[{"op":"remove","path":"/status/learned"}]'
    await scene.kubectl('patch', 'rtca', a, '--subresource=status', '--type=json', '-p', patch)
    await scene.expectAutoscaler(a, 'nothing is learned', it => it.status?.learned === undefined)
    await sleep(5_000)
    assert.equal((await scene.autoscaler(a)).status?.learned, undefined)
    await scene.expectReplicasKept(pool, 2_000)
  })

  promise('latency is bad and load is low: no node is made for it, and it says so', async scene => {
    const pool = await scene.runningPool({ replicas: 2 })
    using crowd = scene.crowd(pool, 20)
    const a = await scene.applyAutoscaler({ spec: { minReplicas: 2 } })
    await scene.expectActive(a, 'Steady')
    crowd.figures = { joinLatencyP99Ms: 6_000, joins: 200 }
    await scene.expectCondition(a, 'LatencyNotLoadRelated', 'True', { withinMs: 150_000 })
    await scene.expectReplicasKept(pool, 5_000)
    assert.deepEqual(scene.replicasEver(pool), [2])
    const shown = (await scene.autoscaler(a)).status
    assert.match(shown?.latency ?? '', /^6000\/1500ms$/)
  })

  promise('at rest nothing is written for a minute', async (scene, world) => {
    const pool = await scene.runningPool({ replicas: 2 })
    using _crowd = scene.crowd(pool, 60)
    const a = await scene.applyAutoscaler({ spec: { minReplicas: 2 } })
    await scene.expectActive(a, 'Steady')
    await sleep(35_000)
    const versions = () => [world.history.autoscalers(scene.key(a)).length, world.history.pools(scene.key(pool)).length]
    const before = versions()
    await sleep(60_000)
    assert.deepEqual(versions(), before)
  })
})

const capacityIn = (status: RTCAutoscalerStatus | undefined): number | undefined => status?.terms?.capacity
