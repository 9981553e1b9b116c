import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import type { Random } from '../../../../operator/ambient/random.ts'
import { seededRandom } from '../../../../operator/ambient/seeded-random.ts'
import {
  expectedQuality,
  isKneeLearned,
  kneeOf,
  LEAST_KNEE,
  MOST_KNEE,
  PRIOR_KNEE,
} from '../../../../operator/autoscaler/learning/curve.ts'
import { aNode, aReading, aSpec, joined, type Watched, watch, watched } from './build.ts'

const HOURS = 360

interface Sfu {
  readonly atRest: number
  readonly slope: number
}

/** A pool at `pressures` for so many ticks of ten seconds, whose joins take as long as the SFU makes them, ±10 %. */
function run(it: Watched, { atRest, slope }: Sfu, pressures: readonly number[], ticks: number, random: Random): void {
  for (let tick = 0; tick < ticks; tick += 1) {
    const nodes = pressures.map((base, n) => {
      const pressure = base + 0.04 * (random.next() - 0.5)
      const quality = (atRest + (slope * pressure) / (1 - pressure)) * (0.9 + 0.2 * random.next())
      return aNode(`n${n}`, { reading: aReading({ pressure, ...joined(9, quality) }) })
    })
    watch(it, nodes)
  }
}

const WIDE = [0.2, 0.35, 0.45, 0.55, 0.65, 0.75]

test('the knee is where a tenth of the goal is left, for any SFU that has one', () => {
  const sfus = fc.record({
    atRest: fc.double({ min: 0.05, max: 0.4, noNaN: true }),
    knee: fc.double({ min: 0.46, max: 0.79, noNaN: true }),
  })
  fc.assert(
    fc.property(sfus, fc.integer(), ({ atRest, knee }, seed) => {
      const it = watched()
      run(it, { atRest, slope: ((0.9 - atRest) * (1 - knee)) / knee }, WIDE, 12 * HOURS, seededRandom(seed))
      assert.ok(isKneeLearned(it.learning))
      assert.ok(Math.abs(kneeOf(it.learning) - knee) < 0.02, `${kneeOf(it.learning)} instead of ${knee}`)
    }),
    { numRuns: 10 },
  )
})

test('the knee moves by 0.02 an hour at most', () => {
  const it = watched()
  for (let hour = 1; hour <= 3; hour += 1) {
    run(it, { atRest: 0.3, slope: 1 }, WIDE, HOURS, seededRandom(hour))
    const least = PRIOR_KNEE - 0.02 * hour
    assert.ok(kneeOf(it.learning) >= least - 1e-9 && kneeOf(it.learning) < PRIOR_KNEE, `${kneeOf(it.learning)}`)
  }
})

test('an SFU that misses the goal when idle has the lowest knee, one that never does the highest', () => {
  const [slow, quick] = [watched(), watched()]
  run(slow, { atRest: 1.2, slope: 0.1 }, WIDE, 14 * HOURS, seededRandom(1))
  run(quick, { atRest: 0.05, slope: 0.01 }, WIDE, 14 * HOURS, seededRandom(1))
  assert.ok(Math.abs(kneeOf(slow.learning) - LEAST_KNEE) < 1e-9)
  assert.ok(Math.abs(kneeOf(quick.learning) - MOST_KNEE) < 1e-9)
})

test('nothing is made of too few pressures, of too narrow ones, nor of latency that falls with load', () => {
  const [few, narrow, falling] = [watched(), watched(), watched()]
  run(few, { atRest: 0.2, slope: 1 }, [0.12, 0.42, 0.72], 2 * HOURS, seededRandom(1))
  run(narrow, { atRest: 0.2, slope: 1 }, [0.12, 0.17, 0.22, 0.27], 2 * HOURS, seededRandom(1))
  run(falling, { atRest: 0.8, slope: -0.1 }, WIDE, 2 * HOURS, seededRandom(1))
  for (const { learning } of [few, narrow, falling]) {
    assert.equal(isKneeLearned(learning), false)
    assert.equal(kneeOf(learning), PRIOR_KNEE)
    assert.equal(expectedQuality(learning, 0.5), undefined)
  }
})

test('what load explains is told at any pressure of the curve, and not beyond it', () => {
  const it = watched()
  run(it, { atRest: 0.2, slope: 0.3 }, WIDE, HOURS, seededRandom(3))
  for (const pressure of [0, 0.3, 0.5, 0.7]) {
    const right = 0.2 + (0.3 * pressure) / (1 - pressure)
    const told = expectedQuality(it.learning, pressure) as number
    assert.ok(Math.abs(told - right) < 0.08 * right, `${told} instead of ${right} at ${pressure}`)
  }
  assert.equal(expectedQuality(it.learning, 0.96), undefined)
  assert.equal(expectedQuality(it.learning, Number.NaN), undefined)
})

test('latency that is known not to come from load bends nothing', () => {
  const it = watched()
  run(it, { atRest: 0.2, slope: 0.3 }, WIDE, HOURS, seededRandom(4))
  const before = expectedQuality(it.learning, 0.5) as number
  const nodes = WIDE.map((pressure, n) => aNode(`n${n}`, { reading: aReading({ pressure, ...joined(9, 40) }) }))
  for (let tick = 0; tick < HOURS; tick += 1) watch(it, nodes, 10, {}, false)
  assert.ok(Math.abs((expectedQuality(it.learning, 0.5) as number) - before) < 1e-9)
})

test('an outage of ten minutes that nobody has recognised bends the curve by little', () => {
  const it = watched()
  run(it, { atRest: 0.2, slope: 0.3 }, WIDE, 6 * HOURS, seededRandom(4))
  const before = expectedQuality(it.learning, 0.5) as number
  const nodes = WIDE.map((pressure, n) => aNode(`n${n}`, { reading: aReading({ pressure, ...joined(9, 40) }) }))
  for (let tick = 0; tick < 60; tick += 1) watch(it, nodes)
  const after = expectedQuality(it.learning, 0.5) as number
  assert.ok(after < 1.5 * before, `${before} became ${after}`)
})

test('other goals are learned anew, and the knee waits where it is', () => {
  const it = watched()
  run(it, { atRest: 0.3, slope: 1 }, WIDE, HOURS, seededRandom(5))
  const before = kneeOf(it.learning)
  watch(it, [aNode('n0')], 10, { spec: aSpec({ targets: { joinLatencyP99Ms: 500 } }) })
  assert.equal(isKneeLearned(it.learning), false)
  watch(it, [aNode('n0')], 10, { spec: aSpec({ targets: { joinLatencyP99Ms: 500 } }) })
  assert.ok(Math.abs(kneeOf(it.learning) - before) < 1e-3)
})

test('without a goal for joining, forwarding latency makes the curve', () => {
  const it = watched()
  const spec = aSpec({ targets: { forwardLatencyP99Ms: 20 } })
  const nodes = WIDE.map((pressure, n) =>
    aNode(`n${n}`, { reading: aReading({ pressure, joins: 0, quality: 0.1 + (0.3 * pressure) / (1 - pressure) }) }),
  )
  for (let tick = 0; tick < 60; tick += 1) watch(it, nodes, 10, { spec })
  assert.ok(Math.abs((expectedQuality(it.learning, 0.5) as number) - 0.4) < 1e-6)
})
