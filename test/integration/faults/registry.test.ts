// The registry's etcd fails under a fleet with people on it: killed, frozen longer than any lease lives, wiped, compacted, full,
// and away when a drain ends. Nobody is cut, no node is given up, and all is as before when it is back.
import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { AlarmAction, AlarmType, type Etcd3 } from 'etcd3'
import { until } from '../../cluster/until.ts'
import { readyOf, type Scene } from '../harness/scene.ts'
import { setReady } from './kubelet.ts'
import { type ProxiedWorld, suiteOfFaults } from './proxied-operator.ts'

/** Longer than the agents' leases (10 s), and than `unhealthyAfterSeconds` of the class (5 s) and the freeze after it. */
const LONG_MS = 14_000
const QUOTA_MIB = 24

suiteOfFaults('faults of the registry', { cluster: { registryQuotaMiB: QUOTA_MIB } }, promise => {
  const faults: Record<string, (world: ProxiedWorld) => Promise<void>> = {
    async 'killed, and away for longer than any lease'({ cluster: { registry } }) {
      await registry.server.kill()
      await sleep(LONG_MS)
      await registry.server.start()
    },
    async 'frozen for longer than any lease'({ cluster: { registry } }) {
      registry.server.pause()
      await sleep(LONG_MS)
      registry.server.resume()
    },
    'wiped, so that revisions begin again': ({ cluster: { registry } }) => registry.wipe(),
    async 'compacted while the operator looks away'({ etcd, operator }) {
      operator.pause()
      await sleep(3_000)
      const { header } = await etcd.put('/elsewhere').value('x')
      await etcd.kv.compact({ revision: header.revision, physical: true })
      operator.resume()
    },
    async 'full, so that no heartbeat is taken, until there is space again'({ etcd, operator }) {
      await fill(etcd)
      await until('a freeze', async () => /^rtcnode_registry_frozen 1/m.test(await operator.metrics()), {
        withinMs: 60_000,
      })
      await sleep(LONG_MS)
      await makeSpace(etcd)
    },
  }

  for (const [what, happens] of Object.entries(faults)) {
    promise(`${what}: nobody is cut, no node is given up`, async (scene, world) => {
      const fleet = await busyFleet(scene, 5)
      const unwell = await scene.busyNode({ name: 'unwell' })
      const leaving = await scene.busyNode({ name: 'leaving' })
      await scene.deleteNode(leaving)
      await scene.expectReason(leaving, 'WaitingForSessions')
      const { pid } = world.operator
      // A second witness against it, just when the first cannot be trusted.
      await setReady(scene, unwell, 'False')
      await scene.expectNode(unwell, 'not ready', node => readyOf(node)?.status !== 'True')

      await happens(world)

      await Promise.all([...fleet, unwell].map(node => scene.expectLeftAlone(node, LONG_MS)))
      await setReady(scene, unwell, 'True')
      for (const node of [...fleet, unwell]) await scene.expectReason(node, 'Serving')
      for (const node of fleet) await scene.expectHeartbeat(node, 'two people', ({ sessions }) => sessions === 2)
      assert.deepEqual(scene.sfu(leaving).present, ['alice', 'bob'])
      scene.sfu(leaving).leaveAll()
      await scene.expectGone(leaving)
      // What is decided after the fault reaches the agents: the intents work as before.
      const [first = ''] = fleet
      await scene.kubectl('patch', 'rtcnode', first, '--type=merge', '-p', '{"spec":{"cordoned":true}}')
      await scene.expectHeartbeat(first, 'closed', ({ state }) => state === 'closed')
      assert.equal(world.operator.pid, pid, 'the operator lived through it')
    })
  }

  promise(
    'away when deadline and grace pass: the node is gone by then, and tells what was skipped',
    async (scene, world) => {
      const { registry } = world.cluster
      const busy = await busyFleet(scene, 4)
      const node = await scene.busyNode({ name: 'deleted', drain: { deadlineSeconds: 8 } })
      await scene.deleteNode(node)
      await scene.expectReason(node, 'WaitingForSessions')
      await registry.server.kill()
      const { status } = await scene.expectNode(node, 'skipped steps', it => it.status?.drain?.skipped?.length)
      const told = Date.now()
      assert.ok(told >= Date.parse(status?.drain?.deadline ?? '') + 5_000, 'people had deadline and grace')
      const isReleased = () => world.history.nodes(scene.key(node)).at(-1)?.is === undefined
      await world.history.until('the node to be gone while the registry is away', isReleased, 90_000)
      for (const name of busy) assert.deepEqual(scene.sfu(name).present, ['alice', 'bob'], `people on ${name}`)
      await registry.server.start()
      await scene.expectGone(node)
      assert.deepEqual(scene.lastStatus(node)?.drain?.skipped?.includes('evict'), true)
      for (const name of busy) await scene.expectReason(name, 'Serving')
    },
  )

  promise('wiped while a closed node is opened again: it opens', async (scene, { cluster: { registry } }) => {
    const node = await scene.busyNode({ name: 'closed' })
    const cordon = (cordoned: boolean) =>
      scene.kubectl('patch', 'rtcnode', node, '--type=merge', '-p', JSON.stringify({ spec: { cordoned } }))
    await cordon(true)
    await scene.expectHeartbeat(node, 'closed', ({ state }) => state === 'closed')
    await registry.server.kill()
    await cordon(false)
    await registry.wipe()
    await scene.expectHeartbeat(node, 'open', ({ state }) => state === 'serving')
    assert.deepEqual(scene.sfu(node).present, ['alice', 'bob'])
  })
})

/** As whoever may write in one namespace can do it. */
async function fill(etcd: Etcd3): Promise<void> {
  const value = 'x'.repeat(2 ** 20)
  const writeAll = async () => {
    for (let written = 0; written <= 2 * QUOTA_MIB; written += 1) await etcd.put('/elsewhere').value(value)
  }
  await assert.rejects(writeAll(), /database space exceeded/)
}

/** As docs/operations.md says, for an etcd of one's own. */
async function makeSpace(etcd: Etcd3): Promise<void> {
  const { header } = await etcd.kv.range({ key: Buffer.from('/elsewhere'), keys_only: true })
  await etcd.kv.compact({ revision: header.revision, physical: true })
  await etcd.maintenance.defragment()
  const { alarms } = await etcd.maintenance.alarm({ action: AlarmAction.Get })
  for (const { memberID } of alarms)
    await etcd.maintenance.alarm({ action: AlarmAction.Deactivate, alarm: AlarmType.Nospace, memberID })
  await etcd.put('/elsewhere').value('')
}

async function busyFleet(scene: Scene, count: number): Promise<string[]> {
  const names = Array.from({ length: count }, (_, index) => `busy-${index}`)
  return Promise.all(names.map(name => scene.busyNode({ name })))
}
