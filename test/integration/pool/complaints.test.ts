// What people complain about in fleet managers, and a pool must not do: docs/decisions/0008-what-fleet-managers-taught.md says
// which complaint is held by which test.
import assert from 'node:assert/strict'
import type { RTCNodePool } from '../../../operator/api/rtcnodepool.ts'
import { until } from '../../cluster/until.ts'
import { setReady } from '../faults/kubelet.ts'
import { simClass } from '../harness/class.ts'
import { conditionOf, isOpen, type PoolScene, suiteOfPools } from './pool-scene.ts'

const namesOf = async (scene: PoolScene, pool: string): Promise<string[]> =>
  (await scene.nodesOf(pool)).map(({ metadata }) => metadata.name)

const inRegion = (region: string) => ({ metadata: { labels: { fleet: 'eu' } }, spec: { className: 'sim', region } })

/** What a GitOps tool goes by (kstatus). */
function deliveryOf({ metadata, status }: RTCNodePool): 'Failed' | 'InProgress' | 'Current' {
  const isTrue = (type: string): boolean =>
    status?.conditions?.some(it => it.type === type && it.status === 'True') === true
  if (status?.observedGeneration !== metadata.generation) return 'InProgress'
  if (isTrue('Stalled')) return 'Failed'
  return isTrue('Reconciling') ? 'InProgress' : 'Current'
}

suiteOfPools('complaints about fleet managers', { sideBySide: 3 }, promise => {
  promise(
    'a roll-out ends with every node busy all the while, and who waits for it knows when',
    async (scene, world) => {
      const pool = await scene.runningPool({ replicas: 3, spec: { template: inRegion('a') } })
      const busy = await namesOf(scene, pool)
      for (const name of busy) await scene.occupy(name, 2)
      const from = world.history.pools(scene.key(pool)).length
      await scene.patchPool(pool, { template: inRegion('b') })
      await scene.expectPool(
        pool,
        'delivered',
        it => it.spec.template.spec.region === 'b' && deliveryOf(it) === 'Current',
      )
      const versions = world.history.pools(scene.key(pool)).slice(from)
      for (const { is } of versions) {
        if (is === undefined || deliveryOf(is) === 'InProgress') continue
        assert.equal(deliveryOf(is), 'Current', 'it is never told to have failed')
        assert.equal(is.status?.updatedReplicas, 3, 'it is told to be delivered when it is')
        assert.ok((is.status?.openReplicas ?? 0) >= 3)
      }
      await scene.kubectl('wait', '--for=condition=Reconciling=false', '--timeout=20s', `rtcp/${pool}`)
      assert.deepEqual(
        busy.map(name => scene.sfu(name).present.length),
        [2, 2, 2],
      )
      assert.equal(scene.everMade(pool), 6)
    },
  )

  promise('a pod whose readiness flickers is neither replaced nor closed', async scene => {
    const pool = await scene.runningPool({ replicas: 2 })
    const [name = ''] = await namesOf(scene, pool)
    await scene.occupy(name, 2)
    for (const status of ['False', 'True', 'False', 'True'] as const) {
      await setReady(scene, name, status)
      await scene.expectPool(pool, `sees it ${status}`, it => it.status?.openReplicas === (status === 'True' ? 2 : 1))
    }
    await setReady(scene, name, 'False')
    // Longer than unhealthyAfterSeconds of the class (5 s).
    await Promise.all([scene.expectLeftAlone(name, 8_000), scene.expectMadeNoMore(pool, 8_000)])
    const { status } = await scene.pool(pool)
    assert.deepEqual([status?.replicas, status?.openReplicas, status?.readyReplicas], [2, 1, 1])
    assert.equal((await scene.node(name)).spec.cordoned, false)
    await setReady(scene, name, 'True')
    await scene.expectProgress(pool, 'Complete')
  })

  promise('a node that people open again and close another day is theirs, whatever was promised then', async scene => {
    const pool = await scene.runningPool({
      replicas: 2,
      spec: { scaleIn: { emptySeconds: 2, deadlineSeconds: 20 } },
    })
    for (const name of await namesOf(scene, pool)) await scene.occupy(name, 2)
    await scene.scale(pool, 1)
    await scene.expectNodes(pool, 'one is closed', nodes => nodes.filter(isOpen).length === 1)
    const closed = (await scene.nodesOf(pool)).find(({ spec }) => spec.cordoned)?.metadata.name ?? ''
    const cordon = (cordoned: boolean) =>
      scene.kubectl('patch', 'rtcn', closed, '--type=merge', '-p', JSON.stringify({ spec: { cordoned } }))
    await Promise.all([cordon(false), scene.scale(pool, 2)])
    const marksOf = (annotations: object = {}) => Object.keys(annotations).filter(it => it.startsWith('rtcnode.io/'))
    await scene.expectNode(
      closed,
      'open without marks',
      ({ spec, metadata }) => !spec.cordoned && marksOf(metadata.annotations).length === 0,
    )
    await cordon(true)
    await scene.expectLeftAlone(closed, 22_000)
    assert.equal((await scene.node(closed)).metadata.deletionTimestamp, undefined)
    await cordon(false)
  })

  promise('nodes that start and die soon after are not made again and again', async (scene, world) => {
    await world.apply(simClass('short-lived', { health: { unhealthyAfterSeconds: 5, startupTimeoutSeconds: 60 } }))
    const pool = await scene.runningPool({ replicas: 3, className: 'short-lived' })
    const killAll = async () => {
      const alive = await namesOf(scene, pool)
      // Times have no fractions: a node lost in the very second it was made looks like one made in place of another.
      await until(
        'the second they were made in is over',
        async () => {
          const made = (await scene.nodesOf(pool)).map(({ metadata }) => Date.parse(metadata.creationTimestamp))
          return Date.now() >= Math.max(...made) + 1_000
        },
        { withinMs: 30_000 },
      )
      for (const name of alive) await scene.kubectl('delete', 'pod', name, '--grace-period=0', '--force')
      await scene.expectNodes(pool, 'they are given up', nodes => nodes.every(it => !alive.includes(it.metadata.name)))
    }
    await killAll()
    await scene.expectNodes(pool, 'all are replaced at once', nodes => nodes.filter(isOpen).length === 3)
    assert.equal(scene.everMade(pool), 6)
    await killAll()
    const slow = await scene.expectPool(pool, 'goes slow', it => (it.status?.failedStarts?.count ?? 0) >= 2)
    assert.match(conditionOf(slow, 'Degraded')?.message ?? '', /lost soon after they were made/)
    await scene.expectProgress(pool, 'Complete', { withinMs: 120_000 })
    assert.equal(scene.everMade(pool), 9)
  })
})

