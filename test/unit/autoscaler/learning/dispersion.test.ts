import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { seededRandom } from '../../../../operator/ambient/seeded-random.ts'
import { MAX_SIGMA, spreadOf } from '../../../../operator/autoscaler/learning/dispersion.ts'
import type { NodeSample } from '../../../../operator/autoscaler/learning/snapshot.ts'
import { aNode, aReading, type Watched, watch, watched } from './build.ts'

const PRIOR = 0.08

const at = (pressures: readonly number[]): NodeSample[] =>
  pressures.map((pressure, n) => aNode(`n${n}`, { reading: aReading({ pressure }) }))

function minutes(it: Watched, count: number, nodes: readonly NodeSample[]): void {
  for (let tick = 0; tick < count * 6; tick += 1) watch(it, nodes)
}

test('it is the standard deviation where nodes stray to both sides alike', () => {
  const random = seededRandom(7)
  const pressures = Array.from({ length: 200 }, () => 0.5 + 0.3 * (random.next() + random.next() - 1))
  const it = watched()
  minutes(it, 60, at(pressures))
  const sigma = 0.3 * Math.sqrt(1 / 6)
  assert.ok(Math.abs(spreadOf(it.learning) - sigma) < 0.1 * sigma, `${spreadOf(it.learning)} instead of ${sigma}`)
})

test('one node says nothing about how nodes differ, nor do those that opened just now', () => {
  const it = watched()
  minutes(it, 60, at([0.5]))
  assert.equal(spreadOf(it.learning), PRIOR)
  minutes(it, 2, at([0.5, 0.01, 0.02]))
  assert.equal(spreadOf(it.learning), PRIOR)
})

test('nodes that are added and fill slowly do not call for yet more', () => {
  const it = watched()
  const old = Array.from({ length: 10 }, (_, n) => 0.5 + 0.01 * n)
  minutes(it, 60, at(old))
  const before = spreadOf(it.learning)
  minutes(it, 60, at([...old, 0.05, 0.05, 0.05]))
  assert.ok(spreadOf(it.learning) <= before + 0.02, `${before} became ${spreadOf(it.learning)}`)
})

test('a node that is too full is shed, and does not make the pool larger', () => {
  const it = watched()
  minutes(it, 60, at([0.5, 0.52, 0.48, 0.51]))
  const before = spreadOf(it.learning)
  minutes(it, 60, at([0.5, 0.52, 0.48, 0.51, 1.3]))
  assert.ok(Math.abs(spreadOf(it.learning) - before) < 0.005, `${before} became ${spreadOf(it.learning)}`)
})

test('it stays within its bounds for any pressures', () => {
  fc.assert(
    fc.property(fc.array(fc.double({ min: 0, max: 100 }), { maxLength: 20 }), pressures => {
      const it = watched()
      minutes(it, 10, at(pressures))
      assert.ok(spreadOf(it.learning) >= 0 && spreadOf(it.learning) <= MAX_SIGMA)
    }),
  )
})
