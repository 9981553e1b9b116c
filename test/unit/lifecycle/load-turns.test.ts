// Each node has its turn to tell its load, and those that have something to tell do not come all at once.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { keyOf, type ObjectKey, objectKey } from '../../../operator/api/meta.ts'
import type { RTCNode } from '../../../operator/api/rtcnode.ts'
import { loadTurns } from '../../../operator/lifecycle/load-turns.ts'
import type { Registration } from '../../../operator/registry/registration.ts'
import { fakeClock } from '../fake-clock.ts'
import { absent, aRunningNode, fresh, timeAt } from './build.ts'

const CARRIED = { sessions: 50, streams: 400, cpuPercent: 40, observedAt: timeAt(0) }

function scene(count: number) {
  const clock = fakeClock()
  const { metadata, status, ...rest } = aRunningNode()
  const named = (index: number): RTCNode => ({
    ...rest,
    metadata: { ...metadata, name: `n-${index}` },
    status: { phase: 'Running', ...status, load: CARRIED },
  })
  const nodes = new Map(Array.from({ length: count }, (_, index) => [keyOf(named(index)), named(index)]))
  let registration: Registration = fresh({ sessions: 50, streams: 400, cpu: 40 })
  const turns = loadTurns({
    nodeCache: { get: key => nodes.get(key), list: () => nodes.values() },
    fleet: { registration: () => registration },
    clock,
  })
  const told: { key: ObjectKey; at: number; isDue: boolean }[] = []
  const stop = turns.subscribe(
    key => told.push({ key, at: clock.monotonic(), isDue: turns.isDue(key) }),
    () => assert.fail('nobody is there initially'),
  )
  return { clock, nodes, told, turns, stop, says: (next: Registration) => void (registration = next) }
}

test('nobody has a turn who has nothing new to tell', async () => {
  const { clock, told, says, stop } = scene(100)
  await clock.advance(60_000)
  says(fresh({ sessions: 51, streams: 390, cpu: 49 }))
  await clock.advance(60_000)
  says(absent(10))
  await clock.advance(60_000)
  assert.deepEqual(told, [])
  stop()
  assert.equal(clock.pending, 0)
})

test('when the load of all changes, all are told of within a round, evenly spread', async () => {
  const { clock, told, says, turns } = scene(1_000)
  await clock.advance(12_345)
  says(fresh({ sessions: 50, streams: 400, cpu: 66 }))
  await clock.advance(30_000)
  assert.equal(new Set(told.map(({ key }) => key)).size, 1_000)
  assert.ok(told.every(({ isDue }) => isDue))
  const perTurn = Map.groupBy(told, ({ at }) => at)
  assert.ok([...perTurn.values()].every(({ length }) => length <= 4))
  const due = [...new Set(told.map(({ key }) => key))].filter(turns.isDue)
  assert.ok(due.length <= 4, 'a turn ends with the next')
})

test('who comes has a turn within two rounds, and who goes has none', async () => {
  const { clock, nodes, told, says } = scene(3)
  says(fresh({ sessions: 0, streams: 0, cpu: 1 }))
  const { value: node } = nodes.values().next() as { value: RTCNode }
  const late = objectKey('late', node.metadata.namespace)
  nodes.set(late, { ...node, metadata: { ...node.metadata, name: 'late' } })
  const gone = keyOf(node)
  nodes.delete(gone)
  await clock.advance(60_000)
  assert.ok(told.some(({ key }) => key === late))
  assert.ok(!told.some(({ key, at }) => key === gone && at > 1_000))
})
