// Edits of template and class roll out under calls, are recorded, and are undone through the numbers of their records.
import assert from 'node:assert/strict'
import type { RTCNodePool, RTCNodeTemplate } from '../../../operator/api/rtcnodepool.ts'
import { until } from '../../cluster/until.ts'
import { simClass } from '../harness/class.ts'
import { isOpen, only, type PoolScene, suiteOfPools } from './pool-scene.ts'

const template = (region: string, labels = { fleet: 'eu' }) => ({
  metadata: { labels },
  spec: { className: 'sim', region },
})
const imageOf = (image: string) => ({ container: { image } })

/** What is common to all nodes. */
async function regionsOf(scene: PoolScene): Promise<unknown[]> {
  return [...new Set((await scene.nodesOf('eu')).map(({ spec }) => spec.region))]
}
const isComplete = ({ status, spec, metadata }: RTCNodePool): boolean =>
  status !== undefined &&
  status.observedGeneration === metadata.generation &&
  status.currentRevision === status.updateRevision &&
  status.updatedReplicas === spec.replicas &&
  status.openReplicas === spec.replicas
const completed = (scene: PoolScene, what: string, region: string) =>
  scene.expectPool(
    'eu',
    `${what} has rolled out`,
    pool => pool.spec.template.spec.region === region && isComplete(pool),
  )

/** The number of each record, by the region in its template. */
async function numbersOf(scene: PoolScene): Promise<Record<string, number>> {
  const records = await scene.revisionsOf('eu')
  return Object.fromEntries(
    records.map(({ data, revision }) => [(data as { template: RTCNodeTemplate }).template.spec.region, revision]),
  )
}

