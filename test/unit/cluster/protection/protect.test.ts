// Protection by example: what becomes of the marks of a pod while people come and go, and while somebody wants its host.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { costs, isProtected, isReleased } from '../../../../operator/cluster/protection/marks.ts'
import {
  FORGET_MS,
  IDLE_CLOSED_MS,
  IDLE_OPEN_MS,
  WRITE_EVERY_MS,
} from '../../../../operator/cluster/protection/protect.ts'
import { HOUR, life, MINUTE, newborn, timeAt } from './life.ts'

test('a pod that nobody comes to is released a minute after it serves, by one write, and never written again', () => {
  const it = life()
  it.after(IDLE_OPEN_MS - 1)
  assert.deepEqual(it.marks, newborn)
  it.after(1)
  assert.ok(isReleased(it.marks))
  assert.equal(it.marks.deletionCost, undefined)
  it.after(24 * HOUR)
  assert.equal(it.writes.length, 1)
})

test('the first person protects it at once, whatever was written last; the last one gone, it waits', () => {
  const it = life()
  it.after(IDLE_OPEN_MS + 1)
  it.after(1, { is: 'people', sessions: 1 })
  assert.ok(isProtected(it.marks))
  assert.equal(it.writes.at(-1)?.atMs, it.atMs)
  it.after(10 * MINUTE, { is: 'people', sessions: 0 })
  it.after(IDLE_OPEN_MS - 1)
  assert.ok(isProtected(it.marks))
  it.after(1)
  assert.ok(isReleased(it.marks))
  assert.equal(it.writes.length, 3)
})

test('somebody who leaves and is back within the minute costs nothing', () => {
  const it = life()
  it.after(MINUTE / 2, { is: 'people', sessions: 2 })
  for (let time = 0; time < 20; time += 1) it.after(50_000, { is: 'people', sessions: time % 2 })
  assert.deepEqual(it.writes, [])
})

test('a closed node that is empty is released within seconds, so that a drain can go on', () => {
  const it = life()
  it.after(5 * MINUTE, { is: 'people', sessions: 3 })
  it.after(MINUTE, { is: 'closed' })
  it.after(MINUTE, { is: 'people', sessions: 0 })
  it.after(IDLE_CLOSED_MS)
  assert.ok(isReleased(it.marks))
})

test('the pod of a node that is being deleted is left as it is: it goes by itself when it is empty', () => {
  const it = life()
  it.after(5_000, { is: 'people', sessions: 3 })
  it.after(MINUTE, { is: 'deleted' })
  it.after(MINUTE, { is: 'people', sessions: 0 })
  it.after(HOUR)
  assert.deepEqual(it.writes, [])
})

test('silence does not release, and protects after a minute; a restart of the operator writes nothing', () => {
  const busy = life()
  busy.after(1_000, { is: 'people', sessions: 1 })
  busy.after(1_000, { is: 'silent' })
  busy.after(24 * HOUR)
  assert.deepEqual(busy.writes, [])
  const idle = life()
  idle.after(2 * MINUTE)
  const before = idle.writes.length
  idle.after(1_000, { is: 'silent' })
  idle.after(5_000, { is: 'restarted' })
  idle.after(10_000, { is: 'heard' })
  idle.after(HOUR)
  assert.equal(idle.writes.length, before)
  idle.after(1_000, { is: 'silent' })
  idle.after(MINUTE - 1)
  assert.ok(isReleased(idle.marks))
  idle.after(1)
  assert.ok(isProtected(idle.marks))
})

test('a crowd that comes and goes is written once: the cost of a protected pod only rises', () => {
  const it = life()
  for (const sessions of [1, 10, 63, 64, 500, 20, 90, 1, 200]) it.after(10 * MINUTE, { is: 'people', sessions })
  assert.deepEqual(
    it.writes.map(({ after }) => [after.busy, after.deletionCost]),
    [
      ['false', undefined],
      ['true', costs.few],
      ['true', costs.many],
    ],
  )
})

