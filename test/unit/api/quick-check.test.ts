// The quick check and the schema it was read off never differ, on either side of any bound.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { z } from 'zod'
import { heartbeatSchema } from '../../../operator/api/heartbeat.ts'
import { NotPlainError, quickCheck } from '../../../operator/api/quick-check.ts'

const isHeartbeat = quickCheck(heartbeatSchema.unwrap())
const beat = { podUID: 'pod-1', bootId: 'boot-1', seq: 7, state: 'serving', sessions: 3 }

const fields = Object.keys(heartbeatSchema.unwrap().shape)
/** Both sides of each bound that a field of a heartbeat has. */
const bounds = [0, 1, 63, 64, 100, 253, 256, 10_000, 60_000, 1e6, 3_600_000, 1e9, Number.MAX_SAFE_INTEGER]
const numbers = fc.oneof(
  fc.constantFrom(...bounds.flatMap(bound => [bound - 1, bound - 0.5, bound, bound + 0.5, bound + 1, -bound])),
  fc.double({ noNaN: true }),
  fc.integer(),
)
const texts = fc.oneof(
  fc.constantFrom('serving', 'closed', 'draining', 'Serving', '', '5'),
  fc.constantFrom(...bounds.slice(0, 6).flatMap(length => ['x'.repeat(length), '€'.repeat(length + 1)])),
  fc.string({ unit: 'grapheme' }),
)
const values = fc.oneof(numbers, numbers, texts, fc.jsonValue())
const changes = fc.dictionary(fc.constantFrom(...fields, 'fieldOfTheFuture'), values, { maxKeys: 4 })

test('it says of every heartbeat, right or wrong, what the schema says, and the schema changes none of those it accepts', () => {
  const seen = { right: 0, wrong: 0 }
  fc.assert(
    fc.property(changes, fc.subarray(fields, { maxLength: 1 }), (changed, gone) => {
      const written = { ...beat, ...changed }
      for (const field of gone) Reflect.deleteProperty(written, field)
      const object = JSON.parse(JSON.stringify(written)) as object
      const parsed = heartbeatSchema.safeParse(object)
      assert.equal(isHeartbeat(object), parsed.success)
      if (parsed.success) assert.deepEqual(object, parsed.data)
      seen[parsed.success ? 'right' : 'wrong'] += 1
    }),
    { numRuns: 5_000 },
  )
  assert.ok(seen.right > 200 && seen.wrong > 200, JSON.stringify(seen))
})

test('a number that JSON reads as infinite is refused', () => {
  const object = JSON.parse(JSON.stringify({ ...beat, cpu: 1 }).replace('1}', '1e999}')) as object
  assert.equal(isHeartbeat(object), false)
})

const notPlain: [string, z.ZodType][] = [
  ['a pattern', z.string().regex(/^a/)],
  ['a refinement', z.number().refine(value => value > 3)],
  ['a step', z.number().multipleOf(5)],
  ['a number of 32 bits', z.int32()],
  ['a list', z.array(z.string())],
  ['a default', z.string().default('a')],
  ['what may be null', z.string().nullable()],
]
for (const [name, field] of notPlain) {
  test(`there is none for ${name}`, () => {
    assert.throws(() => quickCheck(z.looseObject({ field })), NotPlainError)
  })
}
