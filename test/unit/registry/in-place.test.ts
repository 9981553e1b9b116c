// What is kept of a beat is overwritten by the next: as much as it says, and nothing more.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { inPlace } from '../../../operator/registry/in-place.ts'

type Fields = Record<string, unknown>

const fields = fc.dictionary(
  fc.constantFrom('podUID', 'seq', 'cpu', 'ackIntent', 'custom', 'toString'),
  fc.oneof(fc.string(), fc.double(), fc.constant(undefined), fc.constant({ a: 1 })),
  { noNullPrototype: true },
)

test('law: what is kept says what was said last, whatever was kept before', () => {
  fc.assert(
    fc.property(fc.array(fields, { minLength: 1 }), said => {
      let kept: Fields | undefined
      for (const now of said) {
        const before = structuredClone(now)
        kept = inPlace<Fields>(kept, now)
        assert.deepEqual(kept, now)
        assert.notEqual(kept, now, 'it would be changed with the next')
        assert.deepEqual(now, before)
      }
    }),
  )
})

test('the same object serves for all beats of the same fields', () => {
  const kept = inPlace(undefined, { podUID: 'a', seq: 1 })
  assert.equal(inPlace(kept, { podUID: 'a', seq: 2 }), kept)
  assert.equal(inPlace(kept, { seq: 3, podUID: 'b' }), kept, 'in any order')
})

test('nothing is written to what others may hold', () => {
  const frozen: Fields = Object.freeze({ seq: 1 })
  assert.deepEqual([inPlace(frozen, { seq: 2 }), frozen], [{ seq: 2 }, { seq: 1 }])
  const custom = { a: 1 }
  inPlace<Fields>({ custom }, { custom: { a: 2 } })
  assert.deepEqual(custom, { a: 1 })
})
