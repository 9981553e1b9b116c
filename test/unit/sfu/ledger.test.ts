// The judge is judged: what counts as cut early, and what does not.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ObjectKey, Uid } from '../../../operator/api/meta.ts'
import { createLedger } from '../../sfu/ledger.ts'

const on = { node: 'default/a' as ObjectKey, nodeUID: 'node-a' as Uid, podUID: 'pod-a' as Uid }
const inAnHour = new Date(Date.now() + 3_600_000).toISOString()
const aMinuteAgo = new Date(Date.now() - 60_000).toISOString()

test('whoever leaves by themselves, or by a fault of the test, is not cut', () => {
  const ledger = createLedger()
  ledger.end(ledger.join({ ...on, participant: 'alice' }), 'left', '')
  ledger.end(ledger.join({ ...on, participant: 'bob' }), 'fault', 'crash')
  ledger.join({ ...on, participant: 'carol' })
  assert.equal(ledger.cutEarly, 0)
  assert.deepEqual(ledger.totals(), { joined: 3, present: 1, left: 1, moved: 0, cut: 0, fault: 1, cutEarly: 0 })
})

test('whoever is moved or cut without a written deadline, or before it, is cut early', () => {
  const ledger = createLedger()
  ledger.end(ledger.join({ ...on, participant: 'alice' }), 'moved', 'moved off')
  assert.equal(ledger.cutEarly, 1)
  ledger.sawDeadline(on.nodeUID, inAnHour)
  ledger.end(ledger.join({ ...on, participant: 'bob' }), 'cut', 'pod removed')
  assert.equal(ledger.cutEarly, 2)
  assert.match(ledger.early()[1] ?? '', /^bob on default\/a cut at .* \(pod removed\), deadline 2/)
})

test('a deadline seen after the cut it allowed counts', () => {
  const ledger = createLedger()
  ledger.end(ledger.join({ ...on, participant: 'alice' }), 'moved', 'moved off')
  ledger.sawDeadline(on.nodeUID, aMinuteAgo)
  assert.equal(ledger.cutEarly, 0)
})

test('a deadline that moves is told, and the first one judges', () => {
  const ledger = createLedger()
  for (const deadline of [inAnHour, inAnHour, aMinuteAgo]) ledger.sawDeadline(on.nodeUID, deadline)
  ledger.end(ledger.join({ ...on, participant: 'alice' }), 'moved', 'moved off')
  assert.deepEqual(ledger.movedDeadlines, ['node-a'])
  assert.equal(ledger.cutEarly, 1)
})

test('a session ends once: what comes later does not change how', () => {
  const ledger = createLedger()
  const session = ledger.join({ ...on, participant: 'alice' })
  ledger.end(session, 'left', 'of their own accord')
  ledger.end(session, 'cut', 'pod removed')
  assert.equal(session.ending?.how, 'left')
})
