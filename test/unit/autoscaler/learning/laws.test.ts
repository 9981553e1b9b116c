// Laws of learning, over any pool that tells anything at any time.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { type Instant, instant } from '../../../../operator/ambient/clock.ts'
import { roomArrivals } from '../../../../operator/autoscaler/learning/arrivals.ts'
import { capacityOf, poolCapacity } from '../../../../operator/autoscaler/learning/capacity.ts'
import { expectedQuality, kneeOf } from '../../../../operator/autoscaler/learning/curve.ts'
import { spreadOf } from '../../../../operator/autoscaler/learning/dispersion.ts'
import { forecastsOf } from '../../../../operator/autoscaler/learning/forecasts.ts'
import { leadTimeOf, noteChange } from '../../../../operator/autoscaler/learning/lead-time.ts'
import {
  type Learning,
  learnDemand,
  learnNodes,
  newLearning,
} from '../../../../operator/autoscaler/learning/learning.ts'
import { LEARNED_VERSION, restored, saved } from '../../../../operator/autoscaler/learning/saved.ts'
import type { NodeSample } from '../../../../operator/autoscaler/learning/snapshot.ts'
import { lateShare, trimOf } from '../../../../operator/autoscaler/learning/trim.ts'
import { aReading, aSnapshot, MONDAY } from './build.ts'

const figure = fc.oneof(
  { weight: 6, arbitrary: fc.double({ min: 0, max: 2, noNaN: true }) },
  { weight: 1, arbitrary: fc.double() },
  { weight: 1, arbitrary: fc.constantFrom(0, -1, 1e9, Number.NaN, Number.POSITIVE_INFINITY) },
)
const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined })
const reading = fc
  .record({
    pressure: figure,
    units: fc.oneof(fc.double({ min: 0, max: 3_000, noNaN: true }), figure),
    rooms: maybe(fc.oneof(fc.nat({ max: 50 }), figure)),
    joins: fc.oneof(fc.nat({ max: 60 }), figure),
    quality: maybe(figure),
  })
  .map(given => aReading(given))
const anyNode = (name: string): fc.Arbitrary<NodeSample> =>
  fc.record({
    name: fc.constant(name),
    shape: fc.constantFrom('a', 'b', 'c'),
    supply: fc.constantFrom('open', 'open', 'open', 'starting', 'closed', 'leaving'),
    waitedForHost: fc.boolean(),
    heard: fc.constantFrom(true, true, true, false),
    beat: fc.nat({ max: 3 }),
    reading: maybe(reading),
  })
const pools = fc
  .tuple(...['p', 'q', 'r', 's', 't'].map(name => maybe(anyNode(name))))
  .map(all => all.filter(node => node !== undefined))

interface Step {
  readonly seconds: number
  readonly nodes: NodeSample[]
  readonly isRelated: boolean
  readonly demand: number | undefined
  readonly grows: boolean
}
const steps = (seconds: fc.Arbitrary<number>): fc.Arbitrary<Step[]> =>
  fc.array(
    fc.record({
      seconds,
      nodes: pools,
      isRelated: fc.constantFrom(true, true, true, false),
      demand: maybe(figure),
      grows: fc.boolean(),
    }),
    { maxLength: 60, size: 'max' },
  )
const ordinary = fc.integer({ min: 1, max: 60 })
const wild = fc.oneof(ordinary, fc.integer({ min: -1e7, max: 1e7 }))

function take(learning: Learning, step: Step, now: Instant): void {
  learnNodes(learning, aSnapshot(step.nodes, now), step.isRelated)
  learnDemand(learning, step.demand)
  if (step.grows) noteChange(learning, { at: now, from: 1, to: 2 })
}

/** Everything that can be asked. */
const told = (learning: Learning, now: Instant) => ({
  pool: poolCapacity(learning),
  each: ['p', 'q', 'r', 's', 't', 'other'].map(name => capacityOf(learning, name)),
  knee: kneeOf(learning),
  expected: expectedQuality(learning, 0.5),
  trim: trimOf(learning),
  late: lateShare(learning),
  spread: spreadOf(learning),
  lead: leadTimeOf(learning),
  arrivals: roomArrivals(learning),
  forecasts: forecastsOf(learning, 1_000, now),
})

/** Sums in another order may differ in their last digits. */
/** In another order sums differ in their last digits; numbers too small to be normal have hardly any. */
function near(one: unknown, other: unknown): boolean {
  if (typeof one === 'number' && typeof other === 'number') {
    const size = Math.max(Math.abs(one), Math.abs(other))
    return Object.is(one, other) || one === other || Math.abs(one - other) <= Math.max(size * 1e-9, 1e-300)
  }
  if (one === null || other === null || typeof one !== 'object' || typeof other !== 'object') return one === other
  const keys = Object.keys({ ...one, ...other }) as never[]
  return keys.every(key => near(one[key], other[key]))
}
const assertNear = (one: unknown, other: unknown): void => {
  if (!near(one, other)) assert.deepEqual(one, other)
}

