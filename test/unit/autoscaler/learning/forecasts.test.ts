import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { type Instant, instant } from '../../../../operator/ambient/clock.ts'
import { seededRandom } from '../../../../operator/ambient/seeded-random.ts'
import { type Forecasts, forecastsOf } from '../../../../operator/autoscaler/learning/forecasts.ts'
import {
  type Learning,
  learnDemand,
  learnNodes,
  newLearning,
} from '../../../../operator/autoscaler/learning/learning.ts'
import { aSnapshot, MONDAY } from './build.ts'

const HOUR = 3_600
const DAY = 24 * HOUR

const at = (seconds: number): Instant => instant(MONDAY + seconds * 1_000)

function tell(learning: Learning, now: Instant, demand: number | undefined): void {
  learnNodes(learning, aSnapshot([], now), true)
  learnDemand(learning, demand)
}

/** Demand of a pool over time, told every ten seconds. */
function live(
  learning: Learning,
  from: number,
  to: number,
  demand: (second: number) => number | undefined,
  step = 10,
): void {
  for (let second = from; second <= to; second += step) tell(learning, at(second), demand(second))
}

const forecastAt = (learning: Learning, second: number, demand: number): Forecasts =>
  forecastsOf(learning, demand, at(second))

/** 1,000, and from each full hour on twice that within two minutes, until it ebbs away from :50 to :55. */
function pulses(second: number): number {
  const minute = (second % HOUR) / 60
  if (minute < 2) return 1_000 * (1 + minute / 2)
  if (minute < 50) return 2_000
  return minute < 55 ? 2_000 - 200 * (minute - 50) : 1_000
}

test('the slope of demand is followed over the lead time', () => {
  const learning = newLearning(at(0))
  live(learning, 0, 600, second => 1_000 + second)
  const { trend } = forecastAt(learning, 600, 1_600)
  // 150 s until a node is there; the slope is damped to about nine tenths of nine tenths.
  assert.ok(trend.demand > 1_600 + 0.4 * 150 && trend.demand <= 1_600 + 150, `${trend.demand}`)
  assert.equal(trend.counts, true)
})

test('demand that falls is not forecast to fall', () => {
  const learning = newLearning(at(0))
  live(learning, 0, 600, second => 2_000 - second)
  assert.equal(forecastAt(learning, 600, 1_400).trend.demand, 1_400)
})

test('the full hour is known beforehand once it has come three times', () => {
  const learning = newLearning(at(0))
  live(learning, 0, 2 * HOUR + 58 * 60, pulses)
  assert.equal(forecastAt(learning, 2 * HOUR + 58 * 60, 1_000).hour.counts, false)
  live(learning, 2 * HOUR + 58 * 60 + 10, 5 * HOUR + 58 * 60, pulses)
  const { hour, trend } = forecastAt(learning, 5 * HOUR + 58 * 60, 1_000)
  // Until a node that is wished for at the end of this minute is there, in 150 s: a minute and a half past the hour.
  assert.equal(hour.demand, 1_750)
  assert.equal(hour.counts, true)
  assert.ok(trend.demand < 1_010, `${trend.demand} by the trend`)
  const quiet = forecastAt(learning, 5 * HOUR + 30 * 60, 2_000)
  assert.ok(quiet.hour.demand < 2_020, `${quiet.hour.demand} at :30`)
})

test('while the pulse comes, what is forecast is not doubled again', () => {
  const learning = newLearning(at(0))
  live(learning, 0, 6 * HOUR + 60, pulses)
  const { hour } = forecastAt(learning, 6 * HOUR + 60, pulses(6 * HOUR + 60))
  assert.ok(hour.demand <= 2_050, `${hour.demand}`)
})

test('the morning is known beforehand after three of them, and weekends are not taken for weekdays', () => {
  const office = (second: number): number => {
    const [day, hour] = [Math.floor(second / DAY) % 7, (second % DAY) / HOUR]
    return day < 5 && hour >= 9 && hour < 17 ? 1_000 : 500
  }
  const learning = newLearning(at(0))
  const morning = 8 * HOUR + 58 * 60
  live(learning, 0, 2 * DAY + morning, office, 30)
  assert.equal(forecastAt(learning, 2 * DAY + morning, 500).day.counts, false)
  live(learning, 2 * DAY + morning + 30, 3 * DAY + morning, office, 30)
  const thursday = forecastAt(learning, 3 * DAY + morning, 500).day
  assert.ok(thursday.demand > 990, `${thursday.demand}`)
  assert.equal(thursday.counts, true)
  live(learning, 3 * DAY + morning + 30, 5 * DAY + morning, office, 30)
  const saturday = forecastAt(learning, 5 * DAY + morning, 500).day
  assert.equal(saturday.demand, 500)
})

