// What an autoscaler tells, and how often: changes at once, figures now and then, nothing while nothing happens.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { later, toTimestamp } from '../../../../operator/ambient/clock.ts'
import type { AutoscalerConditionType } from '../../../../operator/api/rtcautoscaler.ts'
import { RTCAutoscalerKind } from '../../../../operator/api/rtcautoscaler.ts'
import type { RTCAutoscalerStatus } from '../../../../operator/api/rtcautoscaler-status.ts'
import { eventsOfChange } from '../../../../operator/autoscaler/autoscaler-events.ts'
import { type Account, statusOf } from '../../../../operator/autoscaler/autoscaler-status.ts'
import type { Recommendation } from '../../../../operator/autoscaler/deciding/core.ts'
import { hasMoved, rounded } from '../../../../operator/autoscaler/figures.ts'
import { isDue } from '../../../../operator/autoscaler/worth-a-write.ts'
import { anAccount, anAutoscaler, aRecommendation, NOW } from './objects.ts'

const condition = (account: Account, type: AutoscalerConditionType) => {
  const found = statusOf(account).conditions?.find(it => it.type === type)
  return found && `${found.status} ${found.reason}`
}
const given = (change: Partial<Recommendation>, rest: Partial<Account> = {}) =>
  anAccount({ recommendation: aRecommendation(change), ...rest })
const decision = (from: number, to: number) => ({ at: toTimestamp(NOW), from, to, why: '', limits: [], terms: {} })

test('a status is what the CRD takes, and a second look at the same changes nothing', () => {
  const first = statusOf(anAccount())
  assert.doesNotThrow(() => RTCAutoscalerKind.status.parse(first))
  const again = statusOf(anAccount({ autoscaler: anAutoscaler('a', { status: first }), now: later(NOW, 60_000) }))
  assert.deepEqual(again, first)
})

test('ScalingActive: True while it scales, False while it looks on, Unknown before any load is heard', () => {
  assert.equal(condition(anAccount(), 'ScalingActive'), 'True Steady')
  assert.equal(condition(given({ because: 'NoLoadYet' }), 'ScalingActive'), 'Unknown NoLoadYet')
  const standing = { does: 'look on', because: 'Paused', message: 'paused', foreign: [] } as const
  assert.equal(condition(anAccount({ standing }), 'ScalingActive'), 'False Paused')
})

test('a schedule that cannot be read is the reason whatever else is done, with field, value and remedy', () => {
  const schedules = [{ name: 'x', start: '0 25 * * *', end: '0 9 * * *', timeZone: 'Etc/UTC', minReplicas: 3 }]
  const account = given({ because: 'ScaledUp' }, { autoscaler: anAutoscaler('a', { spec: { schedules } }) })
  assert.equal(condition(account, 'ScalingActive'), 'False InvalidSchedule')
  const message = statusOf(account).conditions?.find(({ type }) => type === 'ScalingActive')?.message
  assert.match(message ?? '', /spec\.schedules\[0\]\.start "0 25 \* \* \*" is no cron line.*write minute hour day/)
})

test('a change is called what it was for a minute', () => {
  const changed = (agoMs: number) => ({
    lastDecision: decision(12, 15),
    lastScaleTime: toTimestamp(NOW),
    now: later(NOW, agoMs),
  })
  assert.equal(condition(anAccount(changed(59_000)), 'ScalingActive'), 'True ScaledUp')
  assert.equal(condition(anAccount(changed(60_000)), 'ScalingActive'), 'True Steady')
})

test('each limit is named, the first as the reason', () => {
  const account = given({ recommended: 30, desired: 20, limits: ['MaxReplicas', 'TelemetryDegraded'] })
  assert.equal(condition(account, 'ScalingLimited'), 'True MaxReplicas')
  const message = statusOf(account).conditions?.find(({ type }) => type === 'ScalingLimited')?.message
  assert.match(message ?? '', /more than the maximum.*does not report/)
  assert.equal(condition(anAccount(), 'ScalingLimited'), 'False WithinLimits')
})

test('AbleToScale: no pool, a number that was refused, nodes that do not start', () => {
  const nowhere = { does: 'look on', because: 'PoolNotFound', message: 'create it', foreign: [] } as const
  const account = anAccount({ standing: nowhere, recommendation: undefined, replicas: undefined })
  assert.equal(condition(account, 'AbleToScale'), 'False PoolNotFound')
  assert.equal(condition(account, 'Fallback'), 'Unknown PoolNotFound')
  assert.equal(condition(anAccount({ refusal: 'quota' }), 'AbleToScale'), 'False ScaleRefused')
  assert.equal(condition(anAccount({ notStarting: '2 with ImagePullFailed' }), 'AbleToScale'), 'False StartsFail')
  assert.equal(condition(anAccount(), 'AbleToScale'), 'True PoolFound')
})

