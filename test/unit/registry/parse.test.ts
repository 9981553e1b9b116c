// Every hostile value is rejected with a reason that fits a log line, or is harmless; none is read as something it is not.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import {
  MAX_VALUE_BYTES,
  type ParsedRegistration,
  parseIntent,
  parseRegistration,
} from '../../../operator/registry/parse.ts'

const beat = { podUID: 'pod-1', bootId: 'boot-1', seq: 7, state: 'serving', sessions: 3 }
const text = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value))
const parse = (value: unknown): ParsedRegistration => parseRegistration(Buffer.from(text(value)))

test('a full heartbeat is read, fields we do not know included', () => {
  assert.deepEqual(parse({ ...beat, cpu: 12.5, colour: 'red' }), {
    form: 'full',
    heartbeat: { ...beat, cpu: 12.5, colour: 'red' },
  })
})

test('the plain form is read, and tells no sessions', () => {
  assert.deepEqual(parse('{"cpu":42.3,"mem":65.1,"streams":128}'), {
    form: 'plain',
    load: { cpu: 42.3, mem: 65.1, streams: 128 },
  })
})

const rejected: [name: string, value: unknown, cause: string, because: RegExp][] = [
  ['nothing', '', 'not-json', /JSON/],
  ['1 MiB of valid JSON', { ...beat, pad: 'x'.repeat(1024 * 1024) }, 'too-large', /16384 bytes/],
  ['deep nesting', '['.repeat(8_000) + ']'.repeat(8_000), 'not-an-object', /object/],
  ['an array', [beat], 'not-an-object', /object/],
  ['null', 'null', 'not-an-object', /object/],
  ['a string', '"serving"', 'not-an-object', /object/],
  ['an empty object', '{}', 'invalid', /podUID/],
  ['a string for a number', { ...beat, sessions: '3' }, 'invalid', /sessions/],
  ['an array for a number', { ...beat, sessions: [3] }, 'invalid', /sessions/],
  ['null for a number', { ...beat, sessions: null }, 'invalid', /sessions/],
  ['NaN', JSON.stringify(beat).replace('3}', 'NaN}'), 'not-json', /JSON/],
  ['Infinity', JSON.stringify(beat).replace('3}', 'Infinity}'), 'not-json', /JSON/],
  ['1e999, which JSON reads as Infinity', JSON.stringify(beat).replace('3}', '1e999}'), 'invalid', /sessions/],
  ['1e999 as a measure', JSON.stringify({ ...beat, cpu: 1 }).replace('1}', '1e999}'), 'invalid', /cpu/],
  ['a negative count', { ...beat, sessions: -1 }, 'invalid', /sessions/],
  ['a float for a count', { ...beat, sessions: 1.5 }, 'invalid', /sessions/],
  ['a count beyond safe integers', JSON.stringify(beat).replace('"seq":7', '"seq":9007199254740993'), 'invalid', /seq/],
  ['more sessions than can be', { ...beat, sessions: 1e7 }, 'invalid', /sessions/],
  ['a state we do not know', { ...beat, state: 'SERVING' }, 'invalid', /state/],
  ['an empty pod UID', { ...beat, podUID: '' }, 'invalid', /podUID/],
  ['a pod UID without end', { ...beat, podUID: 'x'.repeat(65) }, 'invalid', /podUID/],
  ['a plain form with a wrong type', { cpu: 'high', mem: 1, streams: 1 }, 'invalid', /cpu/],
  ['a plain form that claims a pod', { cpu: 1, mem: 1, streams: 1, podUID: 'pod-1' }, 'invalid', /bootId/],
  ['text after the end', `${JSON.stringify(beat)}{}`, 'not-json', /JSON/],
  ['a byte order mark of UTF-16', '\uFEFF\uFEFF{}', 'not-json', /JSON/],
  ['identity through the prototype only', '{"__proto__":{"podUID":"p","bootId":"b","seq":1}}', 'invalid', /podUID/],
]
for (const [name, value, cause, because] of rejected) {
  test(`rejected: ${name}`, () => {
    const parsed = parse(value)
    assert.ok(parsed.form === 'rejected', `was read as ${parsed.form}`)
    assert.equal(parsed.cause, cause)
    assert.match(parsed.because, because)
    assert.ok(parsed.because.length <= 200)
  })
}

