// The registry's etcd is frozen while a pool shrinks: what cannot be known is neither closed, nor deleted, nor made up for,
// and the pool says why it waits. Once it is back all goes on.
import assert from 'node:assert/strict'
import type { RTCNodePool } from '../../../operator/api/rtcnodepool.ts'
import type { Server } from '../../cluster/process.ts'
import { simClass } from '../harness/class.ts'
import { conditionOf, isClosed, isOpen, suiteOfPools } from './pool-scene.ts'

/** Longer than the agents' leases (10 s), and than `unhealthyAfterSeconds` of the class (5 s). */
const LONG_MS = 14_000

async function frozen(server: Server, meanwhile: () => Promise<void>): Promise<void> {
  server.pause()
  try {
    await meanwhile()
  } finally {
    server.resume()
  }
}

const isInhibited = (pool: RTCNodePool): boolean => {
  const inhibited = conditionOf(pool, 'ScalingInhibited')
  return inhibited?.status === 'True' && inhibited.reason === 'RegistryFrozen'
}

suiteOfPools('the registry frozen under a pool', { sideBySide: 1 }, promise => {
  promise('during a scale-in nobody is deleted and nothing is made; then it goes on', async (scene, world) => {
    const { registry } = world.cluster
    const pool = await scene.runningPool({ replicas: 5, spec: { scaleIn: { emptySeconds: 8 } } })
    const names = (await scene.nodesOf(pool)).map(({ metadata }) => metadata.name)
    for (const name of names.slice(0, 3)) await scene.occupy(name, 2)
    await scene.scale(pool, 3)
    await scene.expectNodes(pool, 'the two empty ones are closed', nodes => nodes.filter(isClosed).length === 2)

    await scene.expectPool(pool, 'nothing is in the way', it => it.status?.drainingReplicas === 2 && !isInhibited(it))

    await frozen(registry.server, async () => {
      await scene.expectPool(pool, 'says why it waits', isInhibited)
      await scene.scale(pool, 1)
      await Promise.all([
        ...names.slice(0, 3).map(name => scene.expectLeftAlone(name, LONG_MS)),
        scene.expectMadeNoMore(pool, LONG_MS),
      ])
      const after = (await scene.nodesOf(pool)).map(({ metadata, spec }) => [
        metadata.name,
        spec.cordoned,
        metadata.deletionTimestamp,
      ])
      assert.deepEqual(
        after,
        names.map((name, index) => [name, index >= 3, undefined]),
      )
      assert.ok(isInhibited(await scene.pool(pool)))
    })
    await scene.expectNodes(pool, 'one is open', nodes => nodes.filter(isOpen).length === 1, { withinMs: 90_000 })
    await scene.expectNodes(pool, 'the empty ones are gone', nodes => nodes.length === 3, { withinMs: 90_000 })
    await scene.expectPool(pool, 'waits no more', it => conditionOf(it, 'ScalingInhibited')?.status === 'False')
    assert.deepEqual(
      names.slice(0, 3).map(name => scene.sfu(name).present.length),
      [2, 2, 2],
    )
    assert.equal(scene.everMade(pool), 5)
  })

  promise('a scale-out needs no registry, and does not close what it cannot see', async (scene, world) => {
    const { registry } = world.cluster
    await world.apply(simClass('pool-patient', { health: { startupTimeoutSeconds: 120 } }))
    const pool = await scene.runningPool({ replicas: 2, className: 'pool-patient' })
    await frozen(registry.server, async () => {
      await scene.expectPool(pool, 'none is open', it => it.status?.openReplicas === 0)
      await scene.expectMadeNoMore(pool, 8_000)
      await scene.scale(pool, 4)
      await scene.expectNodes(pool, 'four', nodes => nodes.length === 4)
    })
    await scene.expectProgress(pool, 'Complete', { withinMs: 90_000 })
    assert.equal(scene.everMade(pool), 4)
  })
})
