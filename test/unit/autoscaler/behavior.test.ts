// spec.behavior, with the meaning that it has in a HorizontalPodAutoscaler v2.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import type { ScalingRules } from '../../../operator/api/rtcautoscaler-spec.ts'
import {
  fewestAllowed,
  isTolerated,
  mostAllowed,
  noteStep,
  policiesEaseInMs,
  type Step,
} from '../../../operator/autoscaler/deciding/behavior.ts'
import { recommend } from '../../../operator/autoscaler/deciding/core.ts'
import { carrying, known, poolOf, spec, watch } from './known-pool.ts'

type Policy = ScalingRules['policies'][number]

const pods = (value: number, periodSeconds: number): Policy => ({ type: 'Pods', value, periodSeconds })
const percent = (value: number, periodSeconds: number): Policy => ({ type: 'Percent', value, periodSeconds })
const rules = (policies: Policy[], given: Partial<ScalingRules> = {}): ScalingRules => ({
  stabilizationWindowSeconds: 0,
  selectPolicy: 'Max',
  policies,
  tolerance: 0,
  ...given,
})

test('the policy that lets most change counts, or with Min the one that lets least', () => {
  const both = [percent(100, 15), pods(4, 15)]
  assert.equal(mostAllowed(rules(both), [], 0, 2), 6)
  assert.equal(mostAllowed(rules(both), [], 0, 10), 20)
  assert.equal(mostAllowed(rules(both, { selectPolicy: 'Min' }), [], 0, 10), 14)
  assert.equal(fewestAllowed(rules([percent(10, 60), pods(4, 60)]), [], 0, 80), 72)
  assert.equal(fewestAllowed(rules([percent(10, 60), pods(4, 60)], { selectPolicy: 'Min' }), [], 0, 80), 76)
})

test('Disabled lets nothing change in its direction', () => {
  const off = rules([percent(100, 15)], { selectPolicy: 'Disabled' })
  assert.equal(mostAllowed(off, [], 0, 10), 10)
  assert.equal(fewestAllowed(off, [], 0, 10), 10)
})

test('percent rounds in favour of change, so that a small pool changes at all', () => {
  assert.equal(mostAllowed(rules([percent(10, 15)]), [], 0, 1), 2)
  assert.equal(mostAllowed(rules([percent(10, 15)]), [], 0, 10), 11)
  assert.equal(fewestAllowed(rules([percent(10, 60)]), [], 0, 72), 64)
  assert.equal(fewestAllowed(rules([percent(10, 60)]), [], 0, 1), 0)
})

test('what has changed in the period counts, in both directions, until the period is over', () => {
  const steps: Step[] = []
  noteStep(steps, { at: 0, by: 4 })
  const four = rules([pods(4, 60)])
  assert.equal(mostAllowed(four, steps, 59_999, 14), 14)
  assert.equal(policiesEaseInMs(four, steps, 59_999), 1)
  assert.equal(mostAllowed(four, steps, 60_000, 14), 18)
  noteStep(steps, { at: 60_000, by: -3 })
  assert.equal(mostAllowed(four, steps, 60_001, 11), 18)
  assert.equal(fewestAllowed(four, steps, 60_001, 11), 10)
})

test('more than a policy allows has happened: it does not go back because of that', () => {
  const steps: Step[] = [{ at: 0, by: 20 }]
  assert.equal(mostAllowed(rules([pods(4, 60)]), steps, 1, 30), 30)
})

test('no more than the value changes within any period, however often it is asked', () => {
  const policy = fc.oneof(
    fc.record({
      type: fc.constant('Pods' as const),
      value: fc.integer({ min: 1, max: 20 }),
      periodSeconds: fc.integer({ min: 1, max: 120 }),
    }),
  )
  fc.assert(
    fc.property(policy, fc.array(fc.integer({ min: 0, max: 60_000 }), { maxLength: 40 }), (only, gaps) => {
      const steps: Step[] = []
      const taken: Step[] = []
      let [now, replicas] = [0, 10]
      for (const gap of gaps) {
        now += gap
        const next = mostAllowed(rules([only]), steps, now, replicas)
        taken.push({ at: now, by: next - replicas })
        noteStep(steps, { at: now, by: next - replicas })
        replicas = next
        const since = now - 1_000 * only.periodSeconds
        const added = taken.reduce((sum, { at, by }) => sum + (at > since ? by : 0), 0)
        assert.ok(added <= only.value, `${added} in ${only.periodSeconds} s`)
      }
    }),
    { numRuns: 2_000 },
  )
})

test('what is too old for any period is forgotten', () => {
  const steps: Step[] = []
  for (let minute = 0; minute < 10_000; minute += 1) noteStep(steps, { at: minute * 60_000, by: 1 })
  assert.equal(steps.length, 30)
})

test('a change by no more than the tolerance is not made', () => {
  const tenth = rules([], { tolerance: 0.1 })
  assert.ok(isTolerated(tenth, 10, 11) && isTolerated(tenth, 10, 9) && !isTolerated(tenth, 10, 12))
  assert.ok(!isTolerated(rules([]), 10, 11))
  const tolerant = spec({ behavior: { scaleUp: { tolerance: 0.1 } } })
  const { desired, limits } = recommend(known(), poolOf(carrying(10, 5_300), { spec: tolerant }))
  assert.deepEqual([desired, limits], [10, ['Tolerance']])
})

test('an upwards window lets grow what is needed for all of it', () => {
  const patient = spec({ behavior: { scaleUp: { stabilizationWindowSeconds: 60 } } })
  const memory = known()
  watch(memory, poolOf(carrying(10, 5_000), { spec: patient }), 100)
  const busy = poolOf(carrying(10, 8_000), { spec: patient })
  const soon = watch(memory, busy, 50)
  assert.deepEqual([soon.desired, soon.limits], [10, ['ScaleUpWindow']])
  assert.ok(watch(memory, busy, 20).desired > 10)
})

test('a pool shrinks no faster than its policy', () => {
  const slow = spec({
    behavior: {
      scaleDown: { stabilizationWindowSeconds: 0, policies: [{ type: 'Pods', value: 2, periodSeconds: 60 }] },
    },
  })
  const memory = known()
  const { desired, limits } = watch(memory, poolOf(carrying(20, 5_000), { spec: slow }), 10)
  assert.equal(desired, 18)
  assert.ok(limits.includes('ScaleDownPolicy'))
})