test('rejected: bytes that are no UTF-8', () => {
  const bytes = Buffer.concat([Buffer.from('{"podUID":"'), Buffer.of(0xff, 0xfe, 0xc0), Buffer.from('"}')])
  const parsed = parseRegistration(bytes)
  assert.ok(parsed.form === 'rejected')
  assert.equal(parsed.cause, 'not-utf8')
})

test('harmless: keys that name the prototype', () => {
  const hostile = `${JSON.stringify(beat).slice(0, -1)},"__proto__":{"sessions":0,"admin":true},"constructor":{"prototype":{"admin":true}}}`
  const parsed = parse(hostile)
  assert.ok(parsed.form === 'full')
  assert.deepEqual({ ...parsed.heartbeat }, beat)
  assert.equal(Object.getPrototypeOf(parsed.heartbeat), Object.prototype)
  assert.equal(parsed.heartbeat['admin'], undefined)
  assert.equal(({} as Record<string, unknown>)['admin'], undefined)
})

test('harmless: minus zero sessions are zero, and of a key given twice the last counts', () => {
  const parsed = parse(JSON.stringify(beat).replace('3}', '9,"sessions":-0}'))
  assert.ok(parsed.form === 'full')
  assert.ok(parsed.heartbeat.sessions === 0)
})

test('harmless: nesting in a field we do not know', () => {
  const parsed = parse(JSON.stringify(beat).replace('}', `,"x":${'['.repeat(8_000)}${']'.repeat(8_000)}}`))
  assert.equal(parsed.form, 'full')
})

test('a value of exactly the bound is read, one more byte is not', () => {
  const pad = MAX_VALUE_BYTES - text({ ...beat, pad: '' }).length
  assert.equal(parse({ ...beat, pad: 'x'.repeat(pad) }).form, 'full')
  assert.equal(parse({ ...beat, pad: 'x'.repeat(pad + 1) }).form, 'rejected')
})

test('never throws and never lets a count through that is none, whatever the bytes', () => {
  const anything = fc.oneof(
    fc.uint8Array({ maxLength: 300 }),
    fc.json().map(json => Buffer.from(json)),
    fc.object().map(object => Buffer.from(JSON.stringify({ ...beat, ...object }))),
    fc.record({ sessions: fc.anything(), seq: fc.anything(), cpu: fc.anything() }, { requiredKeys: [] }).map(some => {
      return Buffer.from(JSON.stringify({ ...beat, ...some }, (_, value) => (typeof value === 'bigint' ? 1 : value)))
    }),
  )
  fc.assert(
    fc.property(anything, bytes => {
      const parsed = parseRegistration(bytes)
      if (parsed.form === 'rejected') return parsed.because.length > 0 && parsed.because.length <= 200
      if (parsed.form === 'plain') return Number.isInteger(parsed.load.streams) && !('podUID' in parsed.load)
      const { sessions, seq, cpu } = parsed.heartbeat
      return (
        Number.isSafeInteger(seq) &&
        Number.isInteger(sessions) &&
        sessions >= 0 &&
        (cpu === undefined || Number.isFinite(cpu))
      )
    }),
    { numRuns: 2_000 },
  )
})

test('an intent is read, or rejected with the field named', () => {
  const intent = {
    podUID: 'pod-1',
    admission: 'closed',
    drain: { reason: 'Deleted', deadline: '2030-01-01T00:00:00Z', stage: 'wait' },
  }
  const parsed = parseIntent(Buffer.from(JSON.stringify(intent)))
  assert.deepEqual(parsed, { form: 'intent', intent: { ...intent, weight: 1 } })
  const wrong = parseIntent(Buffer.from(JSON.stringify({ ...intent, admission: 'ajar' })))
  assert.ok(wrong.form === 'rejected' && /admission/.test(wrong.because))
})
