// What schedules announce: how many nodes more, from when on, and nothing that nobody asks for.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { type Instant, instant, later } from '../../../operator/ambient/clock.ts'
import type { Schedule } from '../../../operator/api/rtcautoscaler-spec.ts'
import { announcedNodes } from '../../../operator/autoscaler/deciding/announced.ts'
import { boundsOf } from '../../../operator/autoscaler/deciding/schedule.ts'

const schedule = (given: Partial<Schedule>): Schedule => ({
  name: 'work',
  start: '0 8 * * *',
  end: '0 18 * * *',
  timeZone: 'Etc/UTC',
  minReplicas: 30,
  ...given,
})
const spec = (...schedules: Schedule[]) => ({ minReplicas: 2, maxReplicas: 50, schedules })
const time = (text: string): Instant => instant(Date.parse(`2026-06-01T${text}Z`))
const LEAD_MS = 300_000
const at = (text: string, replicas: number, ...schedules: Schedule[]) =>
  announcedNodes(spec(...schedules), replicas, time(text), LEAD_MS)

test('a start is announced one lead ahead, with what the pool lacks then', () => {
  assert.equal(at('07:54:59.999', 4, schedule({})), undefined)
  const announced = { schedule: 'work', startsAt: '2026-06-01T08:00:00Z', nodes: 26 }
  assert.deepEqual(at('07:55:00', 4, schedule({})), announced)
  assert.deepEqual(at('07:59:59.999', 29, schedule({})), { ...announced, nodes: 1 })
  assert.equal(at('07:59:00', 30, schedule({})), undefined)
})

test('it stays announced until the pool has followed, for two minutes', () => {
  assert.equal(at('08:00:00', 10, schedule({}))?.nodes, 20)
  assert.equal(at('08:01:59', 29, schedule({}))?.nodes, 1)
  assert.equal(at('08:00:30', 30, schedule({})), undefined)
  assert.equal(at('08:02:00', 10, schedule({})), undefined)
})

test('minReplicas or idealReplicas, whichever is more, and never more than the maximum then', () => {
  const ideal = { name: 'hands', minReplicas: undefined, idealReplicas: 40 } as const
  const told = (...schedules: Schedule[]) => {
    const it = at('07:58:00', 4, ...schedules)
    return [it?.schedule, it?.nodes]
  }
  assert.deepEqual(told(schedule({}), schedule(ideal)), ['hands', 36])
  assert.deepEqual(told(schedule(ideal), schedule({ minReplicas: 45 })), ['work', 41])
  assert.deepEqual(told(schedule({ ...ideal, maxReplicas: 12 })), ['hands', 8])
  assert.deepEqual(told(schedule({ minReplicas: 80 })), ['work', 46])
})

test('of several starts the one that asks for most', () => {
  const [soon, more] = [
    schedule({ name: 'soon', start: '1 8 * * *', minReplicas: 10 }),
    schedule({ start: '4 8 * * *' }),
  ]
  assert.deepEqual(at('08:00:30', 4, soon, more)?.startsAt, '2026-06-01T08:04:00Z')
  assert.deepEqual(at('07:58:30', 4, soon, more)?.startsAt, '2026-06-01T08:01:00Z')
})

test('the end of one that kept the pool down is a start like others, without a name', () => {
  const night = schedule({ name: 'night', start: '0 22 * * *', end: '0 6 * * *', minReplicas: 1, maxReplicas: 10 })
  const day = { minReplicas: 20, maxReplicas: 50, schedules: [night] }
  assert.deepEqual(announcedNodes(day, 6, time('05:57:00'), LEAD_MS), { startsAt: '2026-06-01T06:00:00Z', nodes: 14 })
})

test('what is asked for already, or less from then on, is no news; nor is what cannot be read', () => {
  const other = schedule({ name: 'other', start: '0 12 * * *', end: '0 13 * * *', minReplicas: 5 })
  assert.equal(at('11:58:00', 4, schedule({}), other), undefined)
  assert.equal(at('17:58:00', 4, schedule({})), undefined)
  assert.equal(at('07:58:00', 4, schedule({ start: '0 25 * * *' })), undefined)
  assert.equal(at('07:58:00', 4), undefined)
})

test('what holds now stays in memory: to look ahead costs no second look at the present', () => {
  const given = spec(schedule({}))
  const now = time('07:58:00')
  const before = boundsOf(given, now)
  announcedNodes(given, 4, now, LEAD_MS)
  assert.equal(boundsOf(given, later(now, 1_000)), before)
})

const anySchedule = fc
  .record({
    start: fc.nat(1_439),
    end: fc.nat(1_439),
    minReplicas: fc.option(fc.nat(60), { nil: undefined }),
    idealReplicas: fc.option(fc.nat(60), { nil: undefined }),
    maxReplicas: fc.option(fc.nat(60), { nil: undefined }),
  })
  .map(({ start, end, ...numbers }) => {
    const line = (minute: number): string => `${minute % 60} ${Math.floor(minute / 60)} * * *`
    return schedule({ ...numbers, start: line(start), end: line(end) })
  })

test('nothing is announced that is not asked for then, and the most that is asked for within the lead is', () => {
  fc.assert(
    fc.property(
      fc.array(anySchedule, { maxLength: 3 }),
      fc.nat(2 * 1_440),
      fc.integer({ min: 150, max: 600 }),
      fc.nat(60),
      (schedules, minute, leadSeconds, replicas) => {
        const given = spec(...schedules)
        const now = later(time('00:00:00'), minute * 60_000 + 30_000)
        const announced = announcedNodes(given, replicas, now, leadSeconds * 1_000)
        const asked = (when: Instant): number => {
          const { min, ideal } = boundsOf({ ...given }, when)
          return Math.max(min, ideal)
        }
        const minutes = Array.from(
          { length: Math.floor((leadSeconds + 30) / 60) },
          (_, i) => time('00:00:00') + (minute + 1 + i) * 60_000,
        )
        const rises = minutes.filter(when => asked(instant(when)) > asked(instant(when - 1)))
        const most = Math.max(0, ...rises.map(when => asked(instant(when)) - replicas))
        if (announced === undefined) return assert.equal(most, 0)
        const startsAt = instant(Date.parse(announced.startsAt))
        assert.equal(announced.nodes, asked(startsAt) - replicas)
        assert.ok(announced.nodes >= Math.max(1, most))
        assert.ok(startsAt > now - 120_000 && startsAt <= now + leadSeconds * 1_000)
        assert.ok(announced.nodes + replicas <= Math.max(50, ...schedules.map(it => it.maxReplicas ?? 0)))
      },
    ),
    { numRuns: 50 },
  )
})
