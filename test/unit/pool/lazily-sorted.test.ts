// The same order as any sort, and cheap for those who want the first few.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { lazilySorted } from '../../../operator/pool/lazily-sorted.ts'

const ascending = (a: number, b: number): number => a - b

test('law: read to its end it is the sorted list, and the list it was made from is as it was', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 50 }), { maxLength: 60, size: 'max' }), items => {
      const before = [...items]
      assert.deepEqual([...lazilySorted(items, ascending)], items.toSorted(ascending))
      assert.deepEqual(items, before)
    }),
  )
})

test('the first hundred of ten thousand cost a few comparisons for each of the others, not a sort', () => {
  const items = Array.from({ length: 10_000 }, (_, index) => (index * 7_919) % 10_007)
  let comparisons = 0
  const counting = (a: number, b: number): number => {
    comparisons += 1
    return ascending(a, b)
  }
  const first: number[] = []
  for (const item of lazilySorted(items, counting)) if (first.push(item) === 100) break
  assert.deepEqual(first, items.toSorted(ascending).slice(0, 100))
  assert.ok(comparisons < 25_000, `${comparisons} comparisons`)
})
