// People who have come too lately to show in the load.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { pressurePerJoinAfter, type Shown, shownAfter, withNewJoins } from '../../../operator/load/new-joins.ts'
import type { Reading } from '../../../operator/load/reading.ts'
import { at } from './build.ts'

const aReading = (reading: Partial<Reading>): Reading => ({
  pressure: 0.4,
  by: 'cpu',
  units: 0,
  sessions: 100,
  rooms: undefined,
  joins: 0,
  joinLatencyP99Ms: undefined,
  quality: undefined,
  ...reading,
})

/** Sessions told each 3 s. */
const shownIn = (sessions: readonly number[]): Shown | undefined =>
  sessions.reduce<Shown | undefined>((shown, count, index) => shownAfter(shown, count, at(3 * index)), undefined)

test('those who have just come count with the pressure of a person each', () => {
  const { pressure } = withNewJoins(aReading({ sessions: 150 }), { sessions: 100, at: at(0) }, 0.004)
  assert.ok(Math.abs(pressure - 0.6) < 1e-9)
})

test('they are shown after some seconds, and count no more', () => {
  const unshown = (sessions: readonly number[]) => (sessions.at(-1) ?? 0) - (shownIn(sessions)?.sessions ?? 0)
  assert.equal(unshown([100]), 0, 'whoever is there at first is shown')
  const burst = [unshown([100, 200]), unshown([100, 200, 200]), unshown([100, ...Array<number>(10).fill(200)])]
  assert.ok(burst[0]! > 50 && burst[0]! < 60, burst.join())
  assert.ok(burst[1]! > 25 && burst[1]! < 35, burst.join())
  assert.ok(burst[2]! < 1, burst.join())
})

test('those who leave are never taken off: what is still shown of them goes by itself', () => {
  const shown = shownIn([200, 50])
  assert.equal(shown?.sessions, 50)
  assert.equal(withNewJoins(aReading({ sessions: 50 }), { sessions: 200, at: at(0) }, 0.01).pressure, 0.4)
})

test('what counts one by one shows everybody at once', () => {
  const shown = { sessions: 0, at: at(0) }
  for (const by of ['streams', 'gpu-memory', 'nic-queue'] as const)
    assert.equal(withNewJoins(aReading({ by }), shown, 0.01).pressure, 0.4)
  for (const by of ['cpu', 'bandwidth', 'packets'] as const)
    assert.ok(withNewJoins(aReading({ by }), shown, 0.01).pressure > 0.4)
})

test('nothing is corrected while the pressure of a person, or their number, is unknown', () => {
  const reading = aReading({})
  assert.equal(withNewJoins(reading, { sessions: 0, at: at(0) }, undefined), reading)
  assert.equal(withNewJoins(aReading({ sessions: undefined }), { sessions: 0, at: at(0) }, 0.01).pressure, 0.4)
  assert.equal(withNewJoins(reading, undefined, 0.01), reading)
})

test('the pressure of a person is learned from nodes that bear some', () => {
  const shown = { sessions: 100, at: at(0) }
  const learned = pressurePerJoinAfter(undefined, aReading({ pressure: 0.5 }), shown)
  assert.equal(learned, 0.005)
  const idle = aReading({ pressure: 0.05 })
  assert.equal(pressurePerJoinAfter(undefined, idle, { sessions: 12, at: at(0) }), undefined, 'that is its own work')
  assert.equal(pressurePerJoinAfter(0.005, aReading({ pressure: 0.95 }), shown), 0.005, 'beyond what it can bear')
  assert.equal(pressurePerJoinAfter(0.005, aReading({ pressure: 0.5 }), { sessions: 3, at: at(0) }), 0.005)
  let moved: number | undefined = 0.005
  for (let beat = 0; beat < 300; beat++) moved = pressurePerJoinAfter(moved, aReading({ pressure: 0.8 }), shown)
  assert.ok(Math.abs((moved ?? 0) - 0.008) < 1e-4)
})
