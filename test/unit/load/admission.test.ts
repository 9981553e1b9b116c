// What a tier means for admission, and how seldom that changes.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { intentSchema } from '../../../operator/api/intent.ts'
import {
  type Admission,
  type AdmissionState,
  admissionOf,
  fullyOpen,
  nextAdmission,
  standingOf,
} from '../../../operator/load/admission.ts'
import { type Tier, tiers } from '../../../operator/load/tier.ts'
import { at, watermarks } from './build.ts'

const terms = { watermarks, pressurePerJoin: 0.001, beatSeconds: 3 }
const weightAt = (pressure: number) => admissionOf('prewarm', pressure, terms).weight
const rateAt = (pressure: number) => admissionOf('protect', pressure, terms).joinsPerSecond

test('an open node has its whole share, whatever its pressure', () => {
  assert.equal(admissionOf('open', 0.9, terms), fullyOpen)
})

test('prewarm: the share of rooms falls towards the shed watermark in quarters, and never to nothing', () => {
  assert.deepEqual([0.5, 0.65, 0.69, 0.735, 0.78, 0.82, 0.94].map(weightAt), [1, 1, 0.75, 0.5, 0.25, 0.25, 0.25])
})

test('shed: no new rooms; joins into rooms that are there are not limited', () => {
  assert.deepEqual(admissionOf('shed', 0.9, terms), { admission: 'closed', weight: 0, tier: 'shed' })
})

test('protect: as many joins as fit before the next beat, rounded down to a power of two', () => {
  // (0.98 − 0.95) / (0.001 × 3) = 10 a second.
  assert.deepEqual([0.95, 0.96, 0.975, 0.9796, 0.98, 1.4].map(rateAt), [8, 4, 1, 0.125, 0, 0])
})

const someTier = fc.constantFrom<Tier>(...tiers)
const somePressure = fc.double({ min: 0, max: 3, noNaN: true })
const somePerJoin = fc.double({ min: 1e-5, max: 0.2, noNaN: true })

test('whatever the tier and pressure, the intent schema takes it, and the limit is never above what fits', () => {
  fc.assert(
    fc.property(someTier, somePressure, somePerJoin, (tier, pressure, pressurePerJoin) => {
      const admission = admissionOf(tier, pressure, { ...terms, pressurePerJoin })
      assert.ok(intentSchema.safeParse({ podUID: 'p', ...admission }).success)
      const fits = Math.max(0, 0.98 - pressure) / (pressurePerJoin * 3)
      if (admission.joinsPerSecond !== undefined) assert.ok(admission.joinsPerSecond <= fits + 1e-9)
    }),
  )
})

test('more pressure never lets in more', () => {
  fc.assert(
    fc.property(someTier, somePressure, fc.double({ min: 0, max: 1, noNaN: true }), (tier, pressure, more) => {
      const [before, after] = [admissionOf(tier, pressure, terms), admissionOf(tier, pressure + more, terms)]
      assert.ok(after.weight <= before.weight)
      assert.ok((after.joinsPerSecond ?? Infinity) <= (before.joinsPerSecond ?? Infinity))
    }),
  )
})

/** Beats each 3 s; gives each admission that is new. */
function course(wishes: readonly Admission[], start: Admission = fullyOpen): Admission[] {
  let state: AdmissionState = { admission: start, laxerSince: undefined }
  return wishes.flatMap((wish, index) => {
    const next = nextAdmission(state, wish, at(3 * index))
    const isNew = next.admission !== state.admission
    state = next
    return isNew ? [next.admission] : []
  })
}
const prewarm = (weight: number): Admission => ({ admission: 'open', weight, tier: 'prewarm' })

test('stricter at once, laxer when 15 s long nothing as strict was needed', () => {
  assert.deepEqual(course([prewarm(0.5), prewarm(0.25)]), [prewarm(0.5), prewarm(0.25)])
  assert.deepEqual(course([...Array(5).fill(prewarm(0.75))], prewarm(0.5)), [])
  assert.deepEqual(course([...Array(6).fill(prewarm(0.75))], prewarm(0.5)), [prewarm(0.75)])
})

test('load that swings around a step writes no intent after the first', () => {
  const swinging = Array.from({ length: 200 }, (_, index) => prewarm(index % 2 === 0 ? 0.5 : 0.75))
  assert.deepEqual(course(swinging), [prewarm(0.5)])
})

test('another tier does not wait: it has waited for itself', () => {
  const shed: Admission = { admission: 'closed', weight: 0, tier: 'shed' }
  assert.deepEqual(course([shed, prewarm(1), fullyOpen]), [shed, prewarm(1), fullyOpen])
})

test('a node at rest has the same object for ever', () => {
  const state: AdmissionState = { admission: fullyOpen, laxerSince: undefined }
  assert.equal(nextAdmission(state, fullyOpen, at(0)), state)
})

test('what an earlier operator told a node stands; what it was told for another reason than load does not', () => {
  const known = (intent: object) =>
    standingOf({ state: 'known', revision: 1, intent: { podUID: 'p', ...intent } as never })
  const protecting = { admission: 'closed', weight: 0, joinsPerSecond: 2, tier: 'protect' } as const
  assert.deepEqual(known(protecting), protecting)
  assert.deepEqual(known({ admission: 'closed', weight: 0 }), fullyOpen, 'people closed it')
  assert.deepEqual(known({ admission: 'closed', weight: 0, tier: 'prewarm' }), prewarm(0.25), 'people closed it too')
  assert.deepEqual(standingOf({ state: 'absent' }), fullyOpen)
})
