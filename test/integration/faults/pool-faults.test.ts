// Faults between the operator and the API server while pools scale: answers that are lost, caches that stand still, a server
// that dies. However often it is asked, each node is made once.
import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { until } from '../../cluster/until.ts'
import { isClosed, isOpen, poolScene } from '../pool/pool-scene.ts'
import { suiteOfFaults } from './proxied-operator.ts'
import type { Fate, Write } from './writes.ts'

/** Decides only about the how-manieth write of that name in that namespace. */
function once(namespace: string, what: string, nth: number, decide: () => Fate): (write: Write) => Fate {
  let seen = 0
  return write => {
    if (write.namespace !== namespace || write.what !== what) return 'pass'
    seen += 1
    return seen === nth ? decide() : 'pass'
  }
}

suiteOfFaults('faults under pools', {}, promise => {
  promise('the request of a creation is lost: it is asked for again', async (single, world) => {
    const scene = poolScene(single, world)
    world.operator.gate.decideBy(once(scene.namespace, 'create rtcnode', 2, () => 'lose request'))
    const pool = await scene.applyPool({ replicas: 6 })
    await scene.expectProgress(pool, 'Complete', { withinMs: 90_000 })
    assert.equal(scene.everMade(pool), 6)
  })

  promise(
    'the answer of a creation is lost, and no cache shows the node: it is not made twice',
    async (single, world) => {
      const { gate, api } = world.operator
      const scene = poolScene(single, world)
      const lost = Promise.withResolvers<void>()
      const loseAnswer = (): Fate => {
        api.muteWatches()
        lost.resolve()
        return 'lose answer'
      }
      gate.decideBy(once(scene.namespace, 'create rtcnode', 2, loseAnswer))
      const pool = await scene.applyPool({ replicas: 6 })
      await lost.promise
      await scene.expectNodes(pool, 'two', nodes => nodes.length === 2)
      // Longer than an answer is waited for.
      await scene.expectMadeNoMore(pool, 15_000)
      api.cutWatches()
      await scene.expectProgress(pool, 'Complete', { withinMs: 90_000 })
      assert.equal(scene.everMade(pool), 6)
    },
  )

  promise('a pool at rest writes nothing', async (single, world) => {
    const scene = poolScene(single, world)
    await scene.runningPool({ replicas: 3 })
    await sleep(2_000)
    const written = () =>
      world.operator.gate.writes.filter(
        ({ namespace, what }) =>
          namespace === scene.namespace && what !== 'event' && !what.startsWith('status Running'),
      ).length
    const before = written()
    await sleep(6_000)
    assert.equal(written(), before)
  })

  promise('caches stand still during a scale-out and a scale-in: nothing is done twice', async (single, world) => {
    const { gate, api } = world.operator
    const scene = poolScene(single, world)
    const pool = await scene.runningPool({ replicas: 2, spec: { scaleIn: { emptySeconds: 600 } } })
    const written = (what: string) =>
      gate.writes.filter(write => write.namespace === scene.namespace && write.what === what && write.accepted).length

    gate.decideBy(write => {
      if (write.namespace === scene.namespace && write.what === 'create rtcnode') api.muteWatches()
      return 'pass'
    })
    await scene.scale(pool, 8)
    await until('a first node', () => written('create rtcnode') > 2, { withinMs: 60_000 })
    // Longer than the batch takes that it is of.
    await sleep(3_000)
    const made = written('create rtcnode')
    await scene.expectMadeNoMore(pool, 3_000)
    assert.equal(written('create rtcnode'), made, 'nothing was made on an old view')
    gate.decideBy(() => 'pass')
    api.cutWatches()
    await scene.expectProgress(pool, 'Complete', { withinMs: 90_000 })
    assert.equal(scene.everMade(pool), 8)

    gate.decideBy(write => {
      if (write.namespace === scene.namespace && write.what === 'close node') api.muteWatches()
      return 'pass'
    })
    await scene.scale(pool, 3)
    await scene.expectNodes(pool, 'five are closed', nodes => nodes.filter(isClosed).length === 5)
    await sleep(3_000)
    assert.equal(written('close node'), 5, 'nothing was closed on an old view')
    gate.decideBy(() => 'pass')
    api.cutWatches()
    await scene.expectPool(pool, 'five drain', it => it.status?.drainingReplicas === 5)
    assert.equal((await scene.nodesOf(pool)).filter(isOpen).length, 3)
  })

  promise('the API server dies in the middle of a scale-out: as many as were asked for', async (single, world) => {
    const { apiserver } = world.cluster
    const scene = poolScene(single, world)
    let made = 0
    const enough = Promise.withResolvers<void>()
    world.operator.gate.decideBy(write => {
      if (write.namespace === scene.namespace && write.what === 'create rtcnode' && ++made === 10) enough.resolve()
      return 'pass'
    })
    const pool = await scene.applyPool({ replicas: 20 })
    await enough.promise
    await apiserver.kill()
    await apiserver.start()
    await scene.expectProgress(pool, 'Complete', { withinMs: 120_000 })
    const nodes = await scene.nodesOf(pool)
    assert.equal(nodes.filter(isOpen).length, 20)
    assert.equal(nodes.length, scene.everMade(pool), 'none was made in vain')
  })
})