test('what nights do in proportion says nothing about days', () => {
  const random = seededRandom(5)
  // From a handful at night to twice a handful within a minute; the day is steady.
  const city = (second: number): number => ((second % DAY) / HOUR < 8 ? 5 + 5 * random.next() : 1_000)
  const learning = newLearning(at(8 * HOUR))
  live(learning, 8 * HOUR, 3 * DAY + 12 * HOUR, city, 30)
  const { hour } = forecastAt(learning, 3 * DAY + 12 * HOUR, 1_000)
  assert.ok(hour.demand < 1_020, `${hour.demand}`)
})

test('a shape that does not come true does not count', () => {
  const random = seededRandom(3)
  // Each hour has its wave, at another minute.
  const waves = Array.from({ length: 72 }, () => Math.floor(55 * random.next()))
  const demand = (second: number): number =>
    Math.abs((second % HOUR) / 60 - (waves[Math.floor(second / HOUR)] as number)) < 3 ? 2_000 : 1_000
  const learning = newLearning(at(0))
  live(learning, 0, 72 * HOUR - 60, demand)
  const counts = Array.from({ length: 60 }, (_, minute) => forecastAt(learning, 71 * HOUR + minute * 60, 1_000).hour)
  const raised = counts.filter(hour => hour.counts).reduce((sum, hour) => sum + hour.demand - 1_000, 0) / 60
  assert.ok(raised < 150, `it holds ${raised} more than is needed, all the time`)
})

test('demand that is not known is not learned as none', () => {
  const learning = newLearning(at(0))
  const broken = (second: number): number | undefined => (second % HOUR < 20 * 60 ? undefined : 1_000)
  live(learning, 0, 6 * HOUR, broken)
  const { trend, hour } = forecastAt(learning, 6 * HOUR, 1_000)
  assert.equal(trend.demand, 1_000)
  assert.equal(hour.demand, 1_000)
  assert.equal(learning.forecasts.season.hour.periods[5], 0)
  assert.equal(Math.max(...learning.forecasts.season.hour.ratios), 1)
})

test('a clock that leaps teaches no shape', () => {
  const learning = newLearning(at(0))
  for (let leap = 0; leap < 100; leap += 1) {
    const [from, base] = [leap * 37 * DAY - (leap % 2) * 90 * DAY, 100 * (leap % 5)]
    live(learning, from, from + 60, () => base)
  }
  const { season } = learning.forecasts
  assert.equal(Math.max(...season.hour.ratios, ...season.day.ratios), 1)
})

test('a forecast never lowers, and never does more than to multiply by 2.5', () => {
  const step = fc.record({
    seconds: fc.oneof(fc.integer({ min: 1, max: 60 }), fc.integer({ min: -1e6, max: 1e6 })),
    demand: fc.option(fc.oneof(fc.double({ min: 0, max: 1e4 }), fc.double()), { nil: undefined }),
  })
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 200, size: 'max' }),
      fc.double({ min: 0, max: 1e6, noNaN: true }),
      (steps, demand) => {
        const learning = newLearning(at(0))
        let second = 0
        for (const told of steps) {
          second += told.seconds
          tell(learning, at(second), told.demand)
        }
        for (const forecast of Object.values(forecastAt(learning, second, demand)) as Forecasts['hour'][]) {
          assert.ok(forecast.demand >= demand && forecast.demand <= 2.5 * demand, `${forecast.demand} of ${demand}`)
        }
      },
    ),
    { numRuns: 200 },
  )
})

test('the slope does not depend on how often it is asked for', () => {
  const demand = (second: number): number => 1_000 + 300 * Math.sin(second / 100)
  const [once, often] = [newLearning(at(0)), newLearning(at(0))]
  live(once, 0, 600, demand)
  for (let second = 0; second <= 600; second += 1) tell(often, at(second), demand(second - (second % 10)))
  const [a, b] = [forecastAt(once, 600, 1_000).trend.demand, forecastAt(often, 600, 1_000).trend.demand]
  assert.ok(a > 1_000 && Math.abs(a - b) < 1e-6, `${a} and ${b}`)
})
