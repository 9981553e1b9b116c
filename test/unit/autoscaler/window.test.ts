// A window answers as if it had kept everything, and keeps little.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { coarser, largest, newWindow, note } from '../../../operator/autoscaler/deciding/window.ts'

const KEEP_MS = 1_000
const told = fc.array(fc.record({ after: fc.nat(400), value: fc.integer({ min: -20, max: 20 }) }), {
  minLength: 1,
  maxLength: 60,
})

interface Noted {
  readonly at: number
  readonly value: number
}

const noted = (steps: readonly { readonly after: number; readonly value: number }[]) => {
  const window = newWindow()
  const all: Noted[] = []
  let now = 0
  for (const { after, value } of steps) {
    now += after
    note(window, now, value, KEEP_MS)
    all.push({ at: now, value })
  }
  return { window, all, now }
}

test('the largest since any moment is that of all that was noted', () => {
  fc.assert(
    fc.property(told, fc.nat(KEEP_MS), fc.integer({ min: -30, max: 30 }), (steps, ago, least) => {
      const { window, all, now } = noted(steps)
      const since = now - ago
      const expected = Math.max(least, ...all.filter(({ at }) => at > since).map(({ value }) => value))
      assert.equal(largest(window, since, least), expected)
    }),
    { numRuns: 3_000 },
  )
})

test('it holds no more numbers than there are answers, however often it is told', () => {
  const window = newWindow()
  for (let now = 0; now < 100_000; now += 1) note(window, now, now % 7, 50_000)
  assert.ok(window.at.length <= 7)
})

test('made coarser, it never answers less', () => {
  fc.assert(
    fc.property(told, fc.integer({ min: 1, max: 10 }), fc.nat(KEEP_MS), (steps, most, ago) => {
      const { window, now } = noted(steps)
      const coarse = coarser(window, most)
      assert.ok(coarse.at.length <= most)
      assert.ok(largest(coarse, now - ago, -100) >= largest(window, now - ago, -100))
    }),
    { numRuns: 2_000 },
  )
})
