// Faults around the writes of an autoscaler: requests and answers that are lost, caches that stand still, a leader that falls
// asleep. The number is set once, what is told is what is, and what comes late counts no more.
import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { until } from '../../cluster/until.ts'
import { autoscalerScene } from '../autoscaler/autoscaler-scene.ts'
import { suiteIn } from '../harness/world.ts'
import { poolScene } from '../pool/pool-scene.ts'
import { leads, roles, startPair } from './pair.ts'
import { suiteOfFaults } from './proxied-operator.ts'
import type { Fate, Write } from './writes.ts'

const firstOf =
  (namespace: string, what: string, decide: () => Fate): ((write: Write) => Fate) =>
  write => {
    if (write.namespace !== namespace || write.what !== what) return 'pass'
    const fate = decide()
    decide = () => 'pass'
    return fate
  }

suiteOfFaults('faults under autoscalers', {}, promise => {
  for (const fate of ['lose request', 'lose answer'] as const) {
    promise(`the number is set, and the way is lost (${fate}): it is set once and told once`, async (single, world) => {
      const scene = autoscalerScene(poolScene(single, world), world)
      const pool = await scene.runningPool({ replicas: 2 })
      world.operator.gate.decideBy(firstOf(scene.namespace, 'set replicas', () => fate))
      const a = await scene.applyAutoscaler({ spec: { minReplicas: 3, maxReplicas: 3 } })
      await scene.expectReplicas(pool, 3)
      const { status } = await scene.expectAutoscaler(a, 'tells of it', it => it.status?.lastDecision?.to === 3)
      assert.equal(status?.lastDecision?.from, 2)
      assert.equal(status?.currentReplicas, 3)
      await sleep(3_000)
      const accepted = world.operator.gate.writes.filter(
        it => it.namespace === scene.namespace && it.what === 'set replicas' && it.accepted,
      )
      assert.equal(accepted.length, 1)
      assert.deepEqual(scene.replicasEver(pool), [2, 3])
    })
  }

  promise('people set the number at the same moment: theirs is seen before another is set', async (single, world) => {
    const scene = autoscalerScene(poolScene(single, world), world)
    const pool = await scene.runningPool({ replicas: 1 })
    world.operator.gate.decideBy(async (write): Promise<Fate> => {
      // After the autoscaler has judged, and before its number arrives.
      if (write.namespace === scene.namespace && write.what === 'set replicas') {
        world.operator.gate.decideBy(() => 'pass')
        await scene.scale(pool, 5)
      }
      return 'pass'
    })
    await scene.applyAutoscaler({ spec: { minReplicas: 2 } })
    await scene.expectReplicas(pool, 5)
    assert.deepEqual(scene.replicasEver(pool), [1, 5], 'the number of before was refused')
  })

  promise('caches stand still after a number was set: no other is set on the old view', async (single, world) => {
    const { gate, api } = world.operator
    const scene = autoscalerScene(poolScene(single, world), world)
    const pool = await scene.runningPool({ replicas: 1 })
    using crowd = scene.crowd(pool, 5)
    const numbers = () =>
      gate.writes.filter(it => it.namespace === scene.namespace && it.what === 'set replicas').length
    gate.decideBy(write => {
      if (write.namespace === scene.namespace && write.what === 'set replicas') api.muteWatches()
      return 'pass'
    })
    await scene.applyAutoscaler({ spec: { minReplicas: 2 } })
    await scene.expectReplicas(pool, 2)
    crowd.cpuPercent = 600
    await sleep(6_000)
    assert.equal(numbers(), 1)
    gate.decideBy(() => 'pass')
    api.cutWatches()
    await scene.expectPool(pool, 'grows', ({ spec }) => spec.replicas > 2)
  })

  promise('at rest: no write to pools and autoscalers in a minute', async (single, world) => {
    const scene = autoscalerScene(poolScene(single, world), world)
    const pool = await scene.runningPool({ replicas: 2 })
    using _crowd = scene.crowd(pool, 60)
    await sleep(3_000)
    await scene.applyAutoscaler({ spec: { minReplicas: 2 } })
    await sleep(45_000)
    const written = () =>
      world.operator.gate.writes.filter(it => it.namespace === scene.namespace).map(({ what }) => what)
    const before = written()
    await sleep(60_000)
    // Nodes tell their load in their status, twice a minute at most.
    assert.deepEqual(
      written()
        .slice(before.length)
        .filter(what => what !== 'status Running Serving'),
      [],
    )
  })
})

suiteIn(startPair, 'leaders of autoscalers', 1, promise => {
  promise('a number of the deposed leader comes late: it counts no more', async (single, world) => {
    const scene = autoscalerScene(poolScene(single, world), world)
    const { leader, standby } = await roles(world.operator)
    const pool = await scene.runningPool({ replicas: 1 })
    const way = Promise.withResolvers<void>()
    const underWay = Promise.withResolvers<void>()
    leader.gate.decideBy(async (write): Promise<Fate> => {
      if (write.namespace !== scene.namespace || write.what !== 'set replicas') return 'pass'
      underWay.resolve()
      await way.promise
      return 'pass'
    })
    const a = await scene.applyAutoscaler({ spec: { minReplicas: 2 } })
    await underWay.promise
    leader.pause()
    await scene.patchAutoscaler(a, { minReplicas: 3 })
    await until('the standby to lead', () => leads(standby), { withinMs: 60_000 })
    await scene.expectReplicas(pool, 3)
    await scene.expectActive(a, 'ScaledUp')

    way.resolve()
    await sleep(2_000)
    leader.resume()
    await scene.expectReplicasKept(pool, 5_000)
    assert.deepEqual(scene.replicasEver(pool), [1, 3])
    assert.equal(await leads(leader), false)
    assert.equal((await scene.autoscaler(a)).status?.lastDecision?.to, 3)
  })
})
