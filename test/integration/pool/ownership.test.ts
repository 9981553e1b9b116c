// Whose nodes they are: pools that are deleted in each of kubectl's ways, nodes whose labels are edited, pools that want the
// same. As with a ReplicaSet, and people in calls never pay for it.
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { API_VERSION } from '../../../operator/api/meta.ts'
import type { RTCNode } from '../../../operator/api/rtcnode.ts'
import type { World } from '../harness/world.ts'
import { isOpen, only, type PoolScene, suiteOfPools } from './pool-scene.ts'

const namesOf = (nodes: readonly RTCNode[]): string[] => nodes.map(({ metadata }) => metadata.name)

/** A complete pool of two with alice and bob on the first node; gives the names of its nodes. */
async function busyPool(
  scene: PoolScene,
  traits: Parameters<PoolScene['applyPool']>[0] = {},
): Promise<[string, string]> {
  const pool = await scene.runningPool({ replicas: 2, ...traits })
  const [busy = '', idle = ''] = namesOf(await scene.nodesOf(pool))
  await scene.occupy(busy, 2)
  return [busy, idle]
}

/**
 * Kubernetes' garbage collector learns of new CRDs each half minute, and until then takes nodes that are orphaned for nodes
 * whose owner is gone. It knows of them when it has taken one away whose owner never was.
 */
async function awaitGarbageCollector(scene: PoolScene, apply: World['apply']): Promise<void> {
  const owner = { apiVersion: API_VERSION, kind: 'RTCNodePool', name: 'never', uid: randomUUID() }
  await apply({
    apiVersion: API_VERSION,
    kind: 'RTCNode',
    metadata: { name: 'stray', namespace: scene.namespace, ownerReferences: [owner] },
    spec: { className: 'none' },
  })
  await scene.expectGone('stray')
}

