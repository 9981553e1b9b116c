// What happens to one node while people are on it: deleted pods, crashes, silence, things stripped and taken away. Nobody is
// cut before the deadline, and in the end nothing is left.
import assert from 'node:assert/strict'
import { instant, toTimestamp } from '../../../operator/ambient/clock.ts'
import { until } from '../../cluster/until.ts'
import { simClass } from '../harness/class.ts'
import type { Scene } from '../harness/scene.ts'
import { suiteInWorld } from '../harness/world.ts'

/** Longer than `unhealthyAfterSeconds` of the class. */
const LONG_ENOUGH_MS = 7_000

suiteInWorld('faults around one node', { sideBySide: 10, crowd: 12 }, promise => {
  promise('a node whose agent is dead keeps its people until the deadline, and is gone soon after it', async scene => {
    const node = await scene.busyNode({ drain: { deadlineSeconds: 12 } })
    scene.sfu(node).silence()
    await scene.expectReason(node, 'TelemetryLost')
    await scene.deleteNode(node)
    await scene.expectReason(node, 'ClosingAdmission')
    await scene.expectGone(node, { withinMs: 120_000 })
    assert.ok(scene.lastStatus(node)?.drain?.skipped?.includes('evict'), 'it is told that nobody confirmed')
  })

  promise('an SFU that hangs is kept, and drained to its deadline when its node is deleted', async scene => {
    const node = await scene.busyNode({ drain: { deadlineSeconds: 12 } })
    scene.sfu(node).hang()
    await scene.expectReason(node, 'TelemetryLost', { message: /no new heartbeat/ })
    await scene.deleteNode(node)
    await scene.expectGone(node, { withinMs: 120_000 })
  })

  promise(
    'a node whose agent ignores its intents, and whose sessions never reach zero, is gone by deadline and grace',
    async scene => {
      const node = await scene.busyNode({ drain: { deadlineSeconds: 6 } })
      scene.sfu(node).ignoresIntents()
      scene.sfu(node).neverEmpties()
      await scene.deleteNode(node)
      await scene.expectGone(node, { withinMs: 120_000 })
      assert.ok(scene.lastStatus(node)?.drain?.skipped?.includes('evict'))
    },
  )

  promise('a deleted namespace waits for its people, and then it is gone', async (scene, { fleet }) => {
    const patient = await scene.busyNode({ name: 'patient' })
    const hasty = await scene.busyNode({ name: 'hasty', drain: { deadlineSeconds: 8 } })
    scene.judgesItself(hasty)
    const deletedAt = Date.now()
    await scene.kubectl('delete', 'namespace', scene.namespace, '--wait=false')
    // Kubernetes deletes the pods of a namespace first, and all else when they are gone.
    await scene.expectReason(patient, 'PodDeleted')
    await scene.expectGone(hasty)
    for (const { ending } of fleet.ledger.sessions.filter(({ node }) => node === scene.key(hasty))) {
      assert.equal(ending?.how, 'moved')
      assert.ok(ending.at.getTime() >= deletedAt + 8_000, 'not before what they were promised')
    }
    await scene.expectLeftAlone(patient, LONG_ENOUGH_MS)
    scene.sfu(patient).leaveAll()
    await scene.expectGone(patient)
    await expectNamespaceGone(scene)
  })

  promise('a node that empties before its deadline goes at once, and nobody was cut', async scene => {
    const node = await scene.busyNode()
    await scene.deleteNode(node)
    await scene.expectReason(node, 'WaitingForSessions', { message: /2 still connected/ })
    scene.sfu(node).leaveAll()
    await scene.expectGone(node)
    assert.equal(scene.lastStatus(node)?.drain?.skipped, undefined)
  })

  promise('those who stay are moved off at the deadline, not before', async (scene, { fleet }) => {
    const node = await scene.busyNode({ drain: { deadlineSeconds: 6 } })
    await scene.deleteNode(node)
    await scene.expectGone(node)
    assert.equal(scene.lastStatus(node)?.drain?.skipped, undefined)
    const endings = fleet.ledger.sessions.filter(session => session.node === scene.key(node))
    assert.deepEqual(
      endings.map(({ ending }) => ending?.how),
      ['moved', 'moved'],
    )
  })

  promise(
    'a node that its pool closed keeps its people for as long as the pool told',
    async (scene, { apply, fleet }) => {
      const { namespace } = scene
      const node = 'n'
      const metadata = { name: node, namespace, labels: { 'rtcnode.io/pool': 'eu' }, finalizers: ['rtcnode.io/drain'] }
      await apply({ apiVersion: 'rtcnode.io/v1alpha1', kind: 'RTCNode', metadata, spec: { className: 'sim' } })
      const { status } = await scene.expectReason(node, 'Serving')
      const { labels, annotations } = (await scene.pod(node)).metadata
      assert.equal(labels?.['rtcnode.io/pool'], 'eu')
      assert.equal(annotations?.['rtcnode.io/class-hash'], status?.classHash)
      assert.match(status?.classHash ?? '', /^[a-z0-9]{8}$/)

      await scene.sfu(node).join('alice', 'bob')
      await scene.expectHeartbeat(node, 'two people', ({ sessions }) => sessions === 2)
      const deadline = toTimestamp(instant(Date.now() + 10_000))
      const mark = { 'rtcnode.io/closed-by-pool': 'ScaleIn', 'rtcnode.io/drain-deadline': deadline }
      const closing = JSON.stringify({ metadata: { annotations: mark }, spec: { cordoned: true } })
      await scene.kubectl('patch', 'rtcnode', node, '--type=merge', '-p', closing)
      await scene.expectReason(node, 'Cordoned', { message: new RegExp(`closed it \\(ScaleIn\\).*until ${deadline}`) })
      await scene.expectHeartbeat(node, 'closed', ({ state }) => state === 'closed')

      await scene.deleteNode(node)
      await scene.expectGone(node)
      const { drain } = scene.lastStatus(node) ?? {}
      assert.deepEqual([drain?.reason, drain?.deadline, drain?.skipped], ['ScaleIn', deadline, undefined])
      for (const { ending } of fleet.ledger.sessions.filter(session => session.node === scene.key(node))) {
        assert.equal(ending?.how, 'moved')
        assert.ok(ending.at.getTime() >= Date.parse(deadline))
      }
    },
  )

  promise('a pod deleted by hand drains: people finish, then pod and node go', async scene => {
    const node = await scene.busyNode()
    await scene.kubectl('delete', 'pod', node, '--wait=false')
    await scene.expectReason(node, 'PodDeleted', { message: /not the RTCNode/ })
    await scene.expectLeftAlone(node, LONG_ENOUGH_MS)
    await scene.expectHeartbeat(node, 'draining', ({ state }) => state === 'draining')
    scene.sfu(node).leaveAll()
    await scene.expectReason(node, 'PodLost')
    await scene.expectGone(node)
    assert.equal(scene.lastStatus(node)?.drain?.reason, 'PodLost')
  })

  promise('an RTCNode deleted after its pod was deleted by hand keeps the people too', async scene => {
    const node = await scene.busyNode()
    await scene.kubectl('delete', 'pod', node, '--wait=false')
    await scene.expectReason(node, 'PodDeleted')
    await scene.deleteNode(node)
    await scene.expectReason(node, 'WaitingForSessions')
    await scene.expectLeftAlone(node, LONG_ENOUGH_MS)
    scene.sfu(node).leaveAll()
    await scene.expectGone(node)
  })

  promise('an SFU that crashes and starts anew goes on serving in its node', async scene => {
    const node = await scene.busyNode()
    scene.sfu(node).crash()
    await scene.expectHeartbeat(node, 'a new boot', ({ bootId }) => bootId === 'boot-2')
    await scene.sfu(node).join('carol')
    await scene.expectLeftAlone(node, LONG_ENOUGH_MS)
    await scene.expectReason(node, 'Serving')
    await scene.deleteNode(node)
    await scene.expectReason(node, 'WaitingForSessions', { message: /1 still connected/ })
    scene.sfu(node).leaveAll()
    await scene.expectGone(node)
  })

  promise('an SFU that crashes in the middle of a drain is empty, and its node goes', async scene => {
    const node = await scene.busyNode()
    await scene.deleteNode(node)
    await scene.expectReason(node, 'WaitingForSessions')
    scene.sfu(node).crash()
    await scene.expectGone(node)
  })

  promise('an SFU whose pod fails for good is given up by two witnesses, and gone', async scene => {
    const node = await scene.busyNode()
    await scene.kubectl('label', 'pod', node, 'rtcnode.io/fault=crash')
    await scene.expectReason(node, 'HealthTimeout', { message: /for 5 s/ })
    await scene.expectGone(node)
    assert.equal(scene.lastStatus(node)?.drain?.reason, 'HealthTimeout')
  })

  promise('a pod that is not ready while its agent reports is kept', async scene => {
    const node = await scene.busyNode()
    await setReady(scene, node, 'False')
    await scene.expectReason(node, 'PodNotReady', { message: /the test says so/ })
    await scene.expectLeftAlone(node, LONG_ENOUGH_MS)
    await setReady(scene, node, 'True')
    await scene.expectReason(node, 'Serving')
  })

  promise('an agent that dies while its SFU lives costs nobody the call', async scene => {
    const node = await scene.busyNode()
    scene.sfu(node).silence()
    await scene.expectReason(node, 'TelemetryLost', { message: /no registry key|no new heartbeat/ })
    await scene.expectLeftAlone(node, LONG_ENOUGH_MS)
    scene.sfu(node).recovers()
    await scene.expectReason(node, 'Serving')
  })

  promise('an agent that comes back in a drain obeys it', async scene => {
    const node = await scene.busyNode()
    scene.sfu(node).silence()
    await scene.deleteNode(node)
    await scene.expectReason(node, 'ClosingAdmission')
    scene.sfu(node).recovers()
    await scene.expectReason(node, 'WaitingForSessions', { message: /2 still connected/ })
    scene.sfu(node).leaveAll()
    await scene.expectGone(node)
  })

  promise('a node deleted before it was ready goes, and its pod with it', async (scene, { apply }) => {
    await apply(simClass('unready', { labels: { 'rtcnode.io/fault': 'never-ready' } }))
    const node = await scene.applyNode({ className: 'unready' })
    await scene.expectReason(node, 'PodStarting')
    await scene.kubectl('annotate', 'pod', node, 'sfu.rtcnode.io/exited=true')
    await scene.deleteNode(node)
    await scene.expectGone(node)
  })

  promise('a node deleted while it waits for its class goes at once', async scene => {
    const node = await scene.applyNode({ className: 'never-made' })
    await scene.expectReason(node, 'ClassNotFound')
    await scene.deleteNode(node)
    await scene.expectGone(node)
  })

  promise('a finalizer stripped from a running node is put on again', async scene => {
    const node = await scene.busyNode()
    await stripFinalizers(scene, node)
    await scene.expectNode(node, 'the finalizer', ({ metadata }) => metadata.finalizers?.includes('rtcnode.io/drain'))
    await scene.expectLeftAlone(node, LONG_ENOUGH_MS)
  })

  promise(
    'a finalizer stripped in a drain loses the object, but neither the people nor anything behind them',
    async scene => {
      const node = await scene.busyNode()
      await scene.deleteNode(node)
      await scene.expectReason(node, 'WaitingForSessions')
      await stripFinalizers(scene, node)
      await scene.expectPod(
        node,
        'deleted by the garbage collector',
        pod => pod?.metadata.deletionTimestamp !== undefined,
      )
      await scene.expectLeftAlone(node, LONG_ENOUGH_MS)
      scene.sfu(node).leaveAll()
      await scene.expectGone(node)
    },
  )

  promise("a foreign finalizer is not ours to take off; ours goes, and the people's pod with it", async scene => {
    const node = await scene.busyNode()
    const add = '[{"op":"add","path":"/metadata/finalizers/-","value":"example.com/hold"}]'
    await scene.kubectl('patch', 'rtcnode', node, '--type=json', '-p', add)
    await scene.deleteNode(node)
    scene.sfu(node).leaveAll()
    await scene.expectNode(
      node,
      'only the foreign one',
      ({ metadata }) => String(metadata.finalizers) === 'example.com/hold',
    )
    await scene.expectPod(node, 'gone', pod => pod === undefined)
    await stripFinalizers(scene, node)
    await scene.expectGone(node)
  })

  promise('labels stripped from a pod come back, and the calls go on', async scene => {
    const node = await scene.busyNode()
    const { uid } = (await scene.pod(node)).metadata
    await stripLabels(scene, node)
    await scene.expectPod(node, 'labelled again', pod => pod?.metadata.labels?.['app.kubernetes.io/managed-by'])
    await scene.expectReason(node, 'Serving')
    await scene.expectLeftAlone(node, LONG_ENOUGH_MS)
    assert.equal((await scene.pod(node)).metadata.uid, uid)
  })

  promise('labels stripped from a pod in a drain do not hide its people', async scene => {
    const node = await scene.busyNode()
    await scene.deleteNode(node)
    await scene.expectReason(node, 'WaitingForSessions')
    await stripLabels(scene, node)
    await scene.expectLeftAlone(node, LONG_ENOUGH_MS)
    scene.sfu(node).leaveAll()
    await scene.expectGone(node)
  })

  promise('a class deleted while nodes use it breaks no promise it made', async (scene, { apply }) => {
    await apply(simClass('short-lived', { drain: { deadlineSeconds: 900 } }))
    const node = await scene.busyNode({ className: 'short-lived' })
    await scene.kubectl('delete', 'rtcnodeclass', 'short-lived')
    await scene.expectLeftAlone(node, LONG_ENOUGH_MS)
    await scene.deleteNode(node)
    const { metadata, status } = await scene.expectReason(node, 'WaitingForSessions')
    const promisedMs = Date.parse(status?.drain?.deadline ?? '') - Date.parse(metadata.deletionTimestamp ?? '')
    assert.equal(promisedMs, 900_000)
    scene.sfu(node).leaveAll()
    await scene.expectGone(node)
  })

  promise('a deadline once written does not move, whatever the spec says later', async scene => {
    const node = await scene.busyNode({ drain: { deadlineSeconds: 600 } })
    await scene.deleteNode(node)
    const { status } = await scene.expectReason(node, 'WaitingForSessions')
    await scene.kubectl('patch', 'rtcnode', node, '--type=merge', '-p', '{"spec":{"drain":{"deadlineSeconds":0}}}')
    await scene.expectLeftAlone(node, LONG_ENOUGH_MS)
    assert.equal((await scene.node(node)).status?.drain?.deadline, status?.drain?.deadline)
  })

  promise('a cordoned node takes no new rooms and keeps its calls; opened, it serves again', async scene => {
    const node = await scene.busyNode()
    await scene.kubectl('patch', 'rtcnode', node, '--type=merge', '-p', '{"spec":{"cordoned":true}}')
    await scene.expectHeartbeat(node, 'closed', ({ state }) => state === 'closed')
    await scene.expectReason(node, 'Cordoned')
    await scene.kubectl('patch', 'rtcnode', node, '--type=merge', '-p', '{"spec":{"cordoned":false}}')
    await scene.expectHeartbeat(node, 'serving', ({ state }) => state === 'serving')
    await scene.expectReason(node, 'Serving')
    assert.deepEqual(scene.sfu(node).present, ['alice', 'bob'])
  })
})