suiteOfPools('roll-outs', { sideBySide: 3 }, promise => {
  promise('an edit of the template replaces each node once another takes its rooms; nobody is cut', async scene => {
    const pool = await scene.runningPool({ replicas: 3, spec: { template: template('a') } })
    const old = (await scene.nodesOf(pool)).map(({ metadata }) => metadata.name)
    await scene.occupy(old[0] ?? '', 2)
    await scene.occupy(old[1] ?? '', 3)
    await scene.patchPool(pool, { template: template('b') })
    const rolled = await completed(scene, 'b', 'b')
    assert.equal(scene.everMade(pool), 6)
    assert.deepEqual([scene.sfu(old[0] ?? '').present.length, scene.sfu(old[1] ?? '').present.length], [2, 3])
    assert.equal(
      (await scene.nodesOf(pool)).filter(isOpen).every(({ spec }) => spec.region === 'b'),
      true,
    )
    assert.ok((rolled.status?.drainingReplicas ?? 0) >= 2, 'old nodes empty in their own time')
    for (const name of old.slice(0, 2)) scene.sfu(name).leaveAll()
    await scene.expectNodes(pool, 'the old ones are gone', nodes => nodes.length === 3)
    assert.deepEqual(await regionsOf(scene), ['b'])
  })

  promise('never fewer open nodes than replicas, as a bystander sees it', async (scene, { history }) => {
    const pool = await scene.runningPool({ replicas: 4, spec: { template: template('a') } })
    const from = history.pools(scene.key(pool)).length
    await scene.patchPool(pool, { template: template('b') })
    await completed(scene, 'b', 'b')
    const seen = history.pools(scene.key(pool)).slice(from)
    const fewest = Math.min(...seen.map(({ is }) => is?.status?.openReplicas ?? 0))
    assert.equal(fewest, 4)
    const most = Math.max(...seen.map(({ is }) => is?.status?.replicas ?? 0))
    assert.ok(most <= 5, `a quarter of 4 more at most, but there were ${most}`)
  })

  promise('records are numbered, and an older revision is undone to by its number', async scene => {
    const pool = await scene.runningPool({
      replicas: 1,
      spec: { template: template('a'), scaleIn: { emptySeconds: 600 } },
    })
    const first = only(await scene.nodesOf(pool)).metadata.name
    await scene.patchPool(pool, { template: template('b') })
    await completed(scene, 'b', 'b')
    assert.deepEqual(await numbersOf(scene), { a: 1, b: 2 })

    await scene.patchPool(pool, { strategy: { pinnedRevision: 1 } })
    await scene.expectPool(pool, 'is undone', isComplete)
    assert.equal(only((await scene.nodesOf(pool)).filter(isOpen)).metadata.name, first, 'reopened, not made anew')
    assert.deepEqual(await numbersOf(scene), { a: 1, b: 2 }, 'while pinned, numbers stay')

    await scene.patchPool(pool, { strategy: { pinnedRevision: 9 } })
    await scene.expectProgress(pool, 'RevisionNotFound', { message: /9/ })
    assert.equal((await scene.nodesOf(pool)).filter(isOpen).length, 1)

    await scene.patchPool(pool, { strategy: { pinnedRevision: null }, template: template('a') })
    await completed(scene, 'a', 'a')
    assert.deepEqual(await numbersOf(scene), { a: 3, b: 2 }, 'asked for again it is the newest')
    assert.equal(scene.everMade(pool), 2)
  })

  promise('of unused records as many are kept as the limit says', async scene => {
    const pool = await scene.runningPool({ replicas: 0, spec: { template: template('r0'), revisionHistoryLimit: 2 } })
    for (const region of ['r1', 'r2', 'r3', 'r4']) {
      await scene.patchPool(pool, { template: template(region) })
      const isObserved = ({ status, spec, metadata }: RTCNodePool) =>
        spec.template.spec.region === region && status?.observedGeneration === metadata.generation
      await scene.expectPool(pool, `knows of ${region}`, isObserved)
    }
    const numbers = async () => (await scene.revisionsOf(pool)).map(({ revision }) => revision)
    await until('three records', async () => (await numbers()).length === 3, { withinMs: 30_000 })
    assert.deepEqual(await numbers(), [3, 4, 5])
  })

  promise('an edit of the class rolls out like one of the template', async (scene, { apply }) => {
    await apply(simClass('rolling', imageOf('sim:1')))
    const pool = await scene.runningPool({ replicas: 2, className: 'rolling' })
    const old = (await scene.nodesOf(pool)).map(({ metadata }) => metadata.name)
    await scene.occupy(old[0] ?? '', 2)
    const { status } = await scene.pool(pool)
    await apply(simClass('rolling', imageOf('sim:2')))
    await scene.expectPool(
      pool,
      'of a new revision',
      it => it.status?.currentRevision !== status?.currentRevision && it.status?.openReplicas === 2,
    )
    for (const node of (await scene.nodesOf(pool)).filter(isOpen)) {
      const pod = await scene.pod(node.metadata.name)
      assert.equal(pod.spec.containers.find(({ name }) => name === 'sfu')?.image, 'sim:2')
    }
    assert.equal(scene.sfu(old[0] ?? '').present.length, 2)
    scene.sfu(old[0] ?? '').leaveAll()
    await scene.expectNodes(pool, 'the old ones are gone', nodes => nodes.length === 2)
  })

  promise('a class that rolls out OnDelete shapes only what is made anew', async (scene, { apply }) => {
    const onDelete = (image: string) => {
      const its = simClass('patient-pool', imageOf(image))
      return { ...its, spec: { ...its.spec, rollout: 'OnDelete' } }
    }
    await apply(onDelete('sim:1'))
    const pool = await scene.runningPool({ replicas: 2, className: 'patient-pool' })
    const before = (await scene.nodesOf(pool)).map(({ metadata }) => metadata.name)
    await apply(onDelete('sim:2'))
    await scene.expectMadeNoMore(pool, 3_000)
    await scene.deleteNode(before[0] ?? '')
    await scene.expectGone(before[0] ?? '')
    await scene.expectNodes(pool, 'another', nodes => nodes.filter(isOpen).length === 2 && nodes.length === 2)
    const made = only((await scene.nodesOf(pool)).filter(({ metadata }) => !before.includes(metadata.name)))
    const pod = await scene.pod(made.metadata.name)
    assert.equal(pod.spec.containers.find(({ name }) => name === 'sfu')?.image, 'sim:2')
    assert.equal(scene.everMade(pool), 3)
  })

  promise('paused, nothing is replaced; resumed, it goes on', async scene => {
    const pool = await scene.runningPool({ replicas: 2, spec: { template: template('a') } })
    await scene.patchPool(pool, { strategy: { paused: true }, template: template('b') })
    await scene.expectProgress(pool, 'Paused')
    await scene.expectMadeNoMore(pool, 2_000)
    await scene.patchPool(pool, { strategy: { paused: false } })
    await completed(scene, 'b', 'b')
  })

  promise('two edits in a row and an undo in the middle end with what was asked for last', async scene => {
    const pool = await scene.runningPool({ replicas: 3, spec: { template: template('a') } })
    await scene.patchPool(pool, { template: template('b') })
    await scene.expectNodes(pool, 'b has begun', nodes => nodes.some(({ spec }) => spec.region === 'b'))
    await scene.patchPool(pool, { template: template('c') })
    await scene.expectNodes(pool, 'c has begun', nodes => nodes.some(({ spec }) => spec.region === 'c'))
    await scene.patchPool(pool, { template: template('a') })
    await completed(scene, 'a', 'a')
    await scene.expectNodes(
      pool,
      'three of a',
      nodes => nodes.length === 3 && nodes.every(({ spec }) => spec.region === 'a'),
    )
  })

  promise('a revision that does not start stops, and what serves is left alone', async (scene, { apply }) => {
    await apply(
      simClass('never-starts', {
        labels: { 'rtcnode.io/fault': 'never-ready' },
        health: { startupTimeoutSeconds: 10 },
      }),
    )
    const pool = await scene.runningPool({ replicas: 3, spec: { progressDeadlineSeconds: 30 } })
    const before = (await scene.nodesOf(pool)).map(({ metadata }) => metadata.name)
    await scene.occupy(before[0] ?? '', 2)
    await scene.patchPool(pool, {
      template: { metadata: { labels: { fleet: 'eu' } }, spec: { className: 'never-starts' } },
    })
    await scene.expectPool(pool, 'tells of a failed start', it => it.status?.failedStarts !== undefined)
    await scene.expectProgress(pool, 'ProgressDeadlineExceeded', { withinMs: 90_000 })
    const open = (await scene.nodesOf(pool)).filter(isOpen).map(({ metadata }) => metadata.name)
    assert.deepEqual(open, before)
    assert.ok(scene.everMade(pool) <= 6, `few were tried: ${scene.everMade(pool) - 3}`)
  })
})
