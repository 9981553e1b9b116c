// What the shell remembers between two decisions.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { objectKey } from '../../../operator/api/meta.ts'
import { nodeMemory } from '../../../operator/lifecycle/memory.ts'
import { fakeClock } from '../fake-clock.ts'

test('the last ones of a crowd that starts are still told to be many, a later one is not', () => {
  const memory = nodeMemory(fakeClock())
  const keys = Array.from({ length: 100 }, (_, index) => objectKey(`n${index}`, 'default'))
  for (const key of keys) memory.crowd(key, 'starting')
  const [last, ...first] = keys
  assert.ok(last)
  assert.equal(memory.crowd(last, 'starting'), 100)
  for (const key of first) memory.crowd(key, undefined)
  assert.equal(memory.crowd(last, 'starting'), 100)
  assert.equal(memory.crowd(objectKey('late', 'default'), 'starting'), 1)
})
