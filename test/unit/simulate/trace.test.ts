// A trace is replayed as it is, or refused with line, value and remedy.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { BadInputError } from '../../../operator/simulate/bad-input.ts'
import { readTrace } from '../../../operator/simulate/trace.ts'

const refused = (text: string, message: RegExp): void => {
  assert.throws(
    () => readTrace(text, 'trace.csv'),
    (error: unknown) => {
      assert.ok(error instanceof BadInputError, String(error))
      assert.match(error.message, message)
      return true
    },
  )
}
const csv = (...rows: string[]): string => ['time,participants', ...rows].join('\n')

test('CSV: times with their zone, seconds or milliseconds; other columns are left alone', () => {
  const [iso] = readTrace(csv('2026-01-05T09:00:00Z,10', '2026-01-05T10:01:00+01:00,12.5'), 'a')
  const seconds = readTrace('Timestamp,region,Sessions,rooms\n1767603600,eu,10,3\n1767603660,eu,12,', 'a')
  const [milliseconds] = readTrace(csv('1767603600000,10', '1767603660000,12'), 'a')
  assert.equal(iso?.at, Date.UTC(2026, 0, 5, 9))
  assert.deepEqual(seconds, [
    { at: Date.UTC(2026, 0, 5, 9), participants: 10, rooms: 3 },
    { at: Date.UTC(2026, 0, 5, 9, 1), participants: 12, rooms: undefined },
  ])
  assert.equal(milliseconds?.at, iso?.at)
})

test('the answer of a Prometheus range query', () => {
  const answer = {
    status: 'success',
    data: {
      resultType: 'matrix',
      result: [
        {
          metric: {},
          values: [
            [1767603600, '10'],
            [1767603660.5, '12'],
          ],
        },
      ],
    },
  }
  assert.deepEqual(
    readTrace(JSON.stringify(answer), 'a').map(({ participants }) => participants),
    [10, 12],
  )
  const two = { data: { resultType: 'matrix', result: [{ values: [] }, { values: [] }] } }
  refused(JSON.stringify(two), /data\.result has 2 series; ask for one, for example sum\(/)
  refused(JSON.stringify({ data: { resultType: 'vector', result: [] } }), /data\.resultType .*range query/)
  refused('{"data":', /is no JSON/)
})

test('the example is one', () => {
  const text = readFileSync(join(import.meta.dirname, '../../../examples/trace.csv'), 'utf8')
  assert.equal(readTrace(text, 'trace.csv').length, 289)
})

for (const [what, text, message] of [
  ['nothing at all', '', /time is no column/],
  ['no rows', csv(), /rows are none: the trace is empty; a trace needs at least two/],
  ['one row', csv('2026-01-05T09:00:00Z,10'), /rows are only one; a trace needs at least two/],
  [
    'no participants',
    'time,people\n1,2',
    /trace\.csv:1: participants is no column; the first line is “time,people”; .*participants or sessions or value/,
  ],
  ['a row too short', csv('1767603600,10', '1767603660'), /trace\.csv:3: row cannot be read/],
  [
    'a time without a zone',
    csv('2026-01-05 09:00:00,10'),
    /trace\.csv:2: time is “2026-01-05 09:00:00”; write it with its zone/,
  ],
  ['a time that is none', csv('1767603600,10', 'noon,10'), /trace\.csv:3: time is “noon”/],
  ['no number', csv('1767603600,many'), /trace\.csv:2: participants is “many”; write a number from 0/],
  ['an empty number', csv('1767603600,'), /trace\.csv:2: participants is “”/],
  ['fewer than nobody', csv('1767603600,-3'), /participants is “-3”/],
  ['more than there are', csv('1767603600,1e12'), /participants is “1e12”/],
  ['not a number', csv('1767603600,NaN'), /participants is “NaN”/],
  [
    'the same time twice',
    csv('1767603600,1', '1767603660,1', '1767603660,2'),
    /trace\.csv:4: time “1767603660” stands there twice.*keep one row/,
  ],
  [
    'a time that goes back',
    csv('1767603600,1', '1767603660,1', '1767603630,2'),
    /trace\.csv:4: time “1767603630” is before the row above.*sort the rows/,
  ],
  [
    'a gap',
    csv(...[0, 60, 120, 180, 1_000].map(at => `${1767603600 + at},1`)),
    /trace\.csv:6: .*comes 820 s after the row above, the others 60 s: a gap.*fill it/,
  ],
  ['milliseconds apart', csv('1767603600.0,1', '1767603600.5,1'), /less than a second/],
  ['a year', csv('1767603600,1', '1799139600,1'), /more than 92 days after the first.*cut the trace/],
] as const) {
  test(`refused: ${what}`, () => refused(text, message))
}
