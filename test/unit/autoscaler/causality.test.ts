// Latency that is bad for reasons of its own buys nothing; latency that follows load does.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { spec } from './known-pool.ts'
import { run, seeded, type ToyPool, toyPool } from './toy-pool.ts'

/** Latency ÷ goal as load makes it: flat, then a wall, met at a pressure of 0.8. */
const honest = (pressure: number): number => 0.15 + (0.2 * Math.min(pressure, 0.98)) / (1 - Math.min(pressure, 0.98))
const FAULT_FROM_MS = 6 * 3_600_000

const conditions = (seed: number, demand: number) => {
  const random = seeded(seed)
  const noise = (): number => 1 + 0.1 * (2 * random() - 1)
  return {
    spec: spec({ maxReplicas: 500 }),
    demand: () => demand,
    stray: () => 1 + 0.3 * (2 * random() - 1),
    quality: (pressure: number) => honest(pressure) * noise(),
    faulty: (pressure: number, ms: number) => (ms < FAULT_FROM_MS ? honest(pressure) : 2 + honest(pressure)) * noise(),
  }
}

const timeline = ({ changes, last }: ToyPool): string => [...changes.map(({ why }) => why), last?.why].join('\n')

for (const [load, replicas] of [
  ['low', 30],
  ['ordinary', 20],
] as const) {
  test(`a fault elsewhere at ${load} load is told, and buys nothing for hours`, () => {
    const { faulty, ...calm } = conditions(7, 10_000)
    const pool = toyPool(replicas)
    // A pool that may not shrink stays at the load that it has.
    const fixed = { ...calm, spec: spec({ minReplicas: replicas, maxReplicas: 500 }) }
    run(pool, 6 * 60, fixed)
    const before = pool.changes.length
    const trim = pool.memory.learning.trim.factor
    run(pool, 5, { ...fixed, quality: faulty })
    assert.equal(pool.last?.latencyNotLoadRelated, true, timeline(pool))
    run(pool, 45, { ...fixed, quality: faulty })
    assert.equal(pool.last?.latencyNotLoadRelated, true, timeline(pool))
    assert.ok(
      pool.changes.slice(before).every(({ from, to }) => to < from),
      timeline(pool),
    )
    assert.ok(pool.memory.learning.trim.factor >= trim * 0.92)
    run(pool, 10, fixed)
    assert.equal(pool.last?.latencyNotLoadRelated, false, timeline(pool))
  })
}

test('one sick node among many is not load', () => {
  const { faulty: _, ...calm } = conditions(3, 10_000)
  const pool = toyPool(30)
  const fixed = { ...calm, spec: spec({ minReplicas: 30, maxReplicas: 500 }) }
  run(pool, 60, fixed)
  let nth = 0
  run(pool, 20, { ...fixed, quality: pressure => (nth++ % 30 === 4 ? 20 : calm.quality(pressure)) })
  assert.deepEqual([pool.last?.latencyNotLoadRelated, pool.replicas], [true, 30], timeline(pool))
})

test('latency that rises with load is load, and the pool is kept emptier until it is good', () => {
  const pool = toyPool(20)
  const early = (pressure: number): number => honest(Math.min(0.97, pressure * 1.6))
  const { faulty: _, ...calm } = conditions(5, 10_000)
  run(pool, 90, { ...calm, quality: early })
  assert.equal(pool.last?.latencyNotLoadRelated, false, timeline(pool))
  assert.ok(pool.replicas > 20, timeline(pool))
})
