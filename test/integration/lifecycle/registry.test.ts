// Hostile and broken values in the registry, while people are on the node and its SFU lives: nobody is cut, the node says
// what it cannot read, its load is unknown and never zero, and it serves again once its agent is heard.
import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Heartbeat } from '../../../operator/api/heartbeat.ts'
import type { Scene } from '../harness/scene.ts'
import { suiteInWorld } from '../harness/world.ts'

/** Longer than `unhealthyAfterSeconds` of the class. */
const LONG_ENOUGH_MS = 7_000

const unusable: Record<string, { raw: (heartbeat: Heartbeat) => string; words: RegExp }> = {
  'text that is not JSON': { raw: () => '{"podUID":', words: /cannot be used: the value is not JSON/ },
  'nothing at all': { raw: () => '', words: /cannot be used: the value is not JSON/ },
  'a value over the size limit': {
    raw: heartbeat => JSON.stringify({ ...heartbeat, padding: 'x'.repeat(20_000) }),
    words: /larger than 16384 bytes/,
  },
  'an array': { raw: heartbeat => JSON.stringify([heartbeat]), words: /not a JSON object/ },
  'a thousand brackets': { raw: () => '['.repeat(1_000) + ']'.repeat(1_000), words: /not a JSON object/ },
  'NaN for sessions': {
    raw: heartbeat => JSON.stringify({ ...heartbeat, sessions: 0 }).replace('"sessions":0', '"sessions":NaN'),
    words: /not JSON/,
  },
  'infinitely many sessions': {
    raw: heartbeat => JSON.stringify({ ...heartbeat, sessions: 0 }).replace('"sessions":0', '"sessions":1e999'),
    words: /sessions/,
  },
  'negative sessions': { raw: heartbeat => JSON.stringify({ ...heartbeat, sessions: -2 }), words: /sessions/ },
  'half a session': { raw: heartbeat => JSON.stringify({ ...heartbeat, sessions: 1.5 }), words: /sessions/ },
  'sessions as text': { raw: heartbeat => JSON.stringify({ ...heartbeat, sessions: '2' }), words: /sessions/ },
  'a state nobody knows': { raw: heartbeat => JSON.stringify({ ...heartbeat, state: 'resting' }), words: /state/ },
  'no sessions': { raw: heartbeat => JSON.stringify({ ...heartbeat, sessions: undefined }), words: /sessions/ },
  'a negative load': { raw: heartbeat => JSON.stringify({ ...heartbeat, cpu: -1 }), words: /cpu/ },
  'the UID of another pod': {
    raw: heartbeat => JSON.stringify({ ...heartbeat, podUID: 'another-pod', sessions: 0 }),
    words: /comes from another pod \(another-pod\)/,
  },
}

