// When missing keys say something about etcd, and when about nodes.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { monotonic } from '../../../operator/ambient/clock.ts'
import { type Census, type FreezeState, frozenAtStart, nextFreeze } from '../../../operator/registry/freeze.ts'

const ttlMs = 10_000
const calm: Census = { inSight: true, present: 10, missing: 0, vanishedLately: 0, silent: 0, silencedLately: 0 }
const next = (before: FreezeState, census: Partial<Census>, at: number): FreezeState =>
  nextFreeze(before, { ...calm, ...census }, ttlMs, monotonic(at))
const thawed: FreezeState = { state: 'thawed' }
const isFrozen = (freeze: FreezeState): boolean => freeze.state === 'frozen'

test('frozen from the start until the registry has been in sight for a full TTL', () => {
  let freeze = frozenAtStart(monotonic(0))
  freeze = next(freeze, { inSight: false }, 30_000)
  assert.equal(freeze.state, 'frozen')
  freeze = next(freeze, {}, 31_000)
  assert.equal(next(freeze, {}, 40_999).state, 'frozen')
  assert.equal(next(freeze, {}, 41_000).state, 'thawed')
})

for (const [present, vanished, state] of [
  [9, 1, 'thawed'],
  [1, 1, 'thawed'],
  [7, 3, 'thawed'],
  [6, 4, 'frozen'],
  [0, 2, 'frozen'],
  [0, 1, 'thawed'],
  [6_999, 3_001, 'frozen'],
] as const) {
  test(`${vanished} of ${present + vanished} at once: ${state}`, () => {
    const seen = next(thawed, { present, missing: vanished, vanishedLately: vanished }, 0)
    assert.equal(seen.state, state)
    if (seen.state === 'frozen') assert.match(seen.because, new RegExp(`${vanished} of ${present + vanished} keys`))
  })
}

test('nodes that die one after the other do not freeze, however many', () => {
  assert.equal(next(thawed, { present: 2, missing: 8, vanishedLately: 1 }, 0).state, 'thawed')
  assert.equal(next(thawed, { silent: 8, silencedLately: 1 }, 0).state, 'thawed')
})

for (const [silencedLately, state] of [
  [1, 'thawed'],
  [3, 'thawed'],
  [4, 'frozen'],
] as const) {
  test(`${silencedLately} of 10 fell silent at once, their keys stay: ${state}`, () => {
    const seen = next(thawed, { silent: silencedLately, silencedLately }, 0)
    assert.equal(seen.state, state)
    if (seen.state === 'frozen') assert.match(seen.because, new RegExp(`${silencedLately} of 10 nodes are silent`))
  })
}

test('thaws once enough keys are back for a full TTL, without a break', () => {
  let freeze = next(thawed, { present: 2, missing: 8, vanishedLately: 8 }, 0)
  freeze = next(freeze, { present: 8, missing: 2 }, 20_000)
  freeze = next(freeze, { present: 5, missing: 5 }, 25_000)
  freeze = next(freeze, { present: 8, missing: 2 }, 26_000)
  assert.equal(next(freeze, { present: 8, missing: 2 }, 35_999).state, 'frozen')
  assert.equal(next(freeze, { present: 8, missing: 2 }, 36_000).state, 'thawed')
})

test('law: never thaws while too many are missing, nor sooner than one TTL after the last cause', () => {
  const moment = fc.record({
    afterMs: fc.integer({ min: 0, max: 8_000 }),
    inSight: fc.boolean(),
    present: fc.nat(20),
    missing: fc.nat(20),
    lately: fc.nat(20),
    silent: fc.nat(20),
    silenced: fc.nat(20),
  })
  fc.assert(
    fc.property(fc.array(moment, { maxLength: 60 }), moments => {
      let freeze: FreezeState = frozenAtStart(monotonic(0))
      let at = 0
      let causeAt = 0
      for (const { afterMs, lately, silenced, ...seen } of moments) {
        at += afterMs
        const census = { ...seen, silent: Math.min(seen.silent, seen.present) }
        const vanishedLately = Math.min(lately, census.missing)
        const silencedLately = Math.min(silenced, census.silent)
        const before = freeze
        freeze = next(freeze, { ...census, vanishedLately, silencedLately }, at)
        const isMass = (count: number): boolean => count >= 2 && count / (census.present + census.missing) > 0.3
        if (!census.inSight || isMass(vanishedLately) || isMass(silencedLately)) causeAt = at
        if (causeAt === at) assert.ok(isFrozen(freeze))
        else if (isFrozen(before) && !isFrozen(freeze))
          assert.ok(!isMass(census.missing + census.silent) && at - causeAt >= ttlMs)
      }
    }),
  )
})
