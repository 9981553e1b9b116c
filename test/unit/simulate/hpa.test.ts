// The baseline is the real algorithm: its worked semantics, case by case.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { fromPods, fromTotal, limited, type PodSample } from '../../../operator/simulate/hpa.ts'

const ready = (...values: number[]): PodSample[] => values.map(value => ({ state: 'ready', value }))
const missing: PodSample = { state: 'missing' }
const unready: PodSample = { state: 'unready' }
const bounds = { minReplicas: 1, maxReplicas: 1_000 }

test('replicas = ceil(ratio × ready pods)', () => {
  assert.equal(fromPods(ready(90, 90, 90), 60, 3, 100), 5)
  assert.equal(fromPods(ready(20, 20, 20, 20), 60, 4, 100), 2)
})

test('within a tenth of the target nothing happens', () => {
  assert.equal(fromPods(ready(65, 66, 66), 60, 3, 100), 3)
  assert.equal(fromPods(ready(55, 54, 54), 60, 3, 100), 3)
})

test('the 41st stream at four a pod adds nothing (kubernetes#116984)', () => {
  assert.equal(fromTotal(41, 4, 10), 10)
  assert.equal(fromTotal(45, 4, 10), 12)
})

test('missing pods count as full when the others would shrink, and may stop it', () => {
  assert.equal(fromPods([...ready(30, 30, 30)], 60, 4, 100), 2)
  assert.equal(fromPods([...ready(30, 30, 30), missing], 60, 4, 100), 4, '(90 + 100) / 4 = 47.5: 0.79 × 4 = 3.2 → 4')
  assert.equal(fromPods([...ready(50, 50), missing], 60, 3, 100), 3, 'it would turn into growth')
})

test('missing and unready pods count as idle when the others would grow', () => {
  assert.equal(fromPods([...ready(120, 120), missing, unready], 60, 4, 100), 4, '240 / 4 is the target')
  assert.equal(fromPods([...ready(200, 200), unready], 60, 3, 100), 7)
  assert.equal(fromPods([...ready(70, 70), missing], 60, 3, 100), 3, 'it would turn into shrinking')
})

test('unready pods are left out when the others would shrink', () => {
  assert.equal(fromPods([...ready(30, 30), unready], 60, 3, 100), 1)
})

test('without any figure nothing is done', () => {
  assert.equal(fromPods([missing, unready], 60, 2, 100), undefined)
})

test('it shrinks to the largest proposal of five minutes', () => {
  const memory = { proposals: [] }
  assert.equal(limited(memory, 10, 10, 0, bounds), 10)
  assert.equal(limited(memory, 4, 10, 15, bounds), 10)
  assert.equal(limited(memory, 6, 10, 285, bounds), 10)
  assert.equal(limited(memory, 4, 10, 300, bounds), 6, 'the ten have left the window')
  assert.equal(limited(memory, 4, 6, 600, bounds), 4)
})

test('it grows to no more than twice as many, or four', () => {
  assert.equal(limited({ proposals: [] }, 100, 10, 0, bounds), 20)
  assert.equal(limited({ proposals: [] }, 100, 1, 0, bounds), 4)
})

test('whatever pods show, it stays within the bounds', () => {
  const pods = fc.array(
    fc.oneof(
      fc.constant(missing),
      fc.constant(unready),
      fc.record({ state: fc.constant('ready' as const), value: fc.double({ min: 0, max: 1_000, noNaN: true }) }),
    ),
    { minLength: 1, maxLength: 20 },
  )
  fc.assert(
    fc.property(pods, fc.integer({ min: 1, max: 30 }), (samples, current) => {
      const proposal = fromPods(samples, 60, current, 100)
      if (proposal === undefined) return
      const replicas = limited({ proposals: [] }, proposal, current, 0, { minReplicas: 2, maxReplicas: 25 })
      assert.ok(replicas >= 2 && replicas <= 25)
    }),
  )
})
