import assert from 'node:assert/strict'
import { test } from 'node:test'
import { instant } from '../../../../operator/ambient/clock.ts'
import { leadTimeOf, noteChange } from '../../../../operator/autoscaler/learning/lead-time.ts'
import type { NodeSample } from '../../../../operator/autoscaler/learning/snapshot.ts'
import { aNode, type Watched, watch, watched } from './build.ts'

const starting = (name: string, waitedForHost = false): NodeSample =>
  aNode(name, { supply: 'starting', heard: false, reading: undefined, waitedForHost })

const wish = (it: Watched): void => noteChange(it.learning, { at: it.now, from: 1, to: 2 })

/** One node is wished for, is there a second later, and takes rooms after so many seconds in all. */
function start(it: Watched, name: string, seconds: number, waitsForHost = false): void {
  wish(it)
  watch(it, [aNode('old'), starting(name)], 1)
  for (let passed = 1; passed < seconds - 1; passed += 1) watch(it, [aNode('old'), starting(name, waitsForHost)], 1)
  watch(it, [aNode('old'), aNode(name)], 1)
}

function aPool(): Watched {
  const it = watched()
  watch(it, [aNode('old')])
  return it
}

test('it is measured from the wish, for hosts that had room and hosts that had to be made', () => {
  const it = aPool()
  for (let n = 0; n < 10; n += 1) start(it, `warm${n}`, 20 + n)
  start(it, 'cold', 130, true)
  const { warmSeconds, coldSeconds } = leadTimeOf(it.learning)
  assert.equal(warmSeconds, 28)
  assert.equal(coldSeconds, 130)
})

test('what is planned with is the slower kind as soon as one start in ten is of it', () => {
  const it = aPool()
  for (let n = 0; n < 17; n += 1) start(it, `warm${n}`, 20)
  assert.equal(leadTimeOf(it.learning).planSeconds, 20)
  for (let n = 0; n < 3; n += 1) start(it, `cold${n}`, 130, true)
  assert.equal(leadTimeOf(it.learning).planSeconds, 130)
})

test('two starts are an anecdote: the plan waits for the third', () => {
  const it = aPool()
  assert.deepEqual(leadTimeOf(it.learning), { planSeconds: 150 })
  start(it, 'a', 20)
  start(it, 'b', 20)
  assert.equal(leadTimeOf(it.learning).planSeconds, 150)
  start(it, 'c', 20)
  assert.equal(leadTimeOf(it.learning).planSeconds, 20)
})

test('a node that took rooms before anybody saw it start counts if it was wished for', () => {
  const it = aPool()
  wish(it)
  watch(it, [aNode('old'), aNode('quick')], 5)
  assert.equal(leadTimeOf(it.learning).warmSeconds, 5)
  for (let minute = 0; minute < 2; minute += 1) watch(it, [aNode('old'), aNode('quick')], 60)
  watch(it, [aNode('old'), aNode('quick'), aNode('adopted')], 5)
  assert.equal(it.learning.leadTime.starts.length, 1)
})

test('a node that replaces another is measured from when it was made', () => {
  const it = aPool()
  wish(it)
  for (let minute = 0; minute < 10; minute += 1) watch(it, [aNode('old')], 60)
  watch(it, [aNode('old'), starting('replacement')], 1)
  watch(it, [aNode('old'), starting('replacement')], 30)
  watch(it, [aNode('old'), aNode('replacement')], 10)
  assert.equal(leadTimeOf(it.learning).warmSeconds, 40)
})

test('what cannot be measured is not: starts under way at the first look, reopened nodes, nodes given up', () => {
  const it = watched()
  watch(it, [starting('before us'), aNode('closed', { supply: 'closed' }), starting('given up')])
  watch(it, [aNode('before us'), aNode('closed'), starting('given up')])
  watch(it, [starting('also given up')])
  watch(it, [aNode('also given up', { supply: 'leaving' })])
  watch(it, [])
  assert.deepEqual(it.learning.leadTime.starts, [])
})

test('a node that took more than half an hour was in trouble, and says nothing about others', () => {
  const it = aPool()
  start(it, 'stuck', 1_801)
  assert.deepEqual(it.learning.leadTime.starts, [])
  start(it, 'slow', 1_800)
  assert.equal(leadTimeOf(it.learning).warmSeconds, 1_800)
})

test('a clock that leaps measures no days', () => {
  const it = aPool()
  wish(it)
  watch(it, [starting('n')], 1)
  watch(it, [starting('n')], 5 * 86_400)
  watch(it, [starting('n')], -3 * 86_400)
  watch(it, [aNode('n')], 10)
  assert.equal(leadTimeOf(it.learning).warmSeconds, 71)
})

test('the last 64 starts are remembered', () => {
  const it = aPool()
  for (let n = 0; n < 10; n += 1) start(it, `slow${n}`, 100)
  for (let n = 0; n < 64; n += 1) start(it, `quick${n}`, 20)
  assert.equal(it.learning.leadTime.starts.length, 64)
  assert.equal(leadTimeOf(it.learning).planSeconds, 20)
})

test('a wish that is dated after the snapshot is no wish from the future', () => {
  const it = aPool()
  noteChange(it.learning, { at: instant(it.now + 86_400_000), from: 1, to: 2 })
  watch(it, [aNode('old'), starting('n')], 1)
  watch(it, [aNode('old'), aNode('n')], 300)
  assert.ok((leadTimeOf(it.learning).warmSeconds ?? 0) <= 61)
})