const stripFinalizers = (scene: Scene, node: string): Promise<string> =>
  scene.kubectl('patch', 'rtcnode', node, '--type=merge', '-p', '{"metadata":{"finalizers":null}}')

const stripLabels = (scene: Scene, node: string): Promise<string> =>
  scene.kubectl('label', 'pod', node, 'app.kubernetes.io/managed-by-', 'rtcnode.io/node-', 'rtcnode.io/class-')

/** As its host would say. */
async function setReady(scene: Scene, node: string, status: 'True' | 'False'): Promise<void> {
  const condition = {
    type: 'Ready',
    status,
    reason: 'Test',
    message: 'the test says so',
    lastTransitionTime: new Date(),
  }
  const patch = JSON.stringify({ status: { conditions: [condition] } })
  await scene.kubectl('patch', 'pod', node, '--subresource=status', '--type=strategic', '-p', patch)
}

/**
 * The namespace controller comes back by itself after half the grace period that the pods had when it first looked, which
 * is as long as a drain: half an hour here. A change of the namespace wakes it.
 */
async function expectNamespaceGone(scene: Scene): Promise<void> {
  const isGone = async (): Promise<boolean> => {
    if ((await scene.kubectl('get', 'namespace', scene.namespace, '--ignore-not-found', '-oname')) === '') return true
    await scene.kubectl('annotate', 'namespace', scene.namespace, '--overwrite', `test/look-at=${Date.now()}`)
    return false
  }
  await until('the namespace gone', isGone, { withinMs: 60_000, everyMs: 500 })
}
