import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { instant, later } from '../../../../operator/ambient/clock.ts'
import { seededRandom } from '../../../../operator/ambient/seeded-random.ts'
import { capacityOf, poolCapacity } from '../../../../operator/autoscaler/learning/capacity.ts'
import { kneeOf } from '../../../../operator/autoscaler/learning/curve.ts'
import { forecastsOf } from '../../../../operator/autoscaler/learning/forecasts.ts'
import { leadTimeOf, noteChange } from '../../../../operator/autoscaler/learning/lead-time.ts'
import { type Learning, learnDemand, newLearning } from '../../../../operator/autoscaler/learning/learning.ts'
import { LEARNED_VERSION, restored, saved } from '../../../../operator/autoscaler/learning/saved.ts'
import { newShape } from '../../../../operator/autoscaler/learning/shape.ts'
import { aNode, aReading, joined, MONDAY, watch, watched } from './build.ts'

/** Two busy days of a pool of three, with nodes that start and shapes that change. */
function twoDays(): Learning {
  const random = seededRandom(9)
  const it = watched()
  for (let minute = 0; minute < 2 * 1_440; minute += 1) {
    const nodes = Array.from({ length: 3 }, (_, n) => {
      const pressure = 0.2 + 0.6 * random.next()
      return aNode(`n${n}`, {
        shape: `s${Math.floor(minute / 300)}`,
        reading: aReading({
          pressure,
          units: 900 * pressure,
          rooms: Math.round(20 * random.next()),
          ...joined(9, pressure),
        }),
      })
    })
    if (minute % 60 === 10) noteChange(it.learning, { at: it.now, from: 3, to: 4 })
    const state = minute % 60 < 12 ? 'starting' : 'open'
    watch(it, [...nodes, ...(minute % 60 > 10 ? [aNode(`m${Math.floor(minute / 60)}`, { supply: state })] : [])], 60)
    learnDemand(it.learning, 1_000 + 400 * Math.sin(minute / 9))
  }
  return it.learning
}

test('what was learned is there again after a restart', () => {
  const before = twoDays()
  const now = later(before.passage.at, 86_400_000)
  const found = restored(saved(before, { windows: [1, 2] }), LEARNED_VERSION, now)
  assert.ok(found)
  const { learning, more } = found
  assert.deepEqual(more, { windows: [1, 2] })
  const isClose = (a: number | undefined, b: number | undefined): void =>
    assert.ok(a !== undefined && b !== undefined && Math.abs(a - b) <= 2e-3 * Math.abs(b), `${a} instead of ${b}`)
  isClose(poolCapacity(learning), poolCapacity(before))
  isClose(capacityOf(learning, 'new'), poolCapacity(before))
  isClose(kneeOf(learning), kneeOf(before))
  isClose(leadTimeOf(learning).planSeconds, leadTimeOf(before).planSeconds)
  for (let minute = 0; minute < 1_440; minute += 1) {
    const at = instant(MONDAY + minute * 60_000)
    isClose(forecastsOf(learning, 1_000, at).hour.demand, forecastsOf(before, 1_000, at).hour.demand)
    isClose(forecastsOf(learning, 1_000, at).day.demand, forecastsOf(before, 1_000, at).day.demand)
  }
})

test('saved again it is the same, letter by letter', () => {
  const text = saved(twoDays(), null)
  const again = restored(text, LEARNED_VERSION, MONDAY)
  assert.ok(again)
  assert.equal(saved(again.learning, again.more), text)
})

test('nothing learned yet can be saved too', () => {
  const found = restored(saved(newLearning(MONDAY), undefined), LEARNED_VERSION, MONDAY)
  assert.ok(found)
  assert.equal(poolCapacity(found.learning), undefined)
})

test('the time between two operators does not pass', () => {
  const before = twoDays()
  const found = restored(saved(before, null), LEARNED_VERSION, later(before.passage.at, 7 * 86_400_000))
  assert.equal(found?.learning.passage.ms, before.passage.ms)
})

