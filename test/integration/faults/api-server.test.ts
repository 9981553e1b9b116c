// The API server fails: away for half a minute, its watches cut, outdated, garbled, and silent. With people on the nodes and
// drains under way: nobody is cut, and all goes on when it is back.
import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Scene } from '../harness/scene.ts'
import { servesAgain } from './kubelet.ts'
import { type ProxiedWorld, suiteOfFaults } from './proxied-operator.ts'

suiteOfFaults('faults of the API server', {}, promise => {
  promise('away for 30 s, with people on nodes and drains under way: nobody is cut', async (scene, world) => {
    const { cluster, operator } = world
    const busy = await Promise.all(['a', 'b', 'c'].map(name => scene.busyNode({ name })))
    const leaving = await draining(scene, 'leaving', 600)
    const staying = await draining(scene, 'staying', 15)
    const starting = await scene.applyNode({ name: 'starting' })
    const { pid } = operator

    await cluster.apiserver.kill()
    await sleep(10_000)
    scene.sfu(leaving).leaveAll()
    await sleep(20_000)
    for (const name of busy) assert.deepEqual(scene.sfu(name).present, ['alice', 'bob'], `people on ${name}`)
    await cluster.apiserver.start()

    await Promise.all([scene.expectGone(leaving), scene.expectGone(staying)])
    for (const name of [...busy, starting]) await servesAgain(scene, name)
    for (const name of busy) assert.deepEqual(scene.sfu(name).present, ['alice', 'bob'], `people on ${name}`)
    assert.deepEqual(endings(world, scene, leaving), ['left', 'left'])
    assert.deepEqual(endings(world, scene, staying), ['moved', 'moved'])
    assert.equal(operator.pid, pid, 'the operator lived through it')
  })

  const breakWatches = {
    cut: ({ operator }) => operator.api.cutWatches(),
    'told that their version is gone (410)': ({ operator }) => operator.api.expireWatches(),
    garbled: ({ operator }) => operator.api.garbleWatches(),
  } satisfies Record<string, (world: ProxiedWorld) => void>

  for (const [how, breakThem] of Object.entries(breakWatches)) {
    promise(`watches that are ${how}: all that happens is seen, nobody is cut`, async (scene, world) => {
      const { api } = world.operator
      const busy = await scene.busyNode({ name: 'busy' })
      const leaving = await draining(scene, 'leaving', 600)
      const { watchesBegun } = api
      breakThem(world)
      // What happens just then is what a watch can lose.
      const born = await scene.applyNode({ name: 'born' })
      await scene.kubectl('patch', 'rtcnode', busy, '--type=merge', '-p', '{"spec":{"cordoned":true}}')
      await scene.expectReason(born, 'Serving')
      await scene.expectReason(busy, 'Cordoned')
      assert.ok(api.watchesBegun > watchesBegun, 'watches were begun anew')
      assert.deepEqual(scene.sfu(leaving).present, ['alice', 'bob'])
      scene.sfu(leaving).leaveAll()
      await scene.expectGone(leaving)
      assert.deepEqual(scene.sfu(busy).present, ['alice', 'bob'])
    })
  }

  promise('half-open for 15 s: nothing answers and nothing breaks; then all goes on', async (scene, world) => {
    const busy = await scene.busyNode({ name: 'busy' })
    const staying = await draining(scene, 'staying', 10)
    world.operator.api.silence()
    await scene.expectLeftAlone(busy, 15_000)
    const born = await scene.applyNode({ name: 'born' })
    world.operator.api.speak()
    await scene.expectReason(born, 'Serving')
    await scene.expectGone(staying)
    assert.deepEqual(endings(world, scene, staying), ['moved', 'moved'])
  })

  promise('watches that go silent are noticed, and begun anew', async (scene, world) => {
    const busy = await scene.busyNode({ name: 'busy' })
    const leaving = await draining(scene, 'leaving', 600)
    world.operator.api.muteWatches()
    const born = await scene.applyNode({ name: 'born' })
    scene.sfu(leaving).leaveAll()
    // Bookmarks come about each minute: after two minutes without one, nobody is there.
    await scene.expectReason(born, 'Serving', { withinMs: 200_000 })
    await scene.expectGone(leaving, { withinMs: 200_000 })
    assert.deepEqual(scene.sfu(busy).present, ['alice', 'bob'])
  })
})

/** A node with alice and bob on it, whose drain has begun. */
async function draining(scene: Scene, name: string, deadlineSeconds: number): Promise<string> {
  const node = await scene.busyNode({ name, drain: { deadlineSeconds } })
  await scene.deleteNode(node)
  await scene.expectReason(node, 'WaitingForSessions')
  return node
}

const endings = ({ fleet }: ProxiedWorld, scene: Scene, node: string): (string | undefined)[] =>
  fleet.ledger.sessions.filter(session => session.node === scene.key(node)).map(({ ending }) => ending?.how)
