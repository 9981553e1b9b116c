// What the shell remembers between two decisions.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { objectKey } from '../../../operator/api/meta.ts'
import { nodeMemory } from '../../../operator/lifecycle/memory.ts'
import { fakeClock } from '../fake-clock.ts'

test('the last ones of a crowd that starts are still told to be many, a later one is not', () => {
  const memory = nodeMemory(fakeClock())
  const keys = Array.from({ length: 100 }, (_, index) => objectKey(`n${index}`, 'default'))
  for (const key of keys) memory.starting(key, true)
  const [last, ...first] = keys
  assert.ok(last)
  assert.equal(memory.starting(last, true), 100)
  for (const key of first) memory.starting(key, false)
  assert.equal(memory.starting(last, true), 100)
  assert.equal(memory.starting(objectKey('late', 'default'), true), 1)
})
