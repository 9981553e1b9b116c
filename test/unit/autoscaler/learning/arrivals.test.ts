import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seededRandom } from '../../../../operator/ambient/seeded-random.ts'
import { roomArrivals } from '../../../../operator/autoscaler/learning/arrivals.ts'
import type { NodeSample } from '../../../../operator/autoscaler/learning/snapshot.ts'
import { aNode, aReading, watch, watched } from './build.ts'

const holding = (name: string, rooms: number | undefined, pressure: number): NodeSample =>
  aNode(name, { reading: aReading({ rooms, pressure }) })

test('rate and sizes are found where rooms come and go at random', () => {
  const random = seededRandom(11)
  const it = watched()
  // Rooms of pressure 0.01 or 0.05, one in two seconds over the pool, each for ten minutes: E[w] 0.03, E[w²] 0.0013.
  const nodes = Array.from({ length: 20 }, () => [] as { pressure: number; until: number }[])
  for (let second = 0; second < 4 * 3_600; second += 1) {
    for (const rooms of nodes) {
      const gone = rooms.findIndex(({ until }) => until <= second)
      if (gone >= 0) rooms.splice(gone, 1)
      if (random.next() < 0.5 / 20) rooms.push({ pressure: random.next() < 0.5 ? 0.01 : 0.05, until: second + 600 })
    }
    if (second % 3 !== 0) continue
    const samples = nodes.map((rooms, n) =>
      holding(
        `n${n}`,
        rooms.length,
        rooms.reduce((sum, { pressure }) => sum + pressure, 0),
      ),
    )
    watch(it, samples, 3)
  }
  const found = roomArrivals(it.learning)
  assert.ok(found)
  assert.ok(Math.abs(found.perSecond - 0.5) < 0.1, `${found.perSecond} a second`)
  assert.ok(Math.abs(found.meanPressure - 0.03) < 0.003, `mean ${found.meanPressure}`)
  assert.ok(Math.abs(found.meanSquarePressure - 0.0013) < 0.0003, `mean square ${found.meanSquarePressure}`)
})

test('where rooms are not told, nothing is said of them', () => {
  const it = watched()
  for (let tick = 0; tick < 60; tick += 1) watch(it, [holding('n', undefined, 0.5)])
  assert.equal(roomArrivals(it.learning), undefined)
})

test('rooms that were there before anybody looked did not arrive', () => {
  const it = watched()
  for (let tick = 0; tick < 60; tick += 1) watch(it, [holding('n', 500, 0.5)])
  assert.equal(roomArrivals(it.learning)?.perSecond, 0)
})

test('a meeting that ends and begins anew is an arrival; one that only ends is none', () => {
  const it = watched()
  for (const rooms of [10, 9, 10, 10, 8]) watch(it, [holding('n', rooms, 0.5)], 60)
  assert.ok(Math.abs(it.learning.arrivals.came - 2 ** -(120 / 300)) < 1e-9, `${it.learning.arrivals.came}`)
})