suiteOfPools('whose nodes they are', { sideBySide: 4 }, promise => {
  promise('deleted, a pool goes at once, and its nodes when their people have left', async scene => {
    const [busy, idle] = await busyPool(scene)
    await scene.kubectl('delete', 'rtcp', 'eu', '--timeout=20s')
    await scene.expectGone(idle)
    await scene.expectReason(busy, 'WaitingForSessions')
    await scene.expectMadeNoMore('eu', 2_000)
    assert.equal(scene.sfu(busy).present.length, 2)
    scene.sfu(busy).leaveAll()
    await scene.expectGone(busy)
    assert.equal(scene.everMade('eu'), 2)
  })

  promise('deleted in the foreground, a pool waits for its last node, and makes none', async scene => {
    const [busy, idle] = await busyPool(scene)
    await scene.kubectl('delete', 'rtcp', 'eu', '--cascade=foreground', '--wait=false')
    await scene.expectProgress('eu', 'Deleting')
    await scene.expectGone(idle)
    await scene.expectReason(busy, 'WaitingForSessions')
    const { status } = await scene.expectPool('eu', 'one drains', it => it.status?.drainingReplicas === 1)
    assert.equal(status?.replicas, 0)
    scene.sfu(busy).leaveAll()
    await scene.expectGone(busy)
    await scene.kubectl('wait', '--for=delete', 'rtcp/eu', '--timeout=50s')
    assert.equal(scene.everMade('eu'), 2)
  })

  promise(
    'deleted with --cascade=orphan its nodes serve on, and a new pool of another name adopts them',
    async (scene, { apply }) => {
      await awaitGarbageCollector(scene, apply)
      const [busy, idle] = await busyPool(scene, { labels: { fleet: 'shared' } })
      const revisions = (await scene.revisionsOf('eu')).map(({ metadata }) => metadata.name)
      await scene.kubectl('delete', 'rtcp', 'eu', '--cascade=orphan', '--timeout=50s')
      for (const name of [busy, idle]) {
        const { metadata } = await scene.expectNode(name, 'no owner', it => !it.metadata.ownerReferences?.length)
        assert.equal(metadata.deletionTimestamp, undefined)
      }
      await scene.expectLeftAlone(busy, 2_000)

      await scene.runningPool({ name: 'next', labels: { fleet: 'shared' }, replicas: 2 })
      assert.deepEqual(namesOf(await scene.nodesOf('next')), [busy, idle].sort())
      assert.equal(scene.everMade('next'), 0)
      assert.deepEqual(
        (await scene.revisionsOf('next')).map(({ metadata }) => metadata.name),
        revisions,
        'history is adopted with the nodes',
      )
      assert.equal(scene.sfu(busy).present.length, 2)
    },
  )

  promise('made again under the same name while old nodes drain, a pool leaves those to themselves', async scene => {
    const [busy, idle] = await busyPool(scene)
    await scene.kubectl('delete', 'rtcp', 'eu', '--timeout=20s')
    await scene.runningPool({ replicas: 2 })
    const nodes = await scene.nodesOf('eu')
    assert.equal(nodes.filter(isOpen).length, 2)
    assert.ok(!namesOf(nodes).includes(busy) && !namesOf(nodes).includes(idle))
    assert.equal((await scene.pool('eu')).status?.drainingReplicas, 0, 'what drains belongs to the life before')
    assert.equal(scene.sfu(busy).present.length, 2)
    scene.sfu(busy).leaveAll()
    await scene.expectGone(busy)
    assert.equal(scene.everMade('eu'), 4)
  })

  promise('a node whose label is edited away serves on alone; edited back it is taken over again', async scene => {
    const [busy] = await busyPool(scene)
    await scene.kubectl('label', 'rtcn', busy, 'fleet-', '--overwrite')
    const released = await scene.expectNode(busy, 'no owner', it => !it.metadata.ownerReferences?.length)
    assert.equal(released.spec.cordoned, false)
    await scene.expectNodes('eu', 'another in its place', nodes => nodes.filter(isOpen).length === 2)
    assert.equal(scene.everMade('eu'), 3)

    await scene.kubectl('label', 'rtcn', busy, 'fleet=eu')
    await scene.expectNodes(
      'eu',
      'the idle one too many goes',
      nodes => nodes.length === 2 && namesOf([...nodes]).includes(busy),
    )
    await scene.expectProgress('eu', 'Complete')
    assert.equal(scene.sfu(busy).present.length, 2)
    assert.equal(scene.everMade('eu'), 3)
  })

  promise('a lone node like those of the template is taken over and counts', async scene => {
    const lone = await scene.busyNode({ name: 'lone' })
    await scene.kubectl('label', 'rtcn', lone, 'fleet=eu')
    await scene.runningPool({ replicas: 2 })
    const nodes = await scene.nodesOf('eu')
    assert.equal(nodes.length, 2)
    assert.ok(namesOf(nodes).includes(lone))
    assert.equal(scene.sfu(lone).present.length, 2)
  })

  promise('a lone node unlike the template is taken over, and replaced once another takes its rooms', async scene => {
    const lone = await scene.busyNode({ name: 'lone', region: 'elsewhere' })
    await scene.kubectl('label', 'rtcn', lone, 'fleet=eu')
    await scene.runningPool({ replicas: 2 })
    const nodes = await scene.nodesOf('eu')
    assert.deepEqual(nodes.filter(isOpen).length, 2)
    assert.equal((await scene.node(lone)).spec.cordoned, true)
    assert.equal(scene.sfu(lone).present.length, 2)
  })

  promise('a node of another controller is left alone, whatever its labels', async scene => {
    const other = await scene.applyPool({ name: 'other', replicas: 1, labels: { fleet: 'other' } })
    await scene.expectProgress(other, 'Complete')
    const { name } = only(await scene.nodesOf(other)).metadata
    await scene.kubectl('label', 'rtcn', name, 'team=media')
    await scene.runningPool({ replicas: 1, labels: { team: 'media' } })
    assert.deepEqual(namesOf(await scene.nodesOf(other)), [name])
    assert.equal((await scene.nodesOf('eu')).length, 1)
  })

  promise('of two pools with one selector the younger stands back, and begins when the older is gone', async scene => {
    const labels = { fleet: 'one' }
    await scene.runningPool({ name: 'older', labels })
    await scene.applyPool({ name: 'younger', labels, replicas: 1 })
    await scene.expectProgress('younger', 'SelectorOverlap', { message: /older/ })
    const nodes = namesOf(await scene.nodesOf('older'))
    await scene.scale('younger', 3)
    await scene.expectProgress('younger', 'SelectorOverlap')
    assert.equal(scene.everMade('younger'), 0)
    assert.deepEqual(namesOf(await scene.nodesOf('older')), nodes)
    await scene.kubectl('delete', 'rtcp', 'older', '--cascade=orphan', '--timeout=50s')
    await scene.expectProgress('younger', 'Complete')
    assert.equal((await scene.nodesOf('younger')).length, 3)
    assert.equal(scene.everMade('younger'), 1, 'two were adopted')
  })

  promise('a selector by labels that the operator itself sets is refused without making any', async scene => {
    await scene.applyPool({ labels: { 'rtcnode.io/revision': 'mine' } })
    await scene.expectProgress('eu', 'CreateRefused', { message: /labels of your own/ })
    assert.equal(scene.everMade('eu'), 0)
  })
})
