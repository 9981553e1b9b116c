import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { add, medianOf, newSample } from '../../../../operator/autoscaler/learning/sample.ts'

test('the median is that of the numbers in order, whichever they are', () => {
  const few = fc.array(fc.integer({ min: 0, max: 5 }), { minLength: 1, maxLength: 100 })
  const many = fc.array(fc.double({ min: 0, max: 1e9, noNaN: true }), { minLength: 1, maxLength: 300, size: 'max' })
  fc.assert(
    fc.property(fc.oneof(few, many), numbers => {
      const sample = newSample()
      for (const number of numbers) add(sample, number)
      const [ordered, half] = [numbers.toSorted((a, b) => a - b), numbers.length >> 1]
      const upper = ordered[half] as number
      assert.equal(medianOf(sample), numbers.length % 2 === 1 ? upper : ((ordered[half - 1] as number) + upper) / 2)
    }),
    { numRuns: 2_000 },
  )
})

test('a sample is used again without what was in it before', () => {
  const sample = newSample()
  for (let n = 0; n < 40; n += 1) add(sample, 9)
  sample.count = 0
  for (const number of [3, 1, 2]) add(sample, number)
  assert.equal(medianOf(sample), 2)
})