suiteOfPools('an operator that is away', { sideBySide: 1 }, promise => {
  promise(
    'for long while all changes: then nothing is out of step, and nobody was cut',
    async (scene, { operator }) => {
      const pool = await scene.runningPool({ replicas: 4 })
      const [busy = '', deleted = '', podless = '', cordoned = ''] = await namesOf(scene, pool)
      await scene.occupy(busy, 3)
      await scene.occupy(deleted, 1)
      await operator.kill()
      await scene.deleteNode(deleted)
      await scene.kubectl('delete', 'pod', podless, '--grace-period=0', '--force')
      await scene.kubectl('patch', 'rtcn', cordoned, '--type=merge', '-p', '{"spec":{"cordoned":true}}')
      await scene.scale(pool, 3)
      await scene.patchPool(pool, { template: inRegion('b') })
      // Longer than leases, beats and unhealthyAfterSeconds.
      await scene.expectLeftAlone(busy, 20_000)
      await operator.start()

      await scene.expectNodes(
        pool,
        'three of the new revision are open',
        nodes => nodes.filter(it => isOpen(it) && it.spec.region === 'b').length === 3,
        { withinMs: 120_000 },
      )
      await scene.expectGone(podless)
      assert.deepEqual([scene.sfu(busy).present.length, scene.sfu(deleted).present.length], [3, 1])
      scene.sfu(busy).leaveAll()
      scene.sfu(deleted).leaveAll()
      await Promise.all([scene.expectGone(busy), scene.expectGone(deleted)])
      const { status } = await scene.expectPool(pool, 'tells how it is', it => it.status?.drainingReplicas === 1)
      assert.deepEqual([status?.replicas, status?.updatedReplicas], [3, 3])
      assert.ok((await namesOf(scene, pool)).includes(cordoned), 'what people closed is theirs')
      const [nodes, pods] = await Promise.all(
        ['rtcn', 'pod'].map(kind => scene.kubectl('get', kind, '-o', 'jsonpath={.items[*].metadata.name}')),
      )
      assert.deepEqual(pods?.split(' ').sort(), nodes?.split(' ').sort())
    },
  )

  promise(
    'stands in the way of no other namespace, with nothing that the API server would have to ask',
    async (scene, world) => {
      await scene.runningPool({ replicas: 1 })
      const other = `${scene.namespace}-other`
      await scene.kubectl('create', 'namespace', other)
      await world.operator.kill()
      try {
        await scene.kubectl('-n', other, 'create', 'configmap', 'some')
        await scene.kubectl('delete', 'namespace', other, '--timeout=50s')
        const asked = await scene.kubectl(
          'get',
          'apiservices,validatingwebhookconfigurations,mutatingwebhookconfigurations',
          '-o',
          'jsonpath={range .items[*]}{.metadata.name} {.spec.service.name}{.webhooks[*].name}{"\\n"}{end}',
        )
        const ours = asked.split('\n').filter(line => line.includes('rtcnode'))
        assert.deepEqual(
          ours.map(line => line.trim()),
          ['v1alpha1.rtcnode.io'],
          'the API server serves our kinds by itself',
        )
      } finally {
        await world.operator.start()
      }
    },
  )
})
