import assert from 'node:assert/strict'
import { test } from 'node:test'
import { later } from '../../../../operator/ambient/clock.ts'
import { newPassage, pass, passedAt } from '../../../../operator/autoscaler/learning/passage.ts'
import { MONDAY } from './build.ts'

const DAY_MS = 86_400_000

test('ordinary steps are taken as they are, and leaps as a minute or as nothing', () => {
  const passage = newPassage(MONDAY)
  assert.equal(pass(passage, later(MONDAY, 10_000)), 10_000)
  assert.equal(passage.leapt, false)
  assert.equal(pass(passage, later(MONDAY, 3 * DAY_MS)), 60_000)
  assert.equal(passage.leapt, true)
  assert.equal(pass(passage, later(MONDAY, DAY_MS)), 0)
  assert.equal(passage.leapt, true)
  assert.equal(pass(passage, later(MONDAY, DAY_MS + 3_000)), 3_000)
  assert.equal(passage.leapt, false)
  assert.equal(passage.ms, 73_000)
})

test('a clock that is set back by a moment has not leapt', () => {
  const passage = newPassage(MONDAY)
  pass(passage, later(MONDAY, 10_000))
  assert.equal(pass(passage, later(MONDAY, 9_500)), 0)
  assert.equal(passage.leapt, false)
})

test('a second look at the same moment changes nothing', () => {
  const passage = newPassage(MONDAY)
  pass(passage, later(MONDAY, DAY_MS))
  const before = { ...passage }
  assert.equal(pass(passage, later(MONDAY, DAY_MS)), 0)
  assert.deepEqual(passage, before)
})

test('between two steps it goes on, but not without end, and never back', () => {
  const passage = newPassage(MONDAY)
  pass(passage, later(MONDAY, 10_000))
  assert.equal(passedAt(passage, later(MONDAY, 12_000)), 12_000)
  assert.equal(passedAt(passage, later(MONDAY, DAY_MS)), 70_000)
  assert.equal(passedAt(passage, MONDAY), 10_000)
})
