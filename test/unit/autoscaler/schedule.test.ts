// Schedules: when they hold, in their own time zones, and what is said of one that cannot be read.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { instant } from '../../../operator/ambient/clock.ts'
import type { Schedule } from '../../../operator/api/rtcautoscaler-spec.ts'
import { learn, recommend, scheduleComplaints } from '../../../operator/autoscaler/deciding/core.ts'
import { boundsOf } from '../../../operator/autoscaler/deciding/schedule.ts'
import { BEFORE_NINE, carrying, known, poolOf, spec, watch } from './known-pool.ts'

const schedule = (given: Partial<Schedule>): Schedule => ({
  name: 'work',
  start: '0 8 * * 1-5',
  end: '0 18 * * 1-5',
  timeZone: 'Etc/UTC',
  minReplicas: 30,
  ...given,
})

const boundsAt = (time: string, ...schedules: Schedule[]) =>
  boundsOf({ minReplicas: 2, maxReplicas: 50, schedules }, instant(Date.parse(time)))

test('a schedule holds from its start until its end', () => {
  const minAt = (time: string): number => boundsAt(time, schedule({})).min
  assert.equal(minAt('2026-06-01T07:59:59.999Z'), 2)
  assert.equal(minAt('2026-06-01T08:00:00Z'), 30)
  assert.equal(minAt('2026-06-01T17:59:59Z'), 30)
  assert.equal(minAt('2026-06-01T18:00:00Z'), 2)
  assert.equal(minAt('2026-06-06T12:00:00Z'), 2)
})

test('08:00 stays 08:00 when summer begins and ends', () => {
  const berlin = schedule({ timeZone: 'Europe/Berlin', start: '0 8 * * *', end: '0 18 * * *' })
  const minAt = (time: string): number => boundsAt(time, berlin).min
  for (const [date, eight] of [
    ['2026-03-28', '07:00:00'],
    ['2026-03-29', '06:00:00'],
    ['2026-10-24', '06:00:00'],
    ['2026-10-25', '07:00:00'],
  ]) {
    const at = Date.parse(`${date}T${eight}Z`)
    assert.equal(minAt(new Date(at - 1).toISOString()), 2, `before 8 on ${date}`)
    assert.equal(minAt(new Date(at).toISOString()), 30, `8 on ${date}`)
  }
})

test('a start that summer skips holds from the moment it is over; one that comes twice begins once', () => {
  const night = schedule({ timeZone: 'Europe/Berlin', start: '30 2 * * *', end: '0 5 * * *' })
  const minAt = (time: string): number => boundsAt(time, night).min
  assert.deepEqual(
    [minAt('2026-03-29T00:59:59Z'), minAt('2026-03-29T01:00:00Z'), minAt('2026-03-29T03:00:00Z')],
    [2, 30, 2],
  )
  const end = schedule({ timeZone: 'Europe/Berlin', start: '0 1 * * *', end: '30 2 * * *' })
  assert.deepEqual([boundsAt('2026-10-25T00:29:59Z', end).min, boundsAt('2026-10-25T00:30:00Z', end).min], [30, 2])
  assert.equal(boundsAt('2026-10-25T01:30:00Z', end).min, 2)
})

test('over midnight, and over the weekend', () => {
  const night = schedule({ start: '0 22 * * *', end: '0 6 * * *' })
  assert.equal(boundsAt('2026-06-01T23:00:00Z', night).min, 30)
  assert.equal(boundsAt('2026-06-02T05:59:00Z', night).min, 30)
  assert.equal(boundsAt('2026-06-02T12:00:00Z', night).min, 2)
  const weekend = schedule({ start: '0 18 * * 5', end: '0 6 * * 1' })
  assert.equal(boundsAt('2026-06-07T12:00:00Z', weekend).min, 30)
})

test('starts that come again within it change nothing, and ends that come again do not begin it', () => {
  const often = schedule({ start: '*/10 8-17 * * *', end: '0 * * * *' })
  assert.deepEqual([boundsAt('2026-06-01T08:11:00Z', often).min, boundsAt('2026-06-01T03:30:00Z', often).min], [30, 2])
})

test('of several that hold the largest numbers count, and the maximum has the last word', () => {
  const always = { start: '* * * * *', end: '0 0 1 1 *' }
  const bounds = boundsAt(
    '2026-06-01T12:00:00Z',
    schedule({ name: 'a', ...always, minReplicas: 10, maxReplicas: 20 }),
    schedule({ name: 'b', ...always, minReplicas: 12, maxReplicas: 18, idealReplicas: 40 }),
  )
  assert.deepEqual([bounds.min, bounds.max, bounds.ideal, bounds.minBy, bounds.idealBy], [12, 20, 20, 'b', 'b'])
  assert.equal(boundsAt('2026-06-01T12:00:00Z', schedule({ ...always, minReplicas: 80 })).min, 50)
})

