// Two operators, one lease: the leader dies; the leader is paused for so long that the other takes over, and wakes up with
// writes under way. What a deposed leader decided reaches neither API server nor registry.
import assert from 'node:assert/strict'
import { until } from '../../cluster/until.ts'
import type { Scene } from '../harness/scene.ts'
import { suiteIn } from '../harness/world.ts'
import { leads, roles, startPair } from './pair.ts'
import type { Fate, Write } from './writes.ts'

suiteIn(startPair, 'leaders', 1, promise => {
  promise('the leader dies: the standby takes over, drains go on, nobody is cut', async (scene, { operator }) => {
    const busy = await scene.busyNode({ name: 'busy' })
    const leaving = await scene.busyNode({ name: 'leaving' })
    await scene.deleteNode(leaving)
    await scene.expectReason(leaving, 'WaitingForSessions')
    const { leader, standby } = await roles(operator)
    await leader.kill()
    scene.sfu(leaving).leaveAll()
    await scene.expectGone(leaving)
    assert.ok(await leads(standby), 'the standby leads')
    await scene.expectReason(await scene.applyNode({ name: 'born' }), 'Serving')
    assert.deepEqual(scene.sfu(busy).present, ['alice', 'bob'])
    await leader.start()
  })

  promise('a leader that is paused until the other leads writes nothing when it wakes', async (scene, { operator }) => {
    const busy = await scene.busyNode({ name: 'busy' })
    const leaving = await scene.busyNode({ name: 'leaving' })
    await scene.deleteNode(leaving)
    await scene.expectReason(leaving, 'WaitingForSessions')
    const { leader, standby } = await roles(operator)
    leader.pause()
    await until('the standby to lead', () => leads(standby), { withinMs: 60_000 })
    // Not before: an event may have been under way when it was paused.
    const written = leader.gate.writes.length
    // Things happen that the sleeper would like to write about, by what it last knew.
    await cordon(scene, busy, true)
    await scene.expectReason(busy, 'Cordoned')
    await cordon(scene, busy, false)
    await scene.expectReason(busy, 'Serving')
    const born = await scene.applyNode({ name: 'born' })
    await scene.expectReason(born, 'Serving')
    await until('20 s of sleep', () => false, { withinMs: 20_000, everyMs: 1_000 }).catch(() => undefined)
    leader.resume()
    scene.sfu(leaving).leaveAll()
    await scene.expectGone(leaving)
    await until('the sleeper to be awake', () => leader.metrics(), { withinMs: 30_000 })
    assert.equal(await leads(leader), false, 'it does not lead')
    await scene.expectLeftAlone(busy, 3_000)
    assert.deepEqual(named(leader.gate.writes.slice(written)), [], 'writes of the sleeper')
    assert.deepEqual(scene.sfu(busy).present, ['alice', 'bob'])
  })

  promise('an intent under way when its leader was deposed is refused by the registry', async (scene, world) => {
    const { leader, standby } = await roles(world.operator)
    const [busy, claiming] = [await scene.busyNode({ name: 'busy' }), await scene.busyNode({ name: 'claiming' })]
    const way = Promise.withResolvers<void>()
    const underWay = Promise.withResolvers<Write>()
    leader.gate.decideBy(async (write): Promise<Fate> => {
      if (write.namespace !== scene.namespace || write.what !== 'intent closed') return 'pass'
      underWay.resolve(write)
      await way.promise
      return 'pass'
    })
    await cordon(scene, busy, true)
    const late = await underWay.promise
    leader.pause()
    // The next leader has nothing to say about this node, so only its claim can refuse the late intent.
    await cordon(scene, busy, false)
    await until('the standby to lead', () => leads(standby), { withinMs: 60_000 })
    await cordon(scene, claiming, true)
    await scene.expectHeartbeat(claiming, 'closed', ({ state }) => state === 'closed')
    way.resolve()
    await until('the late intent to have arrived', () => late.accepted, { withinMs: 10_000 })
    assert.equal(await world.etcd.get(`/sfu/intents/${scene.key(busy)}`).string(), null, 'the late intent was refused')
    leader.gate.decideBy(() => 'pass')
    leader.resume()
    await scene.expectLeftAlone(busy, 3_000)
    await scene.expectHeartbeat(busy, 'serving', ({ state }) => state === 'serving')
  })
})

const cordon = (scene: Scene, node: string, cordoned: boolean): Promise<string> =>
  scene.kubectl('patch', 'rtcnode', node, '--type=merge', '-p', JSON.stringify({ spec: { cordoned } }))

const named = (writes: readonly Write[]): string[] => writes.map(({ namespace, what }) => `${namespace}: ${what}`)
