// What the shell of a pool remembers between two plans.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { objectKey } from '../../../operator/api/meta.ts'
import { poolMemory } from '../../../operator/pool/memory.ts'
import { fakeClock } from '../fake-clock.ts'

const [eu, us] = [objectKey('eu', 'default'), objectKey('us', 'default')]

test('a refusal is asked about again later and later, at most a minute; it stays until one is taken', async () => {
  const clock = fakeClock()
  const memory = poolMemory(clock)
  const waits: number[] = []
  for (let times = 0; times < 8; times += 1) {
    memory.refused(eu, 'quota')
    const waitMs = memory.refusal(eu)?.retryInMs ?? 0
    waits.push(waitMs)
    await clock.advance(waitMs)
    assert.deepEqual(memory.refusal(eu), { message: 'quota', retryInMs: 0 })
  }
  assert.deepEqual(waits, [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000])
  assert.equal(memory.refusal(us), undefined, 'pools do not share it')
  memory.accepted(eu)
  assert.equal(memory.refusal(eu), undefined)
})

test('a pool that is gone is forgotten', () => {
  const memory = poolMemory(fakeClock())
  memory.refused(eu, 'quota')
  memory.unsure(eu).add(objectKey('eu-bbbbb', 'default'))
  memory.sized(eu, 7)
  memory.forget(eu)
  assert.deepEqual([memory.refusal(eu), memory.unsure(eu).size, memory.size(eu)], [undefined, 0, 0])
})
