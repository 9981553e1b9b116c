// Tiers of a node: when they begin, when they end, and that noise changes nothing.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { afterSilence, nextTier, standingIn, type Tier, type TierState, tiers } from '../../../operator/load/tier.ts'
import { at, watermarks } from './build.ts'

/** Beats each 3 s. Gives the tier after each. */
function play(pressures: readonly number[], from: TierState = standingIn('open'), start = 0): Tier[] {
  let state = from
  return pressures.map((pressure, index) => {
    state = nextTier(state, pressure, watermarks, at(start + 3 * index))
    return state.tier
  })
}
const last = (pressures: readonly number[], from?: TierState): Tier | undefined => play(pressures, from).at(-1)
const forSeconds = (seconds: number, pressure: number): number[] => Array<number>(seconds / 3).fill(pressure)

test('one beat above a watermark is nothing, a second one in a row is a tier', () => {
  assert.deepEqual(play([0.7, 0.6, 0.7, 0.7]), ['open', 'open', 'open', 'prewarm'])
  assert.deepEqual(play([0.9, 0.9]), ['open', 'shed'])
})

test('two beats of different heights give the tier that both have reached', () => {
  assert.deepEqual(play([0.7, 0.9, 0.9]), ['open', 'prewarm', 'shed'])
})

test('protect does not wait', () => {
  assert.deepEqual(play([0.95]), ['protect'])
})

test('a watermark counts from its very value on', () => {
  assert.equal(last([0.65, 0.65]), 'prewarm')
  assert.equal(last([0.6499, 0.6499]), 'open')
})

test('a tier ends when all beats of a minute were below its exit', () => {
  const shed = standingIn('shed')
  assert.equal(last(forSeconds(60, 0.6), shed), 'shed')
  assert.equal(last([...forSeconds(60, 0.6), 0.6], shed), 'prewarm', 'it is still above the exit of that')
  assert.equal(last([...forSeconds(60, 0.1), 0.1], shed), 'open')
  assert.equal(last([...forSeconds(57, 0.1), 0.72, ...forSeconds(60, 0.1)], shed), 'shed', 'one beat at the exit')
  assert.equal(last([...forSeconds(60, 0.8), 0.8], standingIn('protect')), 'shed')
})

test('a silence does not count as calm, and ends no tier', () => {
  let state = nextTier(standingIn('shed'), 0.1, watermarks, at(0))
  state = afterSilence(state)
  assert.equal(state.tier, 'shed')
  state = nextTier(state, 0.1, watermarks, at(600))
  assert.equal(state.tier, 'shed', 'nobody knows what was meanwhile')
  assert.equal(nextTier(state, 0.1, watermarks, at(660)).tier, 'open')
})

test('beats before and after a silence are not two in a row', () => {
  const before = nextTier(standingIn('open'), 0.9, watermarks, at(0))
  assert.equal(nextTier(afterSilence(before), 0.9, watermarks, at(30)).tier, 'open')
})

test('nothing new is the same object', () => {
  const shed = standingIn('shed')
  assert.equal(nextTier(shed, 0.9, watermarks, at(0)), shed)
  const open = standingIn('open')
  assert.equal(nextTier(open, 0.2, watermarks, at(0)), open)
  assert.equal(afterSilence(open), open)
})

const pressures = fc.array(fc.double({ min: 0, max: 1.5, noNaN: true }), { maxLength: 200 })

test('a tier never ends within a minute of a beat at or above its exit', () => {
  fc.assert(
    fc.property(pressures, beats => {
      const course = play(beats)
      for (const [index, tier] of course.entries()) {
        for (const mark of ['prewarm', 'shed', 'protect'] as const) {
          const was = tiers.indexOf(course[index - 1] ?? 'open') >= tiers.indexOf(mark)
          if (!was || tiers.indexOf(tier) >= tiers.indexOf(mark)) continue
          const lastMinute = beats.slice(Math.max(0, index - 20), index + 1)
          assert.ok(lastMinute.every(pressure => pressure < watermarks[mark].exit))
        }
      }
    }),
  )
})

test('a node whose pressure stays within a band between exit and enter never changes its tier', () => {
  for (const [mark, below] of [
    ['prewarm', 'open'],
    ['shed', 'prewarm'],
    ['protect', 'shed'],
  ] as const) {
    const { enter, exit } = watermarks[mark]
    const inBand = fc.array(fc.double({ min: exit, max: enter, maxExcluded: true, noNaN: true }), {
      minLength: 1,
      maxLength: 100,
    })
    fc.assert(
      fc.property(inBand, beats => {
        assert.ok(play(beats, standingIn(mark)).every(tier => tier === mark))
        // From below, the lower marks may be reached, but never this one.
        assert.ok(play(beats, standingIn(below)).every(tier => tiers.indexOf(tier) < tiers.indexOf(mark)))
      }),
    )
  }
})

test('more pressure never gives a lower tier', () => {
  fc.assert(
    fc.property(pressures, fc.double({ min: 0, max: 1, noNaN: true }), (beats, more) => {
      const [lower, higher] = [play(beats), play(beats.map(pressure => pressure + more))]
      for (const [index, tier] of lower.entries())
        assert.ok(tiers.indexOf(higher[index] ?? 'open') >= tiers.indexOf(tier))
    }),
  )
})