suiteInWorld('hostile values in the registry', { sideBySide: 12 }, promise => {
  for (const [what, { raw, words }] of Object.entries(unusable)) {
    promise(`${what} in place of a heartbeat cuts nobody, and the node recovers`, async scene => {
      const node = await scene.busyNode()
      scene.sfu(node).writes(raw(await heartbeatOf(scene, node)))
      const lost = await scene.expectReason(node, 'TelemetryLost', { message: words })
      assert.equal(lost.status?.phase, 'Running')
      await scene.expectLeftAlone(node, LONG_ENOUGH_MS)
      assert.deepEqual((await scene.node(node)).status?.load, lost.status?.load, 'the last known load stays')
      scene.sfu(node).recovers()
      await scene.expectReason(node, 'Serving')
    })
  }

  promise('heartbeats of an older boot do not count, however high their number', async scene => {
    const node = await scene.runningNode()
    const old = await heartbeatOf(scene, node)
    scene.sfu(node).crash()
    await scene.expectHeartbeat(node, 'a new boot', ({ bootId }) => bootId !== old.bootId)
    await scene.sfu(node).join('alice', 'bob')
    scene.sfu(node).writes(JSON.stringify({ ...old, seq: old.seq + 1_000_000 }))
    await scene.expectReason(node, 'TelemetryLost', { message: /no new heartbeat/ })
    await scene.expectLeftAlone(node, LONG_ENOUGH_MS)
    scene.sfu(node).recovers()
    await scene.expectReason(node, 'Serving')
  })

  promise('a heartbeat that is written again and again does not count as new', async scene => {
    const node = await scene.busyNode()
    scene.sfu(node).writes(JSON.stringify(await heartbeatOf(scene, node)))
    await scene.expectReason(node, 'TelemetryLost', { message: /no new heartbeat/ })
    await scene.expectLeftAlone(node, LONG_ENOUGH_MS)
    scene.sfu(node).recovers()
    await scene.expectReason(node, 'Serving')
  })

  promise('a key without a lease proves nothing', async (scene, { etcd }) => {
    const node = await scene.busyNode()
    const heartbeat = await heartbeatOf(scene, node)
    scene.sfu(node).silence()
    await etcd.put(`/sfu/nodes/${scene.key(node)}`).value(JSON.stringify({ ...heartbeat, seq: heartbeat.seq + 1_000 }))
    await scene.expectReason(node, 'TelemetryLost', { message: /no new heartbeat/ })
    await scene.expectLeftAlone(node, LONG_ENOUGH_MS)
    scene.sfu(node).recovers()
    await scene.expectReason(node, 'Serving')
  })

  promise(
    'keys of nodes that do not exist make nothing and disturb nobody',
    async (scene, { etcd, cluster, operator }) => {
      const node = await scene.busyNode()
      const { pid } = operator
      const heartbeat = JSON.stringify(await heartbeatOf(scene, node))
      const strange = ['ghost', 'a/b', 'UPPER', '..', 'x'.repeat(300), 'ünï', ''].map(
        name => `/sfu/nodes/${scene.namespace}/${name}`,
      )
      for (const key of strange) await etcd.put(key).value(heartbeat)
      await scene.expectLeftAlone(node, 3_000)
      assert.equal(
        await cluster.kubectl(['-n', scene.namespace, 'get', 'rtcnodes,pods', '-oname']),
        `rtcnode.rtcnode.io/${node}\npod/${node}\n`,
      )
      assert.equal(operator.pid, pid, 'the operator was not disturbed')
      for (const key of strange) await etcd.delete().key(key)
      await scene.expectReason(node, 'Serving')
    },
  )

  promise('a node that writes over the key of another neither empties nor hides it', async (scene, { etcd }) => {
    const [busy, rogue] = [await scene.busyNode(), await scene.runningNode({ name: 'rogue' })]
    const lie = { ...(await heartbeatOf(scene, rogue)), state: 'draining', sessions: 0, rooms: 0, ackIntent: 2 ** 40 }
    const overwriting = new AbortController()
    const overwrite = (async () => {
      for (let seq = lie.seq + 1_000; !overwriting.signal.aborted; seq += 1) {
        await etcd.put(`/sfu/nodes/${scene.key(busy)}`).value(JSON.stringify({ ...lie, seq }))
        await sleep(100)
      }
    })()
    try {
      await scene.deleteNode(busy)
      await scene.expectPhase(busy, 'Terminating')
      await scene.expectNode(busy, 'a deadline', ({ status }) => status?.drain?.deadline)
      await scene.expectLeftAlone(busy, LONG_ENOUGH_MS)
    } finally {
      overwriting.abort()
      await overwrite
    }
    scene.sfu(busy).leaveAll()
    await scene.expectGone(busy)
    await scene.expectReason(rogue, 'Serving')
  })

  promise('a drain whose heartbeats cannot be read keeps people until the deadline, and ends', async scene => {
    const node = await scene.busyNode({ drain: { deadlineSeconds: 10 } })
    scene.sfu(node).writes('{"sessions":0}')
    await scene.expectReason(node, 'TelemetryLost')
    await scene.deleteNode(node)
    await scene.expectReason(node, 'ClosingAdmission')
    await scene.expectGone(node)
    assert.ok(scene.lastStatus(node)?.drain?.skipped?.includes('evict'), 'it is told that nobody confirmed')
  })

  promise('each unusable value is counted by its cause', async (scene, { operator }) => {
    const node = await scene.runningNode()
    for (const raw of ['x', '[]', '{}', 'x'.repeat(20_000)]) scene.sfu(node).writes(raw)
    await scene.expectReason(node, 'TelemetryLost')
    const metrics = await operator.metrics()
    for (const cause of ['not-json', 'not-an-object', 'invalid', 'too-large']) {
      assert.match(metrics, new RegExp(`rejected_values_total{cause="${cause}"} [1-9]`))
    }
    scene.sfu(node).recovers()
    await scene.expectReason(node, 'Serving')
  })
})

const heartbeatOf = (scene: Scene, node: string): Promise<Heartbeat> => scene.expectHeartbeat(node, 'one', () => true)
