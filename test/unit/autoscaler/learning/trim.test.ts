import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { NodeSample } from '../../../../operator/autoscaler/learning/snapshot.ts'
import { LEAST_TRIM, lateShare, trimOf } from '../../../../operator/autoscaler/learning/trim.ts'
import { aNode, aReading, joined, type Watched, watch, watched } from './build.ts'

const joining = (joins: number, quality: number, pressure = 0.5): NodeSample =>
  aNode(`n${pressure}`, { reading: aReading({ pressure, ...joined(joins, quality) }) })

function minutes(it: Watched, count: number, ...nodes: NodeSample[]): void {
  for (let tick = 0; tick < count * 6; tick += 1) watch(it, nodes)
}

test('it gives way by 8 % a minute while more than 1 % of joins are late, and comes back by half a point', () => {
  const it = watched()
  minutes(it, 1, joining(30, 1.2))
  watch(it, [joining(30, 1.2)])
  assert.equal(trimOf(it.learning), 0.92)
  minutes(it, 9, joining(30, 1.2))
  assert.equal(trimOf(it.learning), LEAST_TRIM)
  minutes(it, 11, joining(30, 0.8))
  assert.ok(Math.abs(trimOf(it.learning) - (LEAST_TRIM + 10 * 0.005)) < 0.006, `${trimOf(it.learning)}`)
  minutes(it, 70, joining(30, 0.8))
  assert.equal(trimOf(it.learning), 1)
})

test('just at the goal one in a hundred is late, by the definition of the goal', () => {
  const it = watched()
  minutes(it, 2, joining(60, 1))
  assert.ok(Math.abs((lateShare(it.learning) as number) - 0.01) < 1e-9)
  const [below, above] = [watched(), watched()]
  minutes(below, 2, joining(60, 0.999))
  minutes(above, 2, joining(60, 1.001))
  assert.equal(trimOf(below.learning), 1)
  assert.equal(trimOf(above.learning), 0.92 ** 2)
})

test('a few joins say nothing; they are gathered until there are enough', () => {
  const it = watched()
  // 1.67 joins a minute.
  minutes(it, 10, joining(1 / 1.2, 3))
  assert.equal(trimOf(it.learning), 1)
  assert.equal(lateShare(it.learning), undefined)
  minutes(it, 4, joining(1 / 1.2, 3))
  assert.equal(trimOf(it.learning), 0.92)
})

test('a node that is so full that it takes no more rooms does not make all others give way', () => {
  const it = watched()
  minutes(it, 10, joining(30, 0.5), joining(30, 5, 0.9))
  assert.equal(trimOf(it.learning), 1)
})

test('latency that load does not explain is no reason to give way', () => {
  const it = watched()
  for (let tick = 0; tick < 60; tick += 1) watch(it, [joining(30, 5)], 10, {}, false)
  minutes(it, 2, joining(30, 0.5))
  assert.equal(trimOf(it.learning), 1)
})

test('late joins from before that was known are forgotten too', () => {
  const it = watched()
  for (let tick = 0; tick < 4; tick += 1) watch(it, [joining(60, 5)])
  watch(it, [joining(60, 5)], 10, {}, false)
  minutes(it, 2, joining(60, 0.5))
  assert.equal(trimOf(it.learning), 1)
})