test('what was found about load and telemetry has a condition each', () => {
  const account = given({
    latencyNotLoadRelated: true,
    telemetryDegraded: true,
    fallback: { on: true, because: 'RegistryOutOfSight' },
  })
  assert.equal(condition(account, 'LatencyNotLoadRelated'), 'True LatencyNotLoadRelated')
  assert.equal(condition(account, 'TelemetryDegraded'), 'True TelemetryDegraded')
  assert.equal(condition(account, 'Fallback'), 'True RegistryOutOfSight')
})

test('written at once: a condition, replicas, a decision; figures only after 30 s, and only when they moved', () => {
  const before = statusOf(anAccount())
  const due = (change: Partial<Recommendation>, agoMs: number, rest: Partial<Account> = {}) =>
    isDue(before, statusOf(given(change, { autoscaler: anAutoscaler('a', { status: before }), ...rest })), agoMs)
  assert.equal(due({}, 1e9), false)
  assert.equal(due({ desired: 13 }, 29_999), false, 'it is current that counts where it is set')
  assert.equal(due({ desired: 15 }, 30_000), true)
  assert.equal(due({ limits: ['MaxReplicas'] }, 29_999), false)
  assert.equal(due({ limits: ['MaxReplicas'] }, 30_000), true)
  assert.equal(due({}, 0, { replicas: 13 }), true)
  assert.equal(due({ telemetryDegraded: true }, 0), true)
  assert.equal(due({}, 0, { lastDecision: decision(10, 12) }), true)
  assert.equal(due({ pressure: 0.9 }, 29_999), false)
  assert.equal(due({ pressure: 0.9 }, 30_000), true)
  assert.equal(due({ pressure: 0.53, joinLatencyP99Ms: 860, latency: '860/1500ms' }, 1e9), false)
  assert.equal(due({ latency: '1900/1500ms' }, 30_000), true)
  assert.equal(due({ why: '12: load 6.1k' }, 1e9), false, 'a sentence that only has other figures in it')
  assert.equal(isDue(undefined, before, 0), true)
})

test('whatever heartbeats do to figures, an autoscaler writes at most twice a minute', () => {
  const figure = fc.record({
    pressure: fc.double({ min: 0, max: 2, noNaN: true }),
    joinLatencyP99Ms: fc.double({ min: 1, max: 5_000, noNaN: true }),
    freshPercent: fc.double({ min: 90, max: 100, noNaN: true }),
    desired: fc.integer({ min: 1, max: 20 }),
    limits: fc.constantFrom([], ['MaxReplicas' as const], ['TooFullAfter' as const]),
  })
  fc.assert(
    fc.property(fc.array(figure, { minLength: 60, maxLength: 60 }), beats => {
      let written: RTCAutoscalerStatus = statusOf(anAccount())
      let writtenAt = 0
      let writes = 0
      for (const [second, figures] of beats.entries()) {
        const at = (second + 1) * 1_000
        const next = statusOf(
          given(figures, { autoscaler: anAutoscaler('a', { status: written }), now: later(NOW, at) }),
        )
        if (!isDue(written, next, at - writtenAt)) continue
        writes += 1
        written = next
        writtenAt = at
      }
      assert.ok(writes <= 2, `${writes} writes`)
    }),
  )
})

test('an event when something comes up or is over, none while it lasts', () => {
  const calm = statusOf(anAccount())
  const bad = statusOf(given({ telemetryDegraded: true, freshPercent: 70 }))
  const words = (before: RTCAutoscalerStatus | undefined, next: RTCAutoscalerStatus) =>
    eventsOfChange(before, next).map(({ type, reason }) => `${type} ${reason}`)
  assert.deepEqual(words(calm, bad), ['Warning TelemetryDegraded'])
  assert.deepEqual(words(bad, bad), [])
  assert.deepEqual(words(bad, calm), ['Normal EnoughReport'])
  assert.deepEqual(words(undefined, calm), [])
  const nowhere = { does: 'look on', because: 'PoolNotFound', message: 'create it', foreign: [] } as const
  const lost = statusOf(anAccount({ standing: nowhere, recommendation: undefined }))
  assert.deepEqual(words(calm, lost), ['Warning PoolNotFound'], 'told once, though two conditions say it')
})

test('figures have three digits, and move when they move by more than a tenth', () => {
  assert.deepEqual(rounded({ demand: 6_123.456, knee: 0.65432, warm: 12_345, forecastBy: 'now', gone: undefined }), {
    demand: 6_120,
    knee: 0.654,
    warm: 12_345,
    forecastBy: 'now',
    gone: undefined,
  })
  assert.equal(hasMoved([100], [109]), false)
  assert.equal(hasMoved([100], [112]), true)
  assert.equal(hasMoved([0.01], [0.02]), false, 'a tenth of next to nothing')
  assert.equal(hasMoved([undefined], [0]), true)
  assert.equal(hasMoved([undefined], [undefined]), false)
})
