// What cordon, uncordon, drain and undrain do to a node in each of its standings, and what they say where they cannot.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { annotations } from '../../../operator/api/marks.ts'
import { cordon, type Deed, deadlineOption, drain, uncordon, undrain } from '../../../operator/plugin/by-hand.ts'
import { UsageError } from '../../../operator/plugin/errors.ts'
import { NOW, node, now, timeAt } from './build.ts'

const open = node('n1')
const lone = node('n1', { pool: null })
const mine = node('n1', { cordoned: true })
const scaledIn = node('n1', { closed: { by: 'ScaleIn', deadline: NOW + 600 } })
const rolledOut = node('n1', { closed: { by: 'RollOut', deadline: NOW + 600 } })
const going = node('n1', {
  deletedAt: NOW - 5,
  drainStatus: { reason: 'Deleted', startedAt: timeAt(NOW), deadline: timeAt(NOW + 120), sessionsRemaining: 2 },
})

const specOf = (deed: Deed): unknown => (deed.do === 'patch' ? deed.patch : deed.do)

test('cordon closes an open node, and says what its pool does', () => {
  assert.deepEqual(specOf(cordon(open, now)), { spec: { cordoned: true } })
  assert.match(cordon(open, now).says, /pool eu makes another, and leaves this one to you/)
  assert.doesNotMatch(cordon(lone, now).says, /pool/)
})

test('cordon leaves alone what takes no rooms already', () => {
  assert.deepEqual(
    [mine, scaledIn, going].map(it => cordon(it, now).do),
    ['nothing', 'nothing', 'nothing'],
  )
})

test('uncordon opens what people or the pool have closed', () => {
  assert.deepEqual(specOf(uncordon(mine, now)), { spec: { cordoned: false } })
  assert.deepEqual(specOf(uncordon(scaledIn, now)), { spec: { cordoned: false } })
  assert.equal(uncordon(open, now).do, 'nothing')
})

test('what was deleted cannot be opened again, and it is said who makes another', () => {
  for (const deed of [uncordon(going, now), undrain(going, true, now)]) {
    assert.equal(deed.do, 'refuse')
    assert.match(deed.says, /a deletion is for good; 2 participants there, 2 min left/)
    assert.match(deed.do === 'refuse' ? deed.remedy : '', /pool eu has made another/)
  }
})

test('undrain opens what the pool has closed, and tells when that does not last', () => {
  assert.deepEqual(specOf(undrain(scaledIn, false, now)), { spec: { cordoned: false } })
  assert.match(undrain(scaledIn, false, now).says, /one too many now .* raise its replicas, or use --protect/)
  assert.match(undrain(rolledOut, false, now).says, /the roll-out of pool eu closes it again/)
  assert.match(undrain(scaledIn, true, now).says, /closes another one instead/)
})

test('undrain --protect keeps the pool from choosing it again', () => {
  assert.deepEqual(specOf(undrain(scaledIn, true, now)), {
    spec: { cordoned: false },
    metadata: { annotations: { [annotations.scaleInProtection]: 'true' } },
  })
})

test('undrain says of a node that people have cordoned that it does not drain', () => {
  const deed = undrain(mine, false, now)
  assert.deepEqual([deed.do, undrain(open, false, now).do], ['refuse', 'nothing'])
  assert.match(deed.do === 'refuse' ? deed.remedy : '', /kubectl rtc uncordon n1/)
})

test('drain deletes, with another promise if one is given', () => {
  const plain = drain(open, undefined, now)
  assert.equal(plain.do === 'delete' && plain.first === undefined, true)
  const sooner = drain(open, 600, now)
  assert.deepEqual(sooner.do === 'delete' && sooner.first, { spec: { drain: { deadlineSeconds: 600 } } })
  assert.match(drain(lone, undefined, now).says, /nobody makes another/)
  assert.equal(drain(going, undefined, now).do, 'nothing')
})

test('drain does not shorten what people were promised when the pool closed the node', () => {
  assert.equal(drain(scaledIn, undefined, now).do, 'delete')
  const deed = drain(scaledIn, 10, now)
  assert.equal(deed.do, 'refuse')
  assert.match(deed.says, new RegExp(timeAt(NOW + 600)))
})

test('a deadline is a number with a unit, at most a week', () => {
  assert.deepEqual(['0', '90s', '10m', '2h', '7d'].map(deadlineOption), [0, 90, 600, 7_200, 604_800])
  for (const text of ['', '8d', '-1', '1.5h', '10 m', '1w']) {
    assert.throws(
      () => deadlineOption(text),
      (error: unknown) => error instanceof UsageError && error.message.includes(`“${text}”`),
    )
  }
})