test('everything stays within its bounds and finite, whatever nodes tell and however the clock leaps', () => {
  fc.assert(
    fc.property(steps(wild), all => {
      const learning = newLearning(MONDAY)
      let now = MONDAY
      for (const step of all) {
        now = instant(now + step.seconds * 1_000)
        take(learning, step, now)
        const { pool, each, knee, trim, late, spread, lead, arrivals, expected } = told(learning, now)
        for (const bears of [pool, ...each]) assert.ok(bears === undefined || (bears > 0 && bears <= 4e9), `${bears}`)
        assert.ok(knee >= 0.45 && knee <= 0.8)
        assert.ok(trim >= 0.7 && trim <= 1)
        assert.ok(late === undefined || (late >= 0 && late <= 1))
        assert.ok(spread >= 0 && spread <= 0.5)
        assert.ok(lead.planSeconds >= 1 && lead.planSeconds <= 1_800)
        assert.ok(expected === undefined || Number.isFinite(expected))
        for (const it of Object.values(arrivals ?? {})) assert.ok(it >= 0 && Number.isFinite(it))
      }
      assert.ok(restored(saved(learning, null), LEARNED_VERSION, now), 'what it saves can be read again')
    }),
    { numRuns: 500 },
  )
})

test('the order of the nodes makes no difference', () => {
  fc.assert(
    fc.property(steps(ordinary), all => {
      const [one, other] = [newLearning(MONDAY), newLearning(MONDAY)]
      let now = MONDAY
      for (const step of all) {
        now = instant(now + step.seconds * 1_000)
        take(one, step, now)
        take(other, { ...step, nodes: step.nodes.toReversed() }, now)
      }
      // Of starts that end in the same moment neither was first.
      for (const { leadTime } of [one, other]) leadTime.starts.sort((a, b) => a.seconds - b.seconds)
      assertNear(told(one, now), told(other, now))
    }),
    { numRuns: 300 },
  )
})

test('to look more often at the same heartbeats makes no difference', () => {
  fc.assert(
    fc.property(steps(fc.integer({ min: 1, max: 29 }).map(half => 2 * half)), all => {
      const [one, other] = [newLearning(MONDAY), newLearning(MONDAY)]
      let now = MONDAY
      let before: Step | undefined
      for (const step of all) {
        const between = instant(now + step.seconds * 500)
        now = instant(now + step.seconds * 1_000)
        if (before !== undefined) learnNodes(other, aSnapshot(before.nodes, between), before.isRelated)
        learnNodes(one, aSnapshot(step.nodes, now), step.isRelated)
        learnNodes(other, aSnapshot(step.nodes, now), step.isRelated)
        before = step
      }
      const pick = (learning: Learning) => {
        const { pool, each, knee, expected, trim, late, lead } = told(learning, now)
        return { pool, each, knee, expected, trim, late, lead }
      }
      assertNear(pick(one), pick(other))
    }),
    { numRuns: 300 },
  )
})

test('the same snapshots teach the same', () => {
  fc.assert(
    fc.property(steps(wild), all => {
      const [one, other] = [newLearning(MONDAY), newLearning(MONDAY)]
      let now = MONDAY
      for (const step of all) {
        now = instant(now + step.seconds * 1_000)
        take(one, step, now)
        take(other, structuredClone(step), now)
      }
      assert.deepEqual(one, other)
    }),
    { numRuns: 100 },
  )
})

test('after a year of nodes that come and go it is as small as after a day', () => {
  const learning = newLearning(MONDAY)
  const watchHour = (hour: number): void => {
    for (let minute = hour * 60; minute < (hour + 1) * 60; minute += 1) {
      const busy = 0.5 + 0.3 * Math.sin(minute / 229)
      const node = (n: number): NodeSample => ({
        name: `n${hour + n}`,
        shape: `s${Math.floor(hour / 24)}`,
        supply: n === 1 && minute % 60 < 3 ? 'starting' : 'open',
        waitedForHost: false,
        heard: true,
        beat: minute,
        reading: aReading({ pressure: busy, units: 900 * busy, joins: 9, quality: busy }),
      })
      learnNodes(learning, aSnapshot([node(0), node(1)], instant(MONDAY + minute * 60_000)), true)
      learnDemand(learning, 1_800 * busy)
    }
  }
  for (let hour = 0; hour < 24; hour += 1) watchHour(hour)
  const size = sizeOf(learning)
  // Of all other days two hours, which is enough for nodes and shapes to come and go.
  for (let day = 1; day < 365; day += 1) [9, 10].map(hour => watchHour(day * 24 + hour))
  assert.equal(learning.nodes.byName.size, 2)
  assert.ok(sizeOf(learning) <= size + 20, `${size} became ${sizeOf(learning)}`)
  assert.ok(saved(learning, null).length < 10_000)
})

/** Things it holds on to, without the numbers in arrays of fixed length. */
const sizeOf = (learning: Learning): number => {
  const { capacity, leadTime, forecasts, dispersion } = learning
  return (
    learning.nodes.byName.size +
    capacity.shapes.size +
    Math.max(64, leadTime.starts.length) +
    forecasts.pending.length +
    dispersion.pressures.values.length
  )
}
