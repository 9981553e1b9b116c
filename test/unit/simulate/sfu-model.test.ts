// The SFU model says what its numbers say.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import livekit from '../../../operator/simulate/models/livekit.json' with { type: 'json' }
import { normalQuantile, normalShareAbove } from '../../../operator/simulate/normal.ts'
import {
  joinP99Ms,
  lateShare,
  observedP99Ms,
  sfuModelSchema,
  timeAt,
  utilisationFor,
} from '../../../operator/simulate/sfu-model.ts'
import { model } from './small.ts'

test('the shipped model fits its schema', () => {
  assert.doesNotThrow(() => sfuModelSchema.parse(livekit))
})

test('where the 99th percentile is at the goal, one join in a hundred is late', () => {
  assert.ok(Math.abs(lateShare(model, 200, 200) - 0.01) < 1e-6)
  assert.ok(lateShare(model, 100, 200) < 1e-9)
  assert.ok(lateShare(model, 400, 200) > 0.99)
})

test('the utilisation for a goal is where the curve meets it', () => {
  fc.assert(
    fc.property(fc.double({ min: 61, max: 5_000, noNaN: true }), goalMs => {
      assert.ok(Math.abs(joinP99Ms(model, utilisationFor(model, goalMs)) - goalMs) < 1e-6 * goalMs)
    }),
  )
  assert.equal(utilisationFor(model, 60), 0)
})

test('a full node answers nobody in time', () => {
  assert.equal(joinP99Ms(model, 1), 10_000)
  assert.equal(joinP99Ms(model, 1.4), 10_000)
})

test('few joins show less than the 99th percentile, many show it', () => {
  assert.ok(observedP99Ms(model, 200, 1, 0) < 170)
  assert.ok(Math.abs(observedP99Ms(model, 200, 5_000, 0) - 200) < 1)
})

test('quantile and share of the normal distribution undo each other', () => {
  fc.assert(
    fc.property(fc.double({ min: 0.0005, max: 0.9995, noNaN: true }), share => {
      assert.ok(Math.abs(1 - normalShareAbove(normalQuantile(share)) - share) < 1e-6)
    }),
  )
  assert.ok(Math.abs(normalQuantile(0.975) - 1.959964) < 1e-5)
})

test('start-up times have the percentiles that were given', () => {
  const times = { p50: 20, p90: 50 }
  assert.equal(timeAt(times, 0), 20)
  assert.ok(Math.abs(timeAt(times, normalQuantile(0.9)) - 50) < 1e-6)
})
