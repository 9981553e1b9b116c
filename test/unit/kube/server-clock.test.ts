// The server's time, learned from Date headers that are cut to seconds and arrive late.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { instant, monotonic } from '../../../operator/ambient/clock.ts'
import { believe, type Hearing, SET_BACK_MS, serverClock } from '../../../operator/kube/server-clock.ts'
import { fakeClock } from '../fake-clock.ts'

const BOOTED_AT = Date.UTC(2026, 0, 1)
const cutToSecond = (ms: number): number => Math.floor(ms / 1_000) * 1_000

/** A request sent at `sentAt`, stamped by the server `thereMs` later, received another `backMs` later. */
const exchange = fc.record({
  sentAt: fc.integer({ min: 0, max: 3_600_000 }),
  thereMs: fc.integer({ min: 0, max: 10_000 }),
  backMs: fc.integer({ min: 0, max: 10_000 }),
})
type Exchange = { sentAt: number; thereMs: number; backMs: number }

const hearing = ({ sentAt, thereMs, backMs }: Exchange, serverStart: number): Hearing => ({
  date: instant(cutToSecond(serverStart + sentAt + thereMs)),
  sentAt: monotonic(sentAt),
  receivedAt: monotonic(sentAt + thereMs + backMs),
})

const inOrder = (exchanges: Exchange[]): Exchange[] =>
  exchanges.toSorted((a, b) => a.sentAt + a.thereMs + a.backMs - (b.sentAt + b.thereMs + b.backMs))

test('the estimate is never ahead of the server, whatever answers are delayed', () => {
  fc.assert(
    fc.property(fc.array(exchange, { minLength: 1 }), fc.integer({ min: 0, max: 999 }), (exchanges, skew) => {
      const serverStart = BOOTED_AT + skew
      let offset: number | undefined
      for (const it of inOrder(exchanges)) offset = believe(offset, hearing(it, serverStart))
      assert.ok((offset as number) <= serverStart)
    }),
  )
})

test('the estimate never goes back while the server clock is steady', () => {
  fc.assert(
    fc.property(fc.array(exchange, { minLength: 2 }), exchanges => {
      let offset = Number.NEGATIVE_INFINITY
      for (const it of inOrder(exchanges)) {
        const next = believe(Number.isFinite(offset) ? offset : undefined, hearing(it, BOOTED_AT))
        assert.ok(next >= offset)
        offset = next
      }
    }),
  )
})

test('one quick answer brings the estimate to within a second and its own delay', () => {
  fc.assert(
    fc.property(fc.array(exchange), exchange, fc.integer({ min: 0, max: 999 }), (before, last, skew) => {
      const serverStart = BOOTED_AT + skew
      let offset: number | undefined
      for (const it of [...before, last]) offset = believe(offset, hearing(it, serverStart))
      assert.ok(serverStart - (offset as number) < 1_000 + last.backMs)
    }),
  )
})

test('a server clock set back by more than the tolerance is believed at the next answer', () => {
  const quick = { sentAt: 0, thereMs: 1, backMs: 1 }
  const before = believe(undefined, hearing(quick, BOOTED_AT))
  const setBack = BOOTED_AT - SET_BACK_MS - 2_000
  const after = believe(before, hearing({ ...quick, sentAt: 60_000 }, setBack))
  assert.ok(after <= setBack)
  assert.ok(setBack - after < 1_002)
})

test('an answer that took nine seconds on its way back is no sign of a clock set back', () => {
  const before = believe(undefined, hearing({ sentAt: 0, thereMs: 0, backMs: 0 }, BOOTED_AT))
  assert.equal(believe(before, hearing({ sentAt: 10_000, thereMs: 0, backMs: 9_000 }, BOOTED_AT)), before)
})

test('the operator clock may be set to anything: the server clock goes on', async () => {
  const clock = fakeClock()
  const server = serverClock(clock)
  assert.equal(server.now(), undefined)
  server.hear('no date at all', clock.monotonic())
  assert.equal(server.now(), undefined)
  server.hear('Thu, 01 Jan 2026 10:00:00 GMT', clock.monotonic())
  clock.setWall(instant(0))
  await clock.advance(90_500)
  assert.equal(server.now(), Date.UTC(2026, 0, 1, 10, 1, 30, 500))
})
