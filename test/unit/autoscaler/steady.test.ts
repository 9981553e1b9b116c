// A pool on its own for hours: what a run of decisions must be like.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { saved } from '../../../operator/autoscaler/deciding/core.ts'
import { spec } from './known-pool.ts'
import { CAPACITY, run, seeded, type ToyPool, toyPool } from './toy-pool.ts'

/** Demand that stays within so much of itself is constant: what it does in there is noise. */
const BAND = 0.05
const often = { maxReplicas: 1_000 }

const timeline = ({ changes }: ToyPool): string =>
  changes.map(({ at, why }) => `${new Date(at).toISOString()} ${why}`).join('\n')

test('constant load, with any noise within ±5 %, changes the pool at most once after an hour', () => {
  fc.assert(
    fc.property(
      fc.integer(),
      fc.integer({ min: 5, max: 300 }),
      fc.integer({ min: 0, max: 50 }),
      fc.constantFrom(0.3, 1, 3),
      (seed, tenths, thousandths, start) => {
        const random = seeded(seed)
        const noise = (): number => 1 + (thousandths / 1_000) * (2 * random() - 1)
        const load = (tenths / 10) * 0.5 * CAPACITY
        const pool = toyPool(Math.max(1, Math.ceil((start * tenths) / 10)))
        // A lone node has nobody to differ from: when there are two for the first time, the margin is learned.
        const conditions = {
          spec: spec({ ...often, minReplicas: 2 }),
          demand: () => load * noise(),
          stray: () => 1 + BAND * (2 * random() - 1),
        }
        run(pool, 60, conditions)
        const settled = pool.changes.length
        run(pool, 180, conditions)
        assert.ok(pool.changes.length - settled <= 1, timeline(pool))
      },
    ),
    { numRuns: 60 },
  )
})

test('a pool that is much too large shrinks without ever growing on the way, and nobody is sent away for it', () => {
  const pool = toyPool(60)
  run(pool, 240, { spec: spec(often), demand: () => 10 * 500 })
  assert.ok(pool.changes.length > 0 && pool.changes.every(({ from, to }) => to < from), timeline(pool))
  assert.ok(pool.replicas >= 8 && pool.replicas <= 12, timeline(pool))
})

test('load that doubles has its nodes within two minutes, and load that halves gives them back within the hour', () => {
  const pool = toyPool(22)
  run(pool, 60, { spec: spec(often), demand: () => 10_000 })
  run(pool, 2, { spec: spec(often), demand: () => 20_000 })
  assert.ok(pool.replicas * CAPACITY * 0.65 >= 20_000, timeline(pool))
  run(pool, 60, { spec: spec(often), demand: () => 10_000 })
  assert.ok(pool.replicas <= 22, timeline(pool))
})

test('meetings that begin at each full hour are expected after some hours, and their nodes are there before them', () => {
  const hourly = (ms: number): number => {
    const minute = (ms / 60_000) % 60
    return 10_000 * (minute < 1 ? 1 + minute : minute < 30 ? 2 : minute < 35 ? 2 - (minute - 30) / 5 : 1)
  }
  const pool = toyPool(40)
  run(pool, 11 * 60 + 59, { spec: spec({ ...often, forecast: { mode: 'Apply' } }), demand: hourly })
  assert.match(pool.last?.why ?? '', /\(minute :5[89]\)/)
  // The hour has come, demand has doubled, and nothing has been made that could not be there by now.
  run(pool, 2, { spec: spec({ ...often, maxReplicas: pool.replicas }), demand: hourly })
  assert.ok((pool.last?.pressure ?? 1) <= 0.7, pool.last?.why)
})

test('telemetry that comes and goes takes nothing away and orders nothing', () => {
  const pool = toyPool(20)
  const steady = { spec: spec(often), demand: () => 10_000 }
  run(pool, 60, steady)
  const { replicas } = pool
  const settled = pool.changes.length
  run(pool, 30, { ...steady, heard: (index, ms) => (index * 7 + Math.floor(ms / 30_000)) % 10 >= 3 })
  run(pool, 5, { ...steady, heard: () => false, registry: () => ({ inSight: false, frozen: false }) })
  run(pool, 5, { ...steady, registry: () => ({ inSight: true, frozen: true }) })
  assert.deepEqual([pool.replicas, pool.changes.length], [replicas, settled], timeline(pool))
})

test('what is remembered does not grow with the days', () => {
  const random = seeded(1)
  const restless = {
    spec: spec(often),
    demand: (ms: number) => 10_000 * (1.5 + Math.sin(ms / 3e6)) * (1 + 0.2 * random()),
  }
  const pool = run(toyPool(20), 24 * 60, restless)
  const sizeOf = ({ memory }: ToyPool): number[] => [
    saved(memory).length,
    memory.steps.length,
    memory.needs.kept.at.length + memory.needs.needed.at.length,
    memory.learning.nodes.byName.size,
  ]
  const aDay = sizeOf(pool)
  const threeDays = sizeOf(run(pool, 48 * 60, restless))
  for (const [i, size] of threeDays.entries())
    assert.ok(size <= 2 * (aDay[i] ?? 0) + 100, `${aDay.join()} → ${threeDays.join()}`)
  assert.ok((threeDays[0] ?? 0) <= 16_384)
})
