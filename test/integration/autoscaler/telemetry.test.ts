// What an autoscaler does when it does not know: a registry that is away, an operator that was away, latency that has nothing to
// do with load. Missing data takes nothing away, and at rest nothing is written.
import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { until } from '../../cluster/until.ts'
import { isClosed } from '../pool/pool-scene.ts'
import { type AutoscalerScene, suiteOfAutoscalers } from './autoscaler-scene.ts'

suiteOfAutoscalers('an autoscaler that does not know', { sideBySide: 1 }, promise => {
  promise(
    'the registry is gone: fallback after its time, which only raises; back again, all goes on',
    async (scene, world) => {
      const { registry } = world.cluster
      const pool = await scene.runningPool({ replicas: 3 })
      using crowd = scene.crowd(pool, 130)
      const a = await scene.applyAutoscaler({ spec: { fallback: { replicas: 6, afterSeconds: 15 } } })
      await expectSettled(scene, a)
      const before = (await scene.pool(pool)).spec.replicas
      registry.server.pause()
      const gone = Date.now()
      try {
        crowd.cpuPercent = 1
        await scene.expectCondition(a, 'TelemetryDegraded', 'True')
        await scene.expectCondition(a, 'Fallback', 'False', { reason: 'RegistryOutOfSight' })
        await scene.expectCondition(a, 'Fallback', 'True', { reason: 'RegistryOutOfSight' })
        assert.ok(Date.now() - gone >= 15_000, 'not before afterSeconds')
        await scene.expectReplicas(pool, 6)
        await scene.expectReplicasKept(pool, 5_000)
        assert.deepEqual(scene.replicasEver(pool).slice(-2), [before, 6])
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
    using _crowd = scene.crowd(pool, 130)
    const a = await scene.applyAutoscaler({ spec: { fallback: { afterSeconds: 10 } } })
    await expectSettled(scene, a)
    const nodes = (await scene.nodesOf(pool)).filter(it => !isClosed(it)).map(({ metadata }) => metadata.name)
    const before = (await scene.pool(pool)).spec.replicas
    const silent = nodes.slice(1)
    for (const name of silent) scene.sfu(name).writes('{"cpu": "a lot"}')
    await scene.expectCondition(a, 'TelemetryDegraded', 'True')
    await scene.expectCondition(a, 'Fallback', 'True', { reason: 'FewReport' })
    await scene.expectReplicasKept(pool, 5_000)
    assert.ok((await scene.pool(pool)).spec.replicas >= before)
    for (const name of silent) scene.sfu(name).recovers()
    await scene.expectCondition(a, 'Fallback', 'False', { reason: 'EnoughReport' })
  })

  promise(
    'the operator is killed and starts again: what was learned is there, and nothing is taken away',
    async (scene, world) => {
      const pool = await scene.runningPool({ replicas: 2 })
      using crowd = scene.crowd(pool, 100)
      const a = await scene.applyAutoscaler()
      await expectSettled(scene, a)
      // What a node bears is believed after half a minute; the next change of replicas writes it down.
      await sleep(40_000)
      crowd.cpuPercent = 300
      await scene.expectPool(pool, 'has grown', ({ spec }) => spec.replicas > 4)
      await expectSettled(scene, a)
      await world.operator.kill()
      const { replicas } = (await scene.pool(pool)).spec
      const { status: before } = await scene.autoscaler(a)
      // From nobody it could learn it again.
      const sfus = await scene.sfusOf(pool)
      for (const sfu of sfus) sfu.silence()
      await world.operator.start()

      const capacity = await until('a look at the pool', async () => capacityIn(await world.operator.metrics()), {
        withinMs: 60_000,
      })
      const learned = before?.terms?.capacity ?? 0
      assert.ok(learned > 400 && Math.abs(capacity - learned) < 0.1 * learned, `${capacity} is about ${learned}`)
      await scene.expectReplicasKept(pool, 12_000)
      assert.equal((await scene.pool(pool)).spec.replicas, replicas)
      const { status } = await scene.autoscaler(a)
      assert.deepEqual(status?.lastDecision, before?.lastDecision)
      assert.equal(status?.learned?.data, before?.learned?.data)
      for (const sfu of sfus) sfu.recovers()
    },
  )

  promise('removing what was learned begins anew, and is not undone', async scene => {
    const pool = await scene.runningPool({ replicas: 1 })
    using _crowd = scene.crowd(pool, 200)
    const a = await scene.applyAutoscaler({ spec: { behavior: { scaleDown: { stabilizationWindowSeconds: 300 } } } })
    await scene.expectAutoscaler(a, 'has learned', it => it.status?.learned !== undefined)
    await expectSettled(scene, a)
    const patch = '[{"op":"remove","path":"/status/learned"}]'
    await scene.kubectl('patch', 'rtca', a, '--subresource=status', '--type=json', '-p', patch)
    await scene.expectAutoscaler(a, 'nothing is learned', it => it.status?.learned === undefined)
    await sleep(5_000)
    assert.equal((await scene.autoscaler(a)).status?.learned, undefined)
    await scene.expectReplicasKept(pool, 2_000)
  })

  promise('the flag pause-scaling in the registry stops all scaling; deleted, it goes on', async (scene, world) => {
    const flag = '/sfu/flags/pause-scaling'
    const pool = await scene.runningPool({ replicas: 1 })
    await world.etcd.put(flag).value('true')
    try {
      const a = await scene.applyAutoscaler({ spec: { minReplicas: 2 } })
      await scene.expectActive(a, 'Paused', { status: 'False', message: /flag pause-scaling is set.*delete it/ })
      await scene.expectReplicasKept(pool, 12_000)
      assert.equal((await scene.autoscaler(a)).status?.desiredReplicas, 2)
    } finally {
      await world.etcd.delete().key(flag)
    }
    await scene.expectReplicas(pool, 2)
  })

  promise('latency is bad and load is low: no node is made for it, and it says so', async scene => {
    const pool = await scene.runningPool({ replicas: 2 })
    using crowd = scene.crowd(pool, 20)
    const a = await scene.applyAutoscaler({ spec: { minReplicas: 2 } })
    await expectSettled(scene, a)
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
    await expectSettled(scene, a)
    const versions = () =>
      [world.history.autoscalers(scene.key(a)).length, world.history.pools(scene.key(pool)).length].join()
    // The first load that was heard was that of nobody, and what a node bears is being learned: until both are past, figures move.
    let [last, since] = [versions(), Date.now()]
    const isQuiet = (): boolean => {
      if (versions() !== last) [last, since] = [versions(), Date.now()]
      return Date.now() - since >= 60_000
    }
    await until('a minute without a write', isQuiet, { withinMs: 240_000, everyMs: 500 })
  })
})

/** Replicas are where they shall be for some beats. */
async function expectSettled(scene: AutoscalerScene, name: string): Promise<void> {
  let since = Date.now()
  let last: unknown
  await until(
    'the same replicas for five seconds',
    async () => {
      const { status, spec } = await scene.autoscaler(name)
      const pool = await scene.pool(spec.poolName)
      const now = JSON.stringify([pool.spec.replicas, pool.status?.openReplicas, status?.currentReplicas])
      if (now !== last) since = Date.now()
      last = now
      return pool.status?.openReplicas === pool.spec.replicas && Date.now() - since > 5_000
    },
    { withinMs: 90_000, everyMs: 300 },
  )
}

function capacityIn(metrics: string): number | undefined {
  const [, value] = /^rtcnode_autoscaler_capacity_units\{[^}]*\} (\S+)$/m.exec(metrics) ?? []
  return value === undefined ? undefined : Number(value)
}