test('after its time the host may go though people are there; the time is on record and no restart begins it anew', () => {
  const it = life({ maxSeconds: 3_600 })
  it.after(1_000, { is: 'people', sessions: 9 })
  it.after(HOUR, { is: 'asked' })
  const askedAt = it.atMs
  it.after(5 * MINUTE)
  assert.equal(it.marks.hostAskedForSince, timeAt(askedAt))
  it.after(20 * MINUTE, { is: 'restarted' })
  it.after(35 * MINUTE - 1)
  assert.ok(isProtected(it.marks))
  it.after(1)
  assert.ok(isReleased(it.marks))
  assert.equal(it.last.isOver, true)
  it.after(1_000, { is: 'restarted' })
  it.after(10 * HOUR)
  assert.ok(isReleased(it.marks), 'it stays so as long as the host is asked for')
})

test('the time is over on the second, and does not run out while nobody asks', () => {
  const it = life({ maxSeconds: 3_600 })
  it.after(1_000, { is: 'people', sessions: 9 })
  it.after(7_000, { is: 'asked' })
  it.after(50 * MINUTE, { is: 'taken back' })
  it.after(50 * MINUTE)
  assert.ok(isProtected(it.marks))
  const other = life({ maxSeconds: 3_700 })
  other.after(1_000, { is: 'people', sessions: 9 })
  other.after(47_000, { is: 'asked' })
  other.after(3_701_000)
  assert.ok(isReleased(other.marks))
  assert.equal(other.writes.at(-1)?.atMs, 48_000 + 3_700_000)
})

test('an ask that is taken back within a minute costs nothing', () => {
  const it = life()
  it.after(1_000, { is: 'people', sessions: 9 })
  for (let time = 0; time < 5; time += 1) {
    it.after(10 * MINUTE, { is: 'asked', tellsSince: true })
    it.after(50_000, { is: 'taken back' })
  }
  it.after(2 * HOUR)
  assert.deepEqual(it.writes, [])
})

test('whoever asks again and again gets the host in the end; an ask of long ago does not count', () => {
  const it = life({ maxSeconds: 3_600 })
  it.after(1_000, { is: 'people', sessions: 9 })
  it.after(0, { is: 'asked' })
  for (let time = 0; time < 4; time += 1) {
    it.after(10 * MINUTE, { is: 'taken back' })
    it.after(10 * MINUTE, { is: 'asked' })
  }
  assert.ok(isReleased(it.marks))
  it.after(0, { is: 'taken back' })
  it.after(FORGET_MS - 1)
  assert.ok(isReleased(it.marks), 'who gave up a moment ago may come back')
  it.after(1)
  assert.ok(isProtected(it.marks))
  assert.equal(it.marks.hostAskedForSince, undefined)
  it.after(HOUR, { is: 'asked' })
  it.after(HOUR / 2)
  assert.ok(isProtected(it.marks))
})

test('a time of nothing protects until somebody asks, and not longer', () => {
  const it = life({ maxSeconds: 0 })
  it.after(1_000, { is: 'people', sessions: 1 })
  it.after(HOUR)
  assert.ok(isProtected(it.marks))
  it.after(0, { is: 'asked' })
  assert.ok(isReleased(it.marks))
})

test('a pod without marks, of an older operator, gets those it needs: at once with people, later without', () => {
  const bare = {
    busy: undefined,
    safeToEvict: undefined,
    doNotDisrupt: undefined,
    deletionCost: undefined,
    hostAskedForSince: undefined,
  }
  const busy = life({ marks: bare })
  busy.after(0, { is: 'people', sessions: 1 })
  assert.ok(isProtected(busy.marks))
  const idle = life({ marks: bare })
  idle.after(IDLE_OPEN_MS)
  assert.ok(isReleased(idle.marks))
  assert.equal(idle.writes.length, 1)
})

test('marks that others have changed are set right, but not more often than twice a minute', () => {
  const it = life({ marks: { ...newborn, deletionCost: '5' } })
  it.after(0, { is: 'people', sessions: 1 })
  it.after(WRITE_EVERY_MS - 1)
  assert.equal(it.marks.deletionCost, '5')
  it.after(1)
  assert.equal(it.marks.deletionCost, costs.few)
})

test('a time on record that cannot be read, or lies ahead, does no harm', () => {
  for (const hostAskedForSince of ['yesterday', '2999-01-01T00:00:00Z', '']) {
    const it = life({ maxSeconds: 3_600, marks: { ...newborn, hostAskedForSince } })
    it.after(0, { is: 'people', sessions: 1 })
    it.after(1_000, { is: 'asked' })
    it.after(HOUR / 2)
    assert.ok(isProtected(it.marks))
    it.after(HOUR)
    assert.ok(isReleased(it.marks))
  }
})
