// A pool and what people, hosts and other controllers do around it: hosts that go, marks on nodes, classes and records that are
// taken away under it.
import assert from 'node:assert/strict'
import { simClass } from '../harness/class.ts'
import { isClosed, isOpen, only, type PoolScene, suiteOfPools } from './pool-scene.ts'

const namesOf = async (scene: PoolScene, pool: string): Promise<string[]> =>
  (await scene.nodesOf(pool)).map(({ metadata }) => metadata.name)
const annotate = (scene: PoolScene, node: string, annotation: string) =>
  scene.kubectl('annotate', 'rtcn', node, `rtcnode.io/${annotation}`, '--overwrite')
const closedIn = async (scene: PoolScene, pool: string): Promise<string[]> =>
  (await scene.nodesOf(pool)).filter(isClosed).map(({ metadata }) => metadata.name)

suiteOfPools('a pool that is disturbed', { cluster: { kwokNodes: 3 }, sideBySide: 4 }, promise => {
  promise('what stands on a host that may go leaves first, however busy, and is not cut', async scene => {
    const pool = await scene.runningPool({ replicas: 3 })
    const [busy = ''] = await namesOf(scene, pool)
    await scene.occupy(busy, 7)
    const host = (await scene.node(busy)).status?.nodeName ?? ''
    const isElsewhere = async (name: string) => (await scene.node(name)).status?.nodeName !== host
    const others = (await namesOf(scene, pool)).filter(name => name !== busy)
    await scene.kubectl('taint', 'node', host, 'DeletionCandidateOfClusterAutoscaler:PreferNoSchedule')
    try {
      await scene.expectNode(busy, 'told of its host', ({ status }) => status?.disruption?.kind === 'Advisory')
      await scene.scale(pool, 2)
      await scene.expectNodes(pool, 'one is closed', nodes => nodes.some(isClosed))
      const closed = only(await closedIn(scene, pool))
      assert.equal(await isElsewhere(closed), false, 'it stands on the host that may go')
      if ((await Promise.all(others.map(isElsewhere))).every(Boolean)) assert.equal(closed, busy)
      assert.equal(scene.sfu(busy).present.length, 7)
    } finally {
      await scene.kubectl('taint', 'node', host, 'DeletionCandidateOfClusterAutoscaler-')
    }
  })

  promise('people choose with annotations: a protected node stays, the highest priority goes first', async scene => {
    const pool = await scene.runningPool({ replicas: 4 })
    const [shielded = '', wanted = '', busy = ''] = await namesOf(scene, pool)
    await scene.occupy(wanted, 4)
    await scene.occupy(busy, 2)
    await annotate(scene, shielded, 'scale-in-protection=true')
    await annotate(scene, wanted, 'deletion-priority=10')
    await scene.scale(pool, 3)
    await scene.expectNodes(pool, 'one is closed', nodes => nodes.filter(isClosed).length === 1)
    assert.deepEqual(await closedIn(scene, pool), [wanted])
    await scene.scale(pool, 0)
    await scene.expectPool(pool, 'one is held', ({ status }) =>
      status?.conditions?.some(it => it.type === 'ScalingInhibited' && it.reason === 'Protected'),
    )
    assert.equal(only((await scene.nodesOf(pool)).filter(isOpen)).metadata.name, shielded)
    await annotate(scene, shielded, 'scale-in-protection-')
    await scene.expectNodes(pool, 'the shielded one goes', nodes => nodes.every(it => it.metadata.name !== shielded))
  })

  promise('many that go at once are replaced, and each drains by itself', async scene => {
    const pool = await scene.runningPool({ replicas: 6 })
    const before = await namesOf(scene, pool)
    const [busy = ''] = before
    await scene.occupy(busy, 3)
    await scene.kubectl('delete', 'rtcn', '--all', '--wait=false')
    await scene.expectNodes(pool, 'six others are open', nodes => nodes.filter(isOpen).length === 6)
    await scene.expectNodes(pool, 'only the busy one drains', nodes => nodes.length === 7)
    assert.equal(scene.sfu(busy).present.length, 3)
    assert.equal(scene.everMade(pool), 12)
  })

  promise(
    'its class deleted in the middle of a roll-out: what serves stays, and it goes on when it is back',
    async (scene, world) => {
      const image = (name: string) => simClass('pool-class-lost', { container: { image: name } })
      await world.apply(image('sim:1'))
      const pool = await scene.runningPool({ replicas: 3, className: 'pool-class-lost' })
      const before = await namesOf(scene, pool)
      await world.apply(image('sim:2'))
      await scene.expectNodes(pool, 'it has begun', nodes => nodes.length > 3)
      await world.cluster.kubectl(['delete', 'rtcc', 'pool-class-lost', '--timeout=30s'])
      await scene.expectProgress(pool, 'ClassNotFound', { message: /pool-class-lost/ })
      await scene.expectMadeNoMore(pool, 3_000)
      assert.ok((await scene.nodesOf(pool)).filter(isOpen).length >= 3)
      await world.apply(image('sim:2'))
      await scene.expectProgress(pool, 'Complete', { withinMs: 90_000 })
      await scene.expectNodes(
        pool,
        'only new ones',
        nodes => nodes.length === 3 && nodes.every(it => !before.includes(it.metadata.name)),
      )
    },
  )

  promise('a record that somebody deletes, or takes our label off, is there again', async scene => {
    const pool = await scene.runningPool({ replicas: 1 })
    const first = only(await scene.revisionsOf(pool))
    await scene.kubectl('delete', 'controllerrevision', first.metadata.name)
    await scene.expectRevisions(
      pool,
      'another record of it',
      records => records.length === 1 && records[0]?.metadata.uid !== first.metadata.uid,
    )
    await scene.kubectl('label', 'controllerrevision', first.metadata.name, 'app.kubernetes.io/managed-by-')
    await scene.expectRevisions(pool, 'its label again', records =>
      records.some(({ metadata }) => metadata.labels?.['app.kubernetes.io/managed-by'] === 'rtcnode-operator'),
    )
    assert.equal(scene.everMade(pool), 1)
  })

  promise('nodes of which no load is known are kept, and the pool says why', async (scene, { apply }) => {
    await apply(simClass('pool-mute', { health: { unhealthyAfterSeconds: 120 } }))
    const pool = await scene.runningPool({ replicas: 3, className: 'pool-mute' })
    const names = await namesOf(scene, pool)
    for (const name of names.slice(0, 2)) {
      await scene.occupy(name, 1)
      scene.sfu(name).writes('not a heartbeat')
      await scene.expectReason(name, 'TelemetryLost')
    }
    await scene.scale(pool, 0)
    await scene.expectPool(pool, 'some are held', ({ status }) =>
      status?.conditions?.some(it => it.type === 'ScalingInhibited' && it.reason === 'LoadUnknown'),
    )
    await scene.expectGone(names[2] ?? '')
    for (const name of names.slice(0, 2)) {
      assert.equal((await scene.node(name)).spec.cordoned, false)
      scene.sfu(name).recovers()
    }
    await scene.expectNodes(pool, 'both are closed', nodes => nodes.filter(isClosed).length === 2)
    assert.deepEqual(
      names.slice(0, 2).map(name => scene.sfu(name).present.length),
      [1, 1],
    )
  })
})
