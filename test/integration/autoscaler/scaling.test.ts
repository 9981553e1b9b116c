// An autoscaler scales a pool of simulated SFUs: up as people come, down by closing nodes that nobody is cut from, up again by
// those; within its bounds, and not at all when it is told not to.
import assert from 'node:assert/strict'
import { NotInTime, until } from '../../cluster/until.ts'
import { simClass } from '../harness/class.ts'
import { isClosed } from '../pool/pool-scene.ts'
import { type AutoscalerScene, atOnce, conditionIn, suiteOfAutoscalers } from './autoscaler-scene.ts'

suiteOfAutoscalers('an autoscaler', {}, promise => {
  promise('people come: it grows at once, and tells how the number came about', async scene => {
    const pool = await scene.runningPool({ replicas: 2 })
    using crowd = scene.crowd(pool, 60)
    // Down as by default: where nodes start slowly, the trend of the first seconds asks for more than is needed in the end.
    const a = await scene.applyAutoscaler({ spec: { minReplicas: 2, behavior: { scaleUp: atOnce.scaleUp } } })
    await scene.expectActive(a, 'Steady', { status: 'True' })

    crowd.cpuPercent = 170
    const { status } = await scene.expectAutoscaler(
      a,
      'more are wanted, and asked for',
      it => (it.status?.desiredReplicas ?? 0) >= 3 && conditionIn(it, 'ScalingActive')?.reason === 'ScaledUp',
    )
    const decision = status?.lastDecision
    assert.ok(decision !== undefined && decision.to > decision.from)
    assert.match(decision.why, /^\d+→\d+: \(?load .* \/ \(\S+ × \S+\)/)
    const { demand, capacity, safePressure, needed } = decision.terms
    assert.ok((demand ?? 0) > 0 && (capacity ?? 0) > 0 && (safePressure ?? 0) > 0 && (needed ?? 0) >= decision.to)
    await scene.expectPool(
      pool,
      'has them',
      it => it.status?.openReplicas === it.spec.replicas && it.spec.replicas >= 3,
    )
    await expectEvent(scene, a, 'ScaledUp', decision.why)
    const ever = scene.replicasEver(pool)
    assert.deepEqual(
      ever,
      ever.toSorted((x, y) => x - y),
      'never down on the way',
    )
    assert.ok((status?.pressure ?? 0) > 0.3)
  })

  promise('people go: nodes are closed and nobody is cut; people come back: closed nodes are reopened', async scene => {
    const pool = await scene.runningPool({ replicas: 4, spec: { scaleIn: { emptySeconds: 600 } } })
    using crowd = scene.crowd(pool, 200)
    const names = (await scene.nodesOf(pool)).map(({ metadata }) => metadata.name)
    for (const name of names) await scene.occupy(name, 2)
    const a = await scene.applyAutoscaler({ spec: { minReplicas: 1, maxReplicas: 4 } })
    await scene.expectActive(a, 'Steady')

    crowd.cpuPercent = 20
    await scene.expectPool(pool, 'fewer are wanted', ({ spec }) => spec.replicas < 4)
    await scene.expectActive(a, 'ScaledDown')
    await scene.expectNodes(pool, 'some are closed', nodes => nodes.length === 4 && nodes.some(isClosed))
    for (const name of names) await scene.expectLeftAlone(name, 1_000)

    crowd.cpuPercent = 220
    await scene.expectReplicas(pool, 4)
    // One of them had to shed what all should have carried.
    await scene.expectNodes(pool, 'none is closed', nodes => nodes.length === 4 && !nodes.some(isClosed))
    assert.equal(scene.everMade(pool), 4, 'none was made')
    const { status } = await scene.expectAutoscaler(a, 'tells what was reopened', it =>
      /reopened/.test(it.status?.lastDecision?.why ?? ''),
    )
    assert.equal(status?.lastDecision?.to, 4)
  })

  promise('never outside of minReplicas and maxReplicas, and both are named', async scene => {
    const pool = await scene.runningPool({ replicas: 1 })
    using crowd = scene.crowd(pool, 10)
    const a = await scene.applyAutoscaler({ spec: { minReplicas: 2, maxReplicas: 3 } })
    await scene.expectReplicas(pool, 2)
    await scene.expectCondition(a, 'ScalingLimited', 'True', { reason: 'MinReplicas' })
    crowd.cpuPercent = 900
    await scene.expectReplicas(pool, 3)
    await scene.expectCondition(a, 'ScalingLimited', 'True', { reason: 'MaxReplicas' })
    await scene.expectReplicasKept(pool, 3_000)
    await scene.patchAutoscaler(a, { maxReplicas: 4 })
    await scene.expectReplicas(pool, 4)
    crowd.cpuPercent = 20
    await scene.expectReplicas(pool, 2)
    await scene.expectReplicasKept(pool, 3_000)
  })

  promise('mode Recommend works it out and shows it, and changes nothing until it is told to', async scene => {
    const pool = await scene.runningPool({ replicas: 2 })
    using _crowd = scene.crowd(pool, 340)
    const a = await scene.applyAutoscaler({ spec: { mode: 'Recommend', minReplicas: 2 } })
    const { status } = await scene.expectAutoscaler(
      a,
      'more would be wanted',
      it => (it.status?.desiredReplicas ?? 0) > 2,
    )
    assert.equal(status?.currentReplicas, 2)
    await scene.expectActive(a, 'Recommending', { status: 'False', message: /spec\.mode is Recommend/ })
    assert.ok((await scene.autoscaler(a)).status?.lastDecision?.why.startsWith('2→'))
    await scene.expectReplicasKept(pool, 3_000)
    await scene.patchAutoscaler(a, { mode: 'Apply' })
    await scene.expectPool(pool, 'grows', ({ spec }) => spec.replicas > 2)
  })

  promise('paused: replicas are left alone in both directions, also when people set them', async scene => {
    const pool = await scene.runningPool({ replicas: 2 })
    using crowd = scene.crowd(pool, 340)
    const a = await scene.applyAutoscaler({ spec: { paused: true } })
    await scene.expectActive(a, 'Paused', { status: 'False', message: /spec\.paused is true; set it to false/ })
    await scene.expectReplicasKept(pool, 3_000)
    crowd.cpuPercent = 5
    await scene.scale(pool, 3)
    await scene.expectReplicasKept(pool, 3_000)
    crowd.cpuPercent = 500
    await scene.patchAutoscaler(a, { paused: false })
    await scene.expectPool(pool, 'grows', ({ spec }) => spec.replicas > 3)
  })

  promise('nodes that can never start are ordered once, not again and again', async (scene, world) => {
    await world.apply(simClass('nowhere', { pod: { nodeSelector: { 'test/no': 'where' } } }))
    const pool = await scene.runningPool({ replicas: 2 })
    using crowd = scene.crowd(pool, 260)
    // Whoever is on a node that sheds stays there. Would they move, both nodes could tell of them for a heartbeat, and the load be twice.
    crowd.figures = { cpu: 130, streams: 650 }
    await scene.patchPool(pool, { template: { spec: { className: 'nowhere' } }, strategy: { type: 'OnDelete' } })
    const a = await scene.applyAutoscaler({ spec: { maxReplicas: 40 } })
    await scene.expectPool(pool, 'grows', ({ spec }) => spec.replicas > 2)
    await scene.expectCondition(a, 'AbleToScale', 'False', { reason: 'StartsFail', message: /WaitingForHost/ })
    // What a node bears is still being learned, so the number may move a little; it is about what the load needs, and stays there.
    const moreAndMore = scene.expectPool(pool, 'more and more', ({ spec }) => spec.replicas > 8, { withinMs: 18_000 })
    await assert.rejects(moreAndMore, NotInTime)
  })
})

/** Events are written after everything else, so it may come a while later. */
async function expectEvent(scene: AutoscalerScene, name: string, reason: string, note: string): Promise<void> {
  const isThere = async (): Promise<boolean> => {
    const { items } = JSON.parse(await scene.kubectl('get', 'events.events.k8s.io', '-ojson')) as {
      items: { reason: string; note: string; regarding: { kind: string; name: string } }[]
    }
    const its = items.filter(({ regarding }) => regarding.kind === 'RTCAutoscaler' && regarding.name === name)
    return its.some(it => it.reason === reason && it.note.startsWith(note))
  }
  await until(`an event ${reason} of ${name} like “${note}”`, isThere, { withinMs: 60_000, everyMs: 300 })
}
