// A pool that grows and shrinks: the least busy node closes first and nobody is cut, what closes can be reopened, and what
// the API server refuses costs one node or one pod.
import assert from 'node:assert/strict'
import { simClass } from '../harness/class.ts'
import { conditionOf, isClosed, isOpen, only, suiteOfPools } from './pool-scene.ts'

suiteOfPools('a pool that grows and shrinks', { sideBySide: 4 }, promise => {
  promise('from nothing to 20, as kubectl shows and awaits it', async scene => {
    const pool = await scene.applyPool({ replicas: 0 })
    await scene.expectProgress(pool, 'Complete')
    await scene.scale(pool, 20)
    await scene.kubectl('wait', '--for=condition=Available', '--timeout=60s', `rtcp/${pool}`)
    const { status, metadata } = await scene.expectProgress(pool, 'Complete')
    assert.deepEqual(
      [
        status?.replicas,
        status?.openReplicas,
        status?.readyReplicas,
        status?.updatedReplicas,
        status?.drainingReplicas,
      ],
      [20, 20, 20, 20, 0],
    )
    assert.equal(status?.currentRevision, status?.updateRevision)
    const nodes = await scene.nodesOf(pool)
    assert.equal(nodes.length, 20)
    assert.equal(scene.everMade(pool), 20, 'none was made in vain')
    for (const node of nodes) {
      assert.match(node.metadata.name, /^eu-[bcdfghjklmnpqrstvwxz2456789]{5}$/)
      assert.equal(node.metadata.labels?.['rtcnode.io/revision'], status?.updateRevision)
      assert.deepEqual(node.metadata.ownerReferences?.[0]?.uid, metadata.uid)
    }
    const [head = '', row = ''] = (await scene.kubectl('get', 'rtcp', pool)).split('\n')
    assert.deepEqual(head.split(/\s+/).slice(0, 8), [
      'NAME',
      'DESIRED',
      'OPEN',
      'DRAINING',
      'UPDATED',
      'READY',
      'SESSIONS',
      'REASON',
    ])
    assert.match(row, /^eu +20 +20 +0 +20 +20 +0 +Complete/)
    assert.equal((await scene.revisionsOf(pool)).length, 1)
  })

  promise('shrinks by the least busy, cuts nobody, and each goes when its last one has left', async scene => {
    const pool = await scene.runningPool({ replicas: 4 })
    const [a, b, c, d] = (await scene.nodesOf(pool)).map(({ metadata }) => metadata.name) as [
      string,
      string,
      string,
      string,
    ]
    await Promise.all([scene.occupy(a, 9), scene.occupy(b, 2), scene.occupy(c, 5)])
    await scene.scale(pool, 1)
    await scene.expectNodes(pool, 'three are closed', nodes => nodes.filter(isOpen).length === 1)
    assert.equal((await scene.node(a)).spec.cordoned, false, 'the busiest stays')
    await scene.expectGone(d)
    const { status } = await scene.expectPool(pool, 'shrinks', it => it.status?.drainingReplicas === 2)
    assert.equal(status?.replicas, 1)
    assert.deepEqual([scene.sfu(b).present.length, scene.sfu(c).present.length], [2, 5])
    scene.sfu(b).leaveAll()
    await scene.expectGone(b)
    await scene.expectLeftAlone(c, 3_000)
    scene.sfu(c).leaveAll()
    await scene.expectGone(c)
    await scene.expectProgress(pool, 'Complete')
    assert.equal(only(await scene.nodesOf(pool)).metadata.name, a)
    assert.equal(scene.everMade(pool), 4)
  })

  promise('raised again while nodes empty, it reopens them before it makes any', async scene => {
    const pool = await scene.runningPool({ replicas: 3 })
    const names = (await scene.nodesOf(pool)).map(({ metadata }) => metadata.name)
    await Promise.all(names.map(name => scene.occupy(name, 1)))
    await scene.scale(pool, 1)
    await scene.expectNodes(pool, 'two are closed', nodes => nodes.filter(isClosed).length === 2)
    await scene.scale(pool, 4)
    await scene.expectNodes(pool, 'four are open', nodes => nodes.filter(isOpen).length === 4)
    await scene.expectProgress(pool, 'Complete')
    assert.equal(scene.everMade(pool), 4, 'one was made, two were reopened')
    for (const name of names) {
      const { spec, metadata } = await scene.node(name)
      assert.equal(spec.cordoned, false)
      assert.deepEqual(
        Object.keys(metadata.annotations ?? {}).filter(it => it.startsWith('rtcnode.io/')),
        [],
      )
      assert.equal(scene.sfu(name).present.length, 1)
    }
  })

  promise('a node that is deleted under it is replaced at once, and drains', async scene => {
    const pool = await scene.runningPool({ replicas: 2 })
    const [victim] = await scene.nodesOf(pool)
    const name = victim?.metadata.name ?? ''
    await scene.occupy(name, 1)
    await scene.deleteNode(name)
    await scene.expectNodes(
      pool,
      'two others are open',
      nodes => nodes.length === 3 && nodes.filter(isOpen).length === 2,
    )
    await scene.expectPool(pool, 'one drains', ({ status }) => status?.drainingReplicas === 1)
    assert.equal(scene.sfu(name).present.length, 1)
    scene.sfu(name).leaveAll()
    await scene.expectGone(name)
    assert.equal(scene.everMade(pool), 3)
  })

  promise('a node that a person closed is replaced, and left to that person', async scene => {
    const pool = await scene.runningPool({ replicas: 1 })
    const { name } = only(await scene.nodesOf(pool)).metadata
    await scene.kubectl('patch', 'rtcn', name, '--type=merge', '-p', '{"spec":{"cordoned":true}}')
    await scene.expectNodes(pool, 'another is open', nodes => nodes.length === 2 && nodes.filter(isOpen).length === 1)
    await scene.expectLeftAlone(name, 4_000)
    assert.equal((await scene.nodesOf(pool)).length, 2)
  })

  promise('a quota that is reached half-way stops it; lifted, it goes on', async (scene, { apply }) => {
    const { namespace } = scene
    const hard = { 'count/rtcnodes.rtcnode.io': '3' }
    const quota = (most: object) => ({
      apiVersion: 'v1',
      kind: 'ResourceQuota',
      metadata: { name: 'some', namespace },
      spec: { hard: most },
    })
    await apply(quota(hard))
    await scene.kubectl('wait', '--for=jsonpath={.status.hard}', '--timeout=60s', 'resourcequota/some')
    const pool = await scene.applyPool({ replicas: 6 })
    const refused = await scene.expectProgress(pool, 'CreateRefused', { message: /exceeded quota: some/ })
    assert.ok((refused.status?.replicas ?? 0) <= 3)
    await scene.expectNodes(pool, 'as many as may be are open', nodes => nodes.filter(isOpen).length === 3)
    await apply(quota({ 'count/rtcnodes.rtcnode.io': '10' }))
    await scene.expectProgress(pool, 'Complete')
    assert.equal(scene.everMade(pool), 6)
  })

  promise(
    'a pool of an unknown class makes nothing, says so, and begins when the class is there',
    async (scene, world) => {
      const pool = await scene.applyPool({ className: 'pool-class-later' })
      await scene.expectProgress(pool, 'ClassNotFound', { message: /pool-class-later/ })
      assert.equal(scene.everMade(pool), 0)
      await world.apply(simClass('pool-class-later'))
      await scene.expectProgress(pool, 'Complete')
    },
  )

  promise('a template that no namespace takes costs one pod', async scene => {
    await scene.kubectl('label', 'namespace', scene.namespace, 'pod-security.kubernetes.io/enforce=restricted')
    const pool = await scene.applyPool({ replicas: 10 })
    await scene.expectNodes(pool, 'one is refused', nodes =>
      nodes.some(({ status }) => status?.conditions?.some(({ reason }) => reason === 'PodRefused')),
    )
    const stuck = await scene.expectPool(pool, 'tells of it', it => conditionOf(it, 'Degraded')?.status === 'True')
    assert.equal(stuck.status?.replicas, 1)
    await scene.expectMadeNoMore(pool, 3_000)
    assert.equal(scene.everMade(pool), 1, 'no second one was tried while the first is refused')
    await scene.kubectl('label', 'namespace', scene.namespace, 'pod-security.kubernetes.io/enforce-')
    await scene.expectProgress(pool, 'Complete', { withinMs: 120_000 })
    assert.equal(scene.everMade(pool), 10)
  })

  promise('replicas 0 lets everybody finish; metrics go with the pool', async (scene, { operator }) => {
    const pool = await scene.runningPool({ name: 'measured', replicas: 2 })
    const open = new RegExp(`rtcnode_pool_open_nodes\\{namespace="${scene.namespace}",pool="measured"\\} 2`)
    assert.match(await operator.metrics(), open)
    const [node] = await scene.nodesOf(pool)
    await scene.occupy(node?.metadata.name ?? '', 3)
    await scene.scale(pool, 0)
    await scene.expectNodes(pool, 'only the busy one is left', nodes => nodes.length === 1)
    await scene.expectLeftAlone(node?.metadata.name ?? '', 2_000)
    scene.sfu(node?.metadata.name ?? '').leaveAll()
    await scene.expectNodes(pool, 'none is left', nodes => nodes.length === 0)
    await scene.kubectl('delete', 'rtcp', pool, '--timeout=50s')
    assert.doesNotMatch(await operator.metrics(), new RegExp(`namespace="${scene.namespace}"`))
  })
})