test('it fits, however much there is', () => {
  const learning = twoDays()
  learning.capacity.shapes.clear()
  for (let n = 0; n < 100; n += 1) {
    const name = `${n}${'\\'.repeat(120)}`
    learning.capacity.shapes.set(name, newShape(name, 123_456.789 + n))
  }
  learning.leadTime.starts.length = 0
  for (let n = 0; n < 64; n += 1) learning.leadTime.starts.push({ seconds: 1_000.123_456 + n, cold: true })
  for (const figures of [learning.curve.joins, learning.curve.crowding, learning.curve.quality])
    figures.fill(1.234_567e-7)
  const text = saved(learning, 'm'.repeat(5_000))
  assert.ok(text.length <= 16_384, `${text.length} characters`)
  assert.ok(restored(text, LEARNED_VERSION, MONDAY))
  const tooMuch = saved(learning, 'm'.repeat(10_000))
  assert.ok(tooMuch.length <= 16_384)
  assert.equal(restored(tooMuch, LEARNED_VERSION, MONDAY)?.more, null)
})

test('what is not ours is not read: other versions, other forms, cut, too long, deep, or dressed up', () => {
  const good = saved(twoDays(), null)
  const changed = (change: object): string => JSON.stringify({ ...JSON.parse(good), ...change })
  assert.equal(restored(good, LEARNED_VERSION + 1, MONDAY), undefined)
  for (const text of [
    '',
    'null',
    '[]',
    '{}',
    good.slice(0, -1),
    good.padEnd(16_385),
    '['.repeat(16_000),
    good.replace('{', '{"__proto__":{"x":1},'),
    changed({ knee: 0.99 }),
    changed({ knee: '0.65' }),
    changed({ trim: 0 }),
    changed({ sigma: -1 }),
    changed({ starts: [0] }),
    changed({ starts: Array.from({ length: 65 }, () => 1) }),
    changed({ hour: 'A' }),
    changed({ day: '€'.repeat(5_760) }),
    changed({ bins: [] }),
    changed({ peak: null }),
    changed({ more: undefined, extra: 1 }),
  ]) {
    assert.equal(restored(text, LEARNED_VERSION, MONDAY), undefined, text.slice(0, 80))
  }
})

test('any figures that can be read leave everything within its bounds', () => {
  const base = JSON.parse(saved(newLearning(MONDAY), null)) as Record<string, unknown>
  const figure = fc.oneof(fc.double({ min: 0, max: 1e12, noNaN: true }), fc.constantFrom(0, 1e12, 5e-324))
  const figures = fc.record({
    ms: figure,
    shapes: fc.array(fc.tuple(fc.string({ maxLength: 20 }), figure), { maxLength: 16 }),
    bins: fc.array(fc.tuple(figure, figure, figure), { minLength: 19, maxLength: 19 }),
    arrivals: fc.array(figure, { minLength: 6, maxLength: 6 }),
    starts: fc.array(
      fc.double({ min: -1_800, max: 1_800, noNaN: true }).filter(it => it !== 0),
      { maxLength: 64 },
    ),
    peak: figure,
  })
  fc.assert(
    fc.property(figures, given => {
      const found = restored(JSON.stringify({ ...base, ...given }), LEARNED_VERSION, MONDAY)
      assert.ok(found)
      const it = watched(found.learning)
      for (let tick = 0; tick < 3; tick += 1) watch(it, [aNode('n', { reading: aReading(joined(9, 0.5)) })])
      assert.ok(kneeOf(it.learning) >= 0.45 && kneeOf(it.learning) <= 0.8)
      const { planSeconds } = leadTimeOf(it.learning)
      assert.ok(planSeconds >= 1 && planSeconds <= 1_800)
      assert.ok((poolCapacity(it.learning) ?? 1) > 0)
    }),
    { numRuns: 200 },
  )
})