test('a schedule asks for its nodes when it begins, and its name is in the line', () => {
  const work = spec({ schedules: [schedule({ start: '58 8 * * *', end: '0 18 * * *', minReplicas: 8 })] })
  const early = recommend(known(), poolOf(carrying(4, 1_000), { spec: work, now: instant(BEFORE_NINE - 2_000) }))
  assert.equal(early.desired, 4)
  assert.equal(early.lookAgainMs, 2_000)
  const { desired, limits, why } = recommend(known(), poolOf(carrying(4, 1_000), { spec: work }))
  assert.deepEqual([desired, limits], [8, ['Scheduled']])
  assert.equal(why, '4→8: load 1k / (1000 × 0.52) = 2, schedule "work" asks for 8')
})

test('an ideal number is wished for like load, as fast as behavior lets it', () => {
  const ideal = spec({ schedules: [schedule({ start: '0 8 * * *', minReplicas: undefined, idealReplicas: 20 })] })
  const { desired, limits } = recommend(known(), poolOf(carrying(4, 1_000), { spec: ideal }))
  assert.deepEqual([desired, limits], [8, ['Scheduled', 'ScaleUpPolicy']])
})

test('a cron line or a zone that cannot be read is named with its field, its value and a remedy', () => {
  const said = (given: Partial<Schedule>): string => scheduleComplaints([schedule({}), schedule(given)]).join('\n')
  assert.equal(scheduleComplaints([schedule({})]).length, 0)
  assert.equal(
    said({ start: '0 25 * * *' }),
    'spec.schedules[1].start "0 25 * * *" is no cron line (Invalid value for hour: 25); write minute hour day month weekday, such as "0 8 * * 1-5"',
  )
  assert.match(
    said({ end: '0 8 * * 1-5 2026' }),
    /^spec\.schedules\[1\]\.end "0 8 .* \(it has not five fields\); write minute hour/,
  )
  assert.match(said({ start: '2026-01-01T08:00' }), /it has not five fields/)
  assert.match(said({ start: '@daily   ' }), /it has not five fields/)
  assert.match(said({ start: '0 0 30 2 *' }), /no such day ever comes/)
  assert.equal(
    said({ timeZone: 'Europe/Berln' }),
    'spec.schedules[1].timeZone "Europe/Berln" is no known time zone; write an IANA name such as Europe/Berlin or Etc/UTC',
  )
})

test('with a schedule that cannot be read load still has its nodes, and nothing is taken away', () => {
  const bad = spec({ schedules: [schedule({ start: '0 25 * * *' })] })
  const memory = known()
  const idle = poolOf(carrying(20, 2_000), { spec: bad })
  const held = watch(memory, idle, 700)
  assert.deepEqual([held.desired, held.because, held.limits], [20, 'InvalidSchedule', ['InvalidSchedule']])
  assert.match(held.why, /spec\.schedules\[0\]\.start "0 25 \* \* \*" is no cron line/)
  const busy = poolOf(carrying(20, 18_000), { spec: bad, now: memory.learning.passage.at })
  learn(memory, busy)
  assert.ok(recommend(memory, busy).desired > 20)
})

test('a daily schedule holds in exactly the minutes between its two times, whatever was asked before', () => {
  const minutes = fc.nat(1_439)
  fc.assert(
    fc.property(minutes, minutes, fc.array(fc.nat(3 * 1_440), { minLength: 1, maxLength: 8 }), (from, to, asked) => {
      fc.pre(from !== to)
      const line = (minute: number): string => `${minute % 60} ${Math.floor(minute / 60)} * * *`
      const given = { minReplicas: 2, maxReplicas: 50, schedules: [schedule({ start: line(from), end: line(to) })] }
      for (const minute of asked) {
        const ofDay = minute % 1_440
        const holds = from < to ? ofDay >= from && ofDay < to : ofDay >= from || ofDay < to
        const { min, until } = boundsOf(given, instant(Date.UTC(2026, 5, 1) + minute * 60_000))
        assert.equal(min, holds ? 30 : 2)
        assert.ok(until > Date.UTC(2026, 5, 1) + minute * 60_000)
      }
    }),
    { numRuns: 300 },
  )
})
