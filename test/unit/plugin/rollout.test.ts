// The history of a pool, what an undo does, and how far a roll-out is.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { labels } from '../../../operator/api/marks.ts'
import type { RTCNodePool } from '../../../operator/api/rtcnodepool.ts'
import { differencesOf, historyOf, progressOf, undoOf } from '../../../operator/plugin/rollout.ts'
import { aRecord } from '../pool/objects.ts'
import { complete, condition, node, pool } from './build.ts'

const template = (region: string) => ({ spec: { className: 'sim', region } })
const [A1, B1, B2] = ['a-1', 'b-1', 'b-2'] as const
const records = [aRecord(B2, 3, template('b')), aRecord(A1, 1, template('a')), aRecord(B1, 2, template('b'))]
const aPoolAt = (updateRevision: string, strategy: object = {}): RTCNodePool =>
  pool(2, complete, { strategy, status: { currentRevision: A1, updateRevision } })
const historyAt = (its: RTCNodePool) =>
  historyOf(its, records, [node('n1', { revision: A1 }), node('n2', { revision: B2 })])

test('the history is told oldest first, with what each changed and how many nodes are of it', () => {
  const rows = historyAt(aPoolAt(B2)).map(({ revision, nodes, is, changes }) => ({ revision, nodes, is, changes }))
  assert.deepEqual(rows, [
    { revision: 1, nodes: 1, is: ['current'], changes: [] },
    { revision: 2, nodes: 0, is: [], changes: ['spec.region: "a" → "b"'] },
    { revision: 3, nodes: 1, is: ['update'], changes: ['the class'] },
  ])
})

test('differences are told field by field', () => {
  assert.deepEqual(differencesOf({ a: 1, b: { c: [1], d: 'x' } }, { b: { c: [2], d: 'x' }, e: true }), [
    'a: 1 → none',
    'b.c: [1] → [2]',
    'e: none → true',
  ])
})

test('undo goes to the newest revision before with another template, not to one of another class only', () => {
  const its = aPoolAt(B2)
  const undoing = undoOf(its, historyAt(its), undefined)
  assert.deepEqual([undoing.do, undoing.do === 'pin' && undoing.revision], ['pin', 1])
  assert.match(undoing.says, /kubectl rtc rollout unpin eu/)
})

test('undo to a revision of the same template is refused: it is undone in the class', () => {
  const its = aPoolAt(B2)
  const undoing = undoOf(its, historyAt(its), 2)
  assert.equal(undoing.do, 'refuse')
  assert.match(undoing.do === 'refuse' ? undoing.remedy : '', /RTCNodeClass sim/)
})

test('undo names the revisions that there are when there is none of that number, or none to go back to', () => {
  const its = aPoolAt(B2)
  const unknown = undoOf(its, historyAt(its), 9)
  assert.match(
    unknown.do === 'refuse' ? `${unknown.says}; ${unknown.remedy}` : '',
    /no revision 9; there are 1, 2 and 3/,
  )
  const first = aPoolAt(A1)
  assert.equal(undoOf(first, historyAt(first), undefined).do, 'refuse')
  assert.equal(undoOf(first, [], undefined).do, 'refuse')
})

test('undo does nothing where it is so already', () => {
  const its = aPoolAt(B2)
  assert.equal(undoOf(its, historyAt(its), 3).do, 'nothing')
  const pinned = aPoolAt(A1, { pinnedRevision: 1 })
  assert.equal(undoOf(pinned, historyAt(pinned), 1).do, 'nothing')
  assert.equal(undoOf(pinned, historyAt(pinned), 2).do, 'pin')
})

test('records of others and records that cannot be read are left out', () => {
  const broken = { ...aRecord('c-1', 4, template('c')), data: { template: 7 } }
  const [record] = records
  assert.ok(record)
  const unlabelled = { ...record, metadata: { ...record.metadata, labels: { [labels.pool]: 'eu' } } }
  assert.deepEqual(historyOf(aPoolAt(B2), [broken, unlabelled], []), [])
})

const inState = (conditions: Parameters<typeof pool>[1], generation = 1) =>
  progressOf({ ...pool(2, conditions), metadata: { ...pool(2, []).metadata, generation } })

test('a roll-out is complete, under way, held or stuck', () => {
  const rolling = [condition('Progressing', 'True', 'RollingOut'), condition('Reconciling', 'True', 'RollingOut')]
  const paused = [condition('Progressing', 'True', 'Paused'), condition('Reconciling', 'False', 'Paused')]
  const stuck = [
    condition('Progressing', 'False', 'ProgressDeadlineExceeded'),
    condition('Stalled', 'True', 'ProgressDeadlineExceeded'),
  ]
  assert.equal(inState(complete).state, 'complete')
  assert.equal(inState(rolling).state, 'under-way')
  assert.equal(inState(paused).state, 'held')
  assert.equal(inState(stuck).state, 'stuck')
  assert.match(inState(stuck).remedy ?? '', /rollout undo eu/)
})

test('what was said before the last change of the pool does not count', () => {
  assert.equal(inState(complete, 2).state, 'under-way')
  assert.equal(inState([]).state, 'under-way')
})
