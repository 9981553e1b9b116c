// Two that scale one pool would pull at the same number for ever: exactly one may, and everybody agrees on which.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { foreignNames, olderAutoscaler, poolsOf, scalersOf } from '../../../../operator/autoscaler/rivals.ts'
import { aForeign, anAutoscaler, madeBy, poolTarget } from './objects.ts'

const born = (second: number) => ({ creationTimestamp: `2030-01-01T00:00:0${second}Z` })

test('the older scales; of the same second, the first by name', () => {
  const older = anAutoscaler('z', { metadata: born(1) })
  const younger = anAutoscaler('a', { metadata: born(2) })
  assert.equal(olderAutoscaler(younger, [older, younger]), 'z')
  assert.equal(olderAutoscaler(older, [older, younger]), undefined)
  const twin = anAutoscaler('b', { metadata: born(1) })
  assert.equal(olderAutoscaler(older, [older, twin]), 'b')
})

test('one that only recommends is nobody’s rival, and has none', () => {
  const older = anAutoscaler('a', { metadata: born(1), spec: { mode: 'Recommend' } })
  const younger = anAutoscaler('b', { metadata: born(2) })
  assert.equal(olderAutoscaler(younger, [older, younger]), undefined)
  assert.equal(olderAutoscaler(older, [older, younger]), undefined)
  assert.deepEqual(scalersOf([older, younger], []), ['RTCAutoscaler “b”'])
})

test('one that is paused keeps the pool to itself; one that is being deleted does not', () => {
  const paused = anAutoscaler('a', { metadata: born(1), spec: { paused: true } })
  const younger = anAutoscaler('b', { metadata: born(2) })
  assert.equal(olderAutoscaler(younger, [paused, younger]), 'a')
  const leaving = anAutoscaler('a', { metadata: { ...born(1), deletionTimestamp: '2030-01-01T00:01:00Z' } })
  assert.equal(olderAutoscaler(younger, [leaving, younger]), undefined)
})

test('of all that would scale a pool, exactly one is not told to stand back', () => {
  const anyAutoscaler = fc
    .record({
      name: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'),
      second: fc.integer({ min: 0, max: 2 }),
      paused: fc.boolean(),
    })
    .map(({ name, second, paused }) => anAutoscaler(name, { metadata: born(second), spec: { paused } }))
  const several = fc.uniqueArray(anyAutoscaler, { minLength: 1, maxLength: 6, selector: it => it.metadata.name })
  fc.assert(
    fc.property(several, all => {
      const acting = all.filter(it => olderAutoscaler(it, all) === undefined)
      assert.equal(acting.length, 1)
      for (const it of all)
        if (it !== acting[0]) assert.equal(olderAutoscaler(it, all.toReversed()), acting[0]?.metadata.name)
    }),
  )
})

test('an HPA or ScaledObject is of the pool that it names, of whatever version, and of no Deployment', () => {
  assert.deepEqual(poolsOf(aForeign('h')), ['media/eu'])
  assert.deepEqual(poolsOf(aForeign('h', { target: { ...poolTarget, apiVersion: 'rtcnode.io/v1' } })), ['media/eu'])
  assert.deepEqual(poolsOf(aForeign('h', { target: { ...poolTarget, apiVersion: 'apps/v1' } })), [])
  assert.deepEqual(poolsOf(aForeign('h', { target: { ...poolTarget, kind: 'Deployment' } })), [])
  // KEDA fills these two in by itself.
  assert.deepEqual(poolsOf(aForeign('s', { kind: 'ScaledObject', target: { name: 'eu' } })), [])
  assert.deepEqual(poolsOf(undefined), [])
})

test('an HPA that a ScaledObject has made is not named beside it, but alone it is', () => {
  const scaledObject = aForeign('eu', { kind: 'ScaledObject' })
  const hpa = aForeign('keda-hpa-eu', { metadata: { ownerReferences: [madeBy(scaledObject)] } })
  assert.deepEqual(foreignNames([hpa, scaledObject]), ['ScaledObject “eu”'])
  assert.deepEqual(foreignNames([hpa]), ['HorizontalPodAutoscaler “keda-hpa-eu”'])
  const leaving = aForeign('h', { metadata: { deletionTimestamp: '2030-01-01T00:01:00Z' } })
  assert.deepEqual(foreignNames([leaving]), [])
})

test('a pool is contested by all that would write: autoscalers that act, HPAs and ScaledObjects', () => {
  const names = scalersOf([anAutoscaler('b'), anAutoscaler('a')], [aForeign('h')])
  assert.deepEqual(names, ['RTCAutoscaler “a”', 'RTCAutoscaler “b”', 'HorizontalPodAutoscaler “h”'])
})
