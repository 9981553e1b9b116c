// The leader falls asleep in the middle of a scale-out, a write of it under way, and the other takes over. What the deposed
// one sent before arrives late; the pool ends as it was asked for all the same.
import assert from 'node:assert/strict'
import { until } from '../../cluster/until.ts'
import { suiteIn } from '../harness/world.ts'
import { isOpen, poolScene } from '../pool/pool-scene.ts'
import { leads, roles, startPair } from './pair.ts'
import type { Fate } from './writes.ts'

suiteIn(startPair, 'leaders of pools', 1, promise => {
  promise(
    'deposed in the middle of a scale-out: one node too many at most, and it goes again',
    async (single, world) => {
      const scene = poolScene(single, world)
      const { leader, standby } = await roles(world.operator)
      const way = Promise.withResolvers<void>()
      const underWay = Promise.withResolvers<void>()
      let made = 0
      leader.gate.decideBy(async (write): Promise<Fate> => {
        if (write.namespace !== scene.namespace || write.what !== 'create rtcnode') return 'pass'
        made += 1
        // Of one wave with the fifth: if it were not through when the leader falls asleep, two would be late.
        if (made === 6) underWay.resolve()
        if (made === 5) await way.promise
        return 'pass'
      })
      const pool = await scene.applyPool({ replicas: 12 })
      await underWay.promise
      leader.pause()
      await until('the standby to lead', () => leads(standby), { withinMs: 60_000 })
      await scene.expectProgress(pool, 'Complete', { withinMs: 90_000 })
      assert.equal((await scene.nodesOf(pool)).filter(isOpen).length, 12)
      assert.equal(scene.everMade(pool), 12)

      way.resolve()
      await scene.expectNodes(pool, 'the late one', nodes => nodes.length === 13)
      leader.resume()
      await scene.expectNodes(pool, 'twelve again', nodes => nodes.length === 12 && nodes.every(isOpen))
      await scene.expectProgress(pool, 'Complete')
      assert.equal(scene.everMade(pool), 13)
      assert.equal(await leads(leader), false)
    },
  )

  promise(
    'the leader dies in the middle of a scale-in: nobody is cut, none is deleted twice',
    async (single, world) => {
      const scene = poolScene(single, world)
      const pool = await scene.runningPool({ replicas: 5 })
      const names = (await scene.nodesOf(pool)).map(({ metadata }) => metadata.name)
      for (const name of names.slice(0, 3)) await scene.occupy(name, 2)
      const { leader } = await roles(world.operator)
      const closed = Promise.withResolvers<void>()
      leader.gate.decideBy(write => {
        if (write.namespace === scene.namespace && write.what === 'close node') closed.resolve()
        return 'pass'
      })
      await scene.scale(pool, 1)
      await closed.promise
      await leader.kill()
      await scene.expectNodes(pool, 'the empty ones are gone', nodes => nodes.length === 3, { withinMs: 90_000 })
      await scene.expectNodes(pool, 'one is open', nodes => nodes.filter(isOpen).length === 1)
      assert.deepEqual(
        names.slice(0, 3).map(name => scene.sfu(name).present.length),
        [2, 2, 2],
      )
      await leader.start()
    },
  )
})
