// Which records are forgotten: nothing in use, nothing pinned, and as few as the limit allows.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { forgettable } from '../../../operator/pool/history.ts'
import { type Recorded, recordedIn } from '../../../operator/pool/revision.ts'
import { aRecord } from './objects.ts'

function recorded(name: string, number: number): Recorded {
  const record = recordedIn(aRecord(name, number, { spec: { className: 'sim' } }))
  assert.ok(record)
  return record
}
const numbers = (records: readonly Recorded[]): number[] => records.map(({ number }) => number).sort((a, b) => a - b)

test('the oldest that nobody uses go first', () => {
  const history = ['a', 'b', 'c', 'd', 'e'].map((name, index) => recorded(name, index + 1))
  const inUse = { names: new Set(['b', 'e']), pinned: undefined }
  assert.deepEqual(numbers(forgettable(history, inUse, 1)), [1, 3])
  assert.deepEqual(numbers(forgettable(history, inUse, 0)), [1, 3, 4])
  assert.deepEqual(numbers(forgettable(history, inUse, 10)), [])
})

test('a pinned one stays, also with a limit of 0 and when there is a newer record of the same', () => {
  const history = [recorded('a', 1), recorded('b', 2), recorded('a', 3)]
  assert.deepEqual(numbers(forgettable(history, { names: new Set(['a']), pinned: 1 }, 0)), [2])
})

test('of a revision recorded twice the older record goes', () => {
  const history = [recorded('a', 1), recorded('a', 3)]
  assert.deepEqual(numbers(forgettable(history, { names: new Set(['a']), pinned: undefined }, 10)), [1])
})

test('what is used stays, at most `limit` others do, and those are the newest', () => {
  const histories = fc.uniqueArray(fc.integer({ min: 1, max: 50 }), { maxLength: 20 })
  fc.assert(
    fc.property(histories, fc.func(fc.boolean()), fc.nat({ max: 12 }), (all, isUsed, limit) => {
      const history = all.map(number => recorded(`r${number}`, number))
      const names = new Set(history.filter(({ number }) => isUsed(number)).map(({ name }) => name))
      const gone = forgettable(history, { names, pinned: undefined }, limit)
      const kept = history.filter(record => !gone.includes(record) && !names.has(record.name))
      assert.ok(gone.every(({ name }) => !names.has(name)))
      assert.equal(kept.length, Math.min(limit, history.length - names.size))
      assert.ok(kept.every(({ number }) => gone.every(it => it.number < number)))
    }),
  )
})
