// Many writes at once: how a refusal stops them, and what is passed over.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ApiError } from '../../../operator/kube/errors.ts'
import { inGrowingWaves, toEach } from '../../../operator/pool/waves.ts'

const refused = new ApiError(403, { message: 'exceeded quota' })

/** Succeeds so many times. Counts what was asked for, and how much of it at once. */
function server(takes: number) {
  const asked = { times: 0, atOnce: 0, atOnceMost: 0 }
  const attempt = async (): Promise<number> => {
    const number = (asked.times += 1)
    asked.atOnceMost = Math.max(asked.atOnceMost, (asked.atOnce += 1))
    await Promise.resolve()
    asked.atOnce -= 1
    if (number > takes) throw refused
    return number
  }
  return { asked, attempt }
}

test('all that was asked for is done, in waves that double to 500', async () => {
  const { asked, attempt } = server(Infinity)
  const { done, failure } = await inGrowingWaves(2_000, attempt)
  assert.deepEqual([done.length, failure, asked.times, asked.atOnceMost], [2_000, undefined, 2_000, 500])
})

test('a server that says no from the start is asked once', async () => {
  const { asked, attempt } = server(0)
  assert.deepEqual(await inGrowingWaves(1_000, attempt), { done: [], failure: refused })
  assert.equal(asked.times, 1)
})

test('a no half-way ends it with its wave; what the wave did counts', async () => {
  const { asked, attempt } = server(5)
  const { done, failure } = await inGrowingWaves(1_000, attempt)
  assert.deepEqual([done.length, failure, asked.times], [5, refused, 7])
})

test('objects that changed or went are passed over, the others are written', async () => {
  const answers: Record<string, ApiError | undefined> = {
    changed: new ApiError(409, { reason: 'Conflict' }),
    gone: new ApiError(404, { reason: 'NotFound' }),
    fine: undefined,
  }
  const { done, failure } = await toEach(Object.keys(answers), async name => {
    if (answers[name]) throw answers[name]
  })
  assert.deepEqual([done, failure], [['fine'], undefined])
})

test('any other failure is told, after its wave has ended', async () => {
  const written: string[] = []
  const { done, failure } = await toEach(['a', 'b', 'c'], async name => {
    if (name === 'a') throw refused
    written.push(name)
  })
  assert.deepEqual([done, failure, written], [['b', 'c'], refused, ['b', 'c']])
})
