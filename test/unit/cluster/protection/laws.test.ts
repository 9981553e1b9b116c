// Laws of protection, over any life of a pod: people who come and go, silence, asks that are taken back, operators that restart.
// RTCNODE_RUNS sets how many lives each law sees.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { instant } from '../../../../operator/ambient/clock.ts'
import { isProtected, isReleased, type Marks, sameMarks } from '../../../../operator/cluster/protection/marks.ts'
import {
  IDLE_CLOSED_MS,
  IDLE_OPEN_MS,
  protect,
  UNKNOWN_MS,
  WRITE_EVERY_MS,
} from '../../../../operator/cluster/protection/protect.ts'
import { type Change, HOUR, isForSafety, type Life, life, MINUTE } from './life.ts'

const numRuns = Number(process.env['RTCNODE_RUNS'] ?? 300)

interface Step {
  readonly afterMs: number
  readonly change: Change
}

const simple = (...all: Change['is'][]): fc.Arbitrary<Change> => fc.constantFrom(...all.map(is => ({ is }) as Change))
const people = fc.record({ is: fc.constant('people' as const), sessions: fc.constantFrom(0, 0, 1, 5, 64, 2_000) })
const asks = fc.oneof(fc.record({ is: fc.constant('asked' as const), tellsSince: fc.boolean() }), simple('taken back'))
const changes = fc.oneof(people, people, asks, simple('closed', 'open', 'silent', 'heard', 'restarted'))
const pauses = fc.oneof(fc.nat(5_000), fc.nat(2 * MINUTE), fc.nat(3 * HOUR))
const livesOf = (change: fc.Arbitrary<Change>): fc.Arbitrary<Step[]> =>
  fc.array(fc.record({ afterMs: pauses, change }), { maxLength: 40 })

const MAX_SECONDS = 7_200

/** Holds after every step. */
function law(name: string, lives: fc.Arbitrary<Step[]>, holds: (life: Life, steps: readonly Step[]) => void): void {
  test(name, () => {
    fc.assert(
      fc.property(lives, steps => {
        const it = life({ maxSeconds: MAX_SECONDS })
        steps.forEach(({ afterMs, change }, index) => {
          it.after(afterMs, change)
          holds(it, steps.slice(0, index + 1))
        })
      }),
      { numRuns },
    )
  })
}

law('while people are there it is protected, unless its time is over', livesOf(changes), it => {
  if (it.people.are === 'there' && !it.last.isOver) assert.ok(isProtected(it.marks))
})

law('while nobody knows, it is protected after a minute, unless its time is over', livesOf(changes), it => {
  if (it.people.are === 'unknown' && it.people.forMs >= UNKNOWN_MS && !it.last.isOver) assert.ok(isProtected(it.marks))
})

law(
  'it is released only when nobody was there for long enough, or its time is over',
  livesOf(changes),
  ({ writes }) => {
    for (const { before, after, people: are, isOver } of writes) {
      if (!isProtected(before) || isProtected(after) || isOver) continue
      assert.ok(are.are === 'gone' && (are.forMs >= IDLE_OPEN_MS || are.closedForMs >= IDLE_CLOSED_MS))
    }
  },
)

law('its time is over only two hours after somebody asked first', livesOf(changes), (it, steps) => {
  if (!it.last.isOver) return
  const times = steps.map((_, index) => steps.slice(0, index + 1).reduce((sum, { afterMs }) => sum + afterMs, 0))
  const firstAsk = times[steps.findIndex(({ change }) => change.is === 'asked')] ?? Number.POSITIVE_INFINITY
  assert.ok(it.atMs - firstAsk >= MAX_SECONDS * 1_000 - 1_000)
})

law('two writes are half a minute apart, unless the second is for safety', livesOf(changes), ({ writes }) => {
  writes.forEach((write, index) => {
    const before = writes[index - 1]
    if (before !== undefined && !isForSafety(write)) assert.ok(write.atMs - before.atMs >= WRITE_EVERY_MS)
  })
})

law('a change from idle to busy or back costs two writes at most', livesOf(people), ({ writes }, steps) => {
  const busy = [false, ...steps.map(({ change }) => change.is === 'people' && change.sessions > 0)]
  const flips = busy.filter((is, index) => index > 0 && is !== busy[index - 1]).length
  assert.ok(writes.length <= 1 + 2 * flips, `${writes.length} writes for ${flips} changes`)
})

law('at rest nothing is written', livesOf(changes), it => {
  it.after(6 * HOUR)
  const before = it.writes.length
  it.after(6 * HOUR)
  assert.equal(it.writes.length, before)
})

law('an idle host is given back, whatever came before', livesOf(changes), it => {
  it.after(0, { is: 'heard' })
  it.after(0, { is: 'people', sessions: 0 })
  it.after(IDLE_OPEN_MS + WRITE_EVERY_MS)
  assert.ok(isReleased(it.marks))
})

law('a busy one is given up in the end, whatever came before', livesOf(changes), it => {
  it.after(0, { is: 'people', sessions: 1 })
  it.after(0, { is: 'asked' })
  it.after(MAX_SECONDS * 1_000 + WRITE_EVERY_MS)
  assert.ok(isReleased(it.marks))
})

const texts = fc.option(fc.constantFrom('true', 'false', '', '16777216', '268435456', 'x', '2030-01-01T00:00:00Z'), {
  nil: undefined,
})
const anyMarks: fc.Arbitrary<Marks> = fc.record({
  busy: texts,
  safeToEvict: texts,
  doNotDisrupt: texts,
  deletionCost: texts,
  hostAskedForSince: texts,
})
const ms = fc.oneof(fc.nat(2 * MINUTE), fc.nat(10 * HOUR))
const anyKnown = fc.record({
  marks: anyMarks,
  people: fc.oneof(
    fc.record({ are: fc.constant('there' as const), sessions: fc.nat(3_000) }),
    fc.record({ are: fc.constant('gone' as const), forMs: ms, closedForMs: ms }),
    fc.record({ are: fc.constant('unknown' as const), forMs: ms }),
  ),
  isLeaving: fc.boolean(),
  askedForSince: fc.option(
    ms.map(at => instant(Date.parse('2030-01-01T00:00:00Z') + at)),
    { nil: undefined },
  ),
  unaskedForMs: ms,
  unwrittenForMs: ms,
  maxSeconds: fc.nat(20_000),
})

test('what was written is what is wanted: no moment has two answers in a row', () => {
  fc.assert(
    fc.property(anyKnown, ms, (known, at) => {
      const now = instant(Date.parse('2030-01-01T05:00:00Z') + at)
      const first = protect(known, now)
      const second = protect({ ...known, marks: first.marks, unwrittenForMs: HOUR }, now)
      if (known.unwrittenForMs >= WRITE_EVERY_MS) assert.ok(sameMarks(first.marks, second.marks))
      assert.ok(first.lookAgainMs === undefined || first.lookAgainMs > 0)
    }),
    { numRuns: numRuns * 10 },
  )
})
