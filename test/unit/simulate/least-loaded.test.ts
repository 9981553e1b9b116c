import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { leastLoaded } from '../../../operator/simulate/least-loaded.ts'

test('the tournament finds what a walk over all finds', () => {
  const change = fc.tuple(
    fc.nat(200),
    fc.oneof(fc.constant(Number.POSITIVE_INFINITY), fc.double({ min: 0, max: 2, noNaN: true })),
  )
  fc.assert(
    fc.property(fc.array(change), changes => {
      const scores = new Map<number, number>()
      const order = leastLoaded()
      for (const [slot, score] of changes) {
        scores.set(slot, score)
        order.set(slot, score)
        const lowest = Math.min(...scores.values())
        const best = order.best()
        if (lowest === Number.POSITIVE_INFINITY) assert.equal(best, undefined)
        else assert.equal(scores.get(best ?? -1), lowest)
      }
    }),
  )
})
