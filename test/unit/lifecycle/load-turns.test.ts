// Each node has its turn to tell its load, and those that have something to tell do not come all at once.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { keyOf, type ObjectKey, objectKey, splitKey } from '../../../operator/api/meta.ts'
import type { RTCNode } from '../../../operator/api/rtcnode.ts'
import { loadTurns } from '../../../operator/lifecycle/load-turns.ts'
import { fakeClock } from '../fake-clock.ts'
import { aRunningNode, fresh, timeAt } from './build.ts'

const LOAD = { sessions: 50, streams: 400, cpuPercent: 40, observedAt: timeAt(0) }

function scene(count: number) {
  const clock = fakeClock()
  const { metadata, status, ...rest } = aRunningNode()
  const nodes = new Map<ObjectKey, RTCNode>()
  const put = (name: string, cpuPercent: number): ObjectKey => {
    const load = { ...LOAD, cpuPercent }
    const node: RTCNode = { ...rest, metadata: { ...metadata, name }, status: { phase: 'Running', ...status, load } }
    nodes.set(keyOf(node), node)
    return keyOf(node)
  }
  for (let index = 0; index < count; index += 1) put(`n-${index}`, LOAD.cpuPercent)
  let cpu = LOAD.cpuPercent
  let isWritten = true
  const turns = loadTurns({
    nodeCache: { get: key => nodes.get(key), list: () => nodes.values() },
    fleet: { registration: () => fresh({ sessions: 50, streams: 400, cpu }) },
    clock,
  })
  const told: { key: ObjectKey; at: number }[] = []
  const stop = turns.subscribe(
    key => {
      assert.ok(turns.isDue(key))
      told.push({ key, at: clock.monotonic() })
      if (isWritten) clock.after(50, () => put(splitKey(key).name, cpu))
    },
    () => assert.fail('nobody is there initially'),
  )
  return {
    clock,
    nodes,
    told,
    put,
    stop,
    carries: (percent: number) => void (cpu = percent),
    writes: (does: boolean) => void (isWritten = does),
  }
}

test('nobody has a turn who has nothing new to tell', async () => {
  const { clock, told, carries, stop } = scene(100)
  await clock.advance(60_000)
  carries(49)
  await clock.advance(60_000)
  assert.deepEqual(told, [])
  stop()
  assert.equal(clock.pending, 0)
})

test('when the load of all changes, each is told of once within a round, and a few at a time', async () => {
  const { clock, told, carries } = scene(1_000)
  await clock.advance(12_345)
  carries(66)
  await clock.advance(30_000)
  assert.equal(told.length, 1_000)
  assert.equal(new Set(told.map(({ key }) => key)).size, 1_000)
  const perTurn = Map.groupBy(told, ({ at }) => at)
  assert.ok([...perTurn.values()].every(({ length }) => length <= 4))
})

test('while those whose turn it is cannot be told of, the others wait, but not for ever', async () => {
  const { clock, told, carries, writes } = scene(1_000)
  writes(false)
  carries(66)
  await clock.advance(3_000)
  assert.ok(told.length <= 4, `${told.length}`)
  await clock.advance(30_000)
  assert.ok(told.length >= 8 && told.length <= 44, `${told.length}`)
  writes(true)
  await clock.advance(60_000)
  assert.equal(new Set(told.map(({ key }) => key)).size, 1_000)
})

test('who comes has a turn, and who goes has none', async () => {
  const { clock, nodes, told, put, carries } = scene(3)
  await clock.advance(40_000)
  const late = put('late', LOAD.cpuPercent)
  const gone = objectKey('n-1', splitKey(late).namespace)
  nodes.delete(gone)
  carries(66)
  await clock.advance(60_000)
  assert.deepEqual(told.map(({ key }) => key).toSorted(), [...nodes.keys()].toSorted())
  assert.ok(!nodes.has(gone))
})
