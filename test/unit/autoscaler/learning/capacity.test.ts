import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { seededRandom } from '../../../../operator/ambient/seeded-random.ts'
import { capacityOf, MAX_GONE_SHAPES, poolCapacity } from '../../../../operator/autoscaler/learning/capacity.ts'
import type { NodeSample } from '../../../../operator/autoscaler/learning/snapshot.ts'
import { aNode, aReading, watch, watched } from './build.ts'

/** A node with so many units at pressure 1, at this pressure. */
const bearing = (name: string, capacity: number, pressure: number, given: Partial<NodeSample> = {}): NodeSample =>
  aNode(name, { ...given, reading: aReading({ pressure, units: capacity * pressure }) })

const isNear = (actual: number | undefined, expected: number, share: number): void =>
  assert.ok(
    actual !== undefined && Math.abs(actual - expected) <= share * expected,
    `${actual} is not within ${share * 100} % of ${expected}`,
  )

test('what each node bears is found under noise, and the pool bears the median', () => {
  fc.assert(
    fc.property(fc.integer({ min: 5, max: 5_000 }), fc.integer(), (capacity, seed) => {
      const random = seededRandom(seed)
      const it = watched()
      const noisy = (of: number): number => of * (0.9 + 0.2 * random.next())
      for (let tick = 0; tick < 100; tick += 1) {
        watch(it, [
          bearing('weak', noisy(0.7 * capacity), 0.35 + 0.5 * random.next()),
          bearing('usual', noisy(capacity), 0.35 + 0.5 * random.next()),
          bearing('strong', noisy(1.3 * capacity), 0.35 + 0.5 * random.next()),
        ])
      }
      isNear(capacityOf(it.learning, 'weak'), 0.7 * capacity, 0.03)
      isNear(capacityOf(it.learning, 'usual'), capacity, 0.03)
      isNear(capacityOf(it.learning, 'strong'), 1.3 * capacity, 0.03)
      isNear(poolCapacity(it.learning), capacity, 0.03)
    }),
    { numRuns: 50 },
  )
})

test('an SFU that bears less than before is followed within the hour', () => {
  const it = watched()
  for (let tick = 0; tick < 60; tick += 1) watch(it, [bearing('n', 1_000, 0.5)])
  for (let tick = 0; tick < 360; tick += 1) watch(it, [bearing('n', 600, 0.5)])
  isNear(poolCapacity(it.learning), 600, 0.02)
})

test('nothing is known while nobody is there, a guess before nodes are busy, and a measurement after', () => {
  const it = watched()
  watch(it, [bearing('n', 800, 0.04)])
  assert.equal(poolCapacity(it.learning), undefined)
  assert.equal(capacityOf(it.learning, 'n'), undefined)
  watch(it, [bearing('n', 800, 0.1)])
  isNear(capacityOf(it.learning, 'n'), 800, 1e-9)
  for (let tick = 0; tick < 10; tick += 1) watch(it, [bearing('n', 1_000, 0.5)])
  isNear(capacityOf(it.learning, 'n'), 1_000, 1e-9)
})

test('a pool that is overloaded from the first second has a guess too', () => {
  const it = watched()
  watch(it, [bearing('n', 1_000, 1.4)])
  isNear(poolCapacity(it.learning), 1_000, 1e-9)
})

test('the first few heartbeats of a node are not taken for what it bears', () => {
  const it = watched()
  const old = ['x', 'y', 'z'].map(name => bearing(name, 1_000, 0.5))
  for (let tick = 0; tick < 10; tick += 1) watch(it, old)
  for (let tick = 0; tick < 3; tick += 1) watch(it, [...old, bearing('young', 600, 0.5)])
  isNear(capacityOf(it.learning, 'young'), 1_000, 1e-9)
  for (let tick = 0; tick < 3; tick += 1) watch(it, [...old, bearing('young', 600, 0.5)])
  isNear(capacityOf(it.learning, 'young'), 600, 1e-9)
})

test('a new node bears what its shape does, and the first of a new shape what the pool does', () => {
  const it = watched()
  const old = ['x', 'y', 'z'].map(name => bearing(name, 1_000, 0.5))
  for (let tick = 0; tick < 10; tick += 1) watch(it, old)
  const young = [bearing('same', 1, 0.01), bearing('rolled', 1, 0.01, { shape: 'b' })]
  watch(it, [...old, ...young])
  isNear(capacityOf(it.learning, 'same'), 1_000, 1e-9)
  isNear(capacityOf(it.learning, 'rolled'), 1_000, 1e-9)
  isNear(capacityOf(it.learning, 'never seen'), 1_000, 1e-9)
  const busy = [bearing('rolled', 1_500, 0.5, { shape: 'b' })]
  for (let tick = 0; tick < 10; tick += 1) watch(it, [...old, ...busy])
  watch(it, [...old, ...busy, bearing('next', 1, 0.01, { shape: 'b' })])
  isNear(capacityOf(it.learning, 'next'), 1_500, 1e-9)
})

test('after a roll-out is finished the pool bears what the new shape does, and a roll-back finds the old figure again', () => {
  const it = watched()
  for (let tick = 0; tick < 10; tick += 1) watch(it, [bearing('old', 1_000, 0.5)])
  for (let tick = 0; tick < 10; tick += 1) watch(it, [bearing('new', 2_000, 0.5, { shape: 'b' })])
  isNear(poolCapacity(it.learning), 2_000, 1e-9)
  watch(it, [bearing('back', 1, 0.01)])
  isNear(poolCapacity(it.learning), 1_000, 1e-9)
})

test('one node that tells nonsense moves neither the pool nor itself by much', () => {
  fc.assert(
    fc.property(fc.double(), fc.double({ min: 0.3, max: 0.9, noNaN: true }), (units, pressure) => {
      const it = watched()
      const sane = ['x', 'y', 'z'].map(name => bearing(name, 1_000, 0.5))
      for (let tick = 0; tick < 10; tick += 1) watch(it, sane)
      const mad = aNode('mad', { reading: aReading({ pressure, units }) })
      for (let tick = 0; tick < 100; tick += 1) watch(it, [...sane, mad])
      isNear(poolCapacity(it.learning), 1_000, 1e-9)
      const itself = capacityOf(it.learning, 'mad') as number
      assert.ok(itself >= 250 && itself <= 4_000, `${itself}`)
    }),
  )
})

test('nodes and shapes that are gone are forgotten', () => {
  const it = watched()
  for (let generation = 0; generation < 100; generation += 1) {
    for (let tick = 0; tick < 5; tick += 1) {
      watch(it, [bearing(`n${generation}`, 1_000 + generation, 0.5, { shape: `s${generation}` })])
    }
  }
  assert.deepEqual([...it.learning.nodes.byName.keys()], ['n99'])
  assert.ok(it.learning.capacity.shapes.size <= MAX_GONE_SHAPES + 1)
  isNear(poolCapacity(it.learning), 1_099, 1e-9)
})
