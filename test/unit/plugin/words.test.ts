// How times and numbers are said.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { columns } from '../../../operator/plugin/columns.ts'
import { countdown, figure, leftUntil, listed, spanOf } from '../../../operator/plugin/words.ts'
import { NOW, now, timeAt } from './build.ts'

test('a span is as exact as anybody would say it', () => {
  const said = [-5, 999, 61_000, 120_000, 3_599_000, 3_600_000, 3_900_000, 86_400_000, 187_200_000].map(spanOf)
  assert.deepEqual(said, ['0 s', '0 s', '61 s', '2 min', '59 min', '1 h', '1 h 5 min', '1 d', '2 d 4 h'])
})

test('a countdown never shows zero before it is over, and stays there', () => {
  assert.deepEqual([245_000, 1, 0, -9_000, 3_845_000].map(countdown), ['4:05', '0:01', '0:00', '0:00', '1:04:05'])
})

test('a deadline is told with what is left of it', () => {
  assert.equal(leftUntil(timeAt(NOW + 90), now), `90 s left (until ${timeAt(NOW + 90)})`)
  assert.equal(leftUntil(timeAt(NOW - 1), now), `the deadline ${timeAt(NOW - 1)} has passed`)
  assert.equal(leftUntil(undefined, now), 'no deadline on record')
})

test('of many names the first are said', () => {
  assert.equal(listed([]), '')
  assert.equal(listed(['a']), 'a')
  assert.equal(listed(['a', 'b', 'c']), 'a, b and c')
  assert.equal(listed(['a', 'b', 'c', 'd', 'e', 'f', 'g'], 2), 'a, b and 5 more')
})

test('figures have three digits', () => {
  assert.deepEqual([1_310, 451, 0.4899, 0, 12_345].map(figure), ['1.31k', '451', '0.49', '0', '12.3k'])
})

test('columns are as wide as their widest cell', () => {
  assert.deepEqual(
    columns(
      [
        ['A', 'N'],
        ['long', '7'],
      ],
      ['left', 'right'],
    ),
    ['A     N', 'long  7'],
  )
})
