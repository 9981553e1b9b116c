// A pool that warms up in one beat is told of it bit by bit; a node that is full, at once.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ObjectKey } from '../../../operator/api/meta.ts'
import { sharesOfRooms } from '../../../operator/lifecycle/shares.ts'
import type { Admission } from '../../../operator/load/admission.ts'
import { fakeClock } from '../fake-clock.ts'

const WARM: Admission = { admission: 'open', weight: 0.5, tier: 'prewarm' }
const FULL: Admission = { admission: 'closed', weight: 0, tier: 'shed' }

function scene() {
  const clock = fakeClock()
  const waits: number[] = []
  let tell: (key: ObjectKey) => void = () => assert.fail('nobody listens')
  let admission = WARM
  const watch = sharesOfRooms({
    clock,
    loads: {
      admission: () => admission,
      onAdmission(listener) {
        tell = listener
        return () => undefined
      },
      ready: () => true,
    },
  })
  watch.subscribe(
    (_key, afterMs = 0) => waits.push(afterMs),
    () => assert.fail('nobody is there initially'),
  )
  function change(to: Admission, count: number): number[] {
    admission = to
    waits.length = 0
    for (let index = 0; index < count; index += 1) tell(`media/n-${index}` as ObjectKey)
    return [...waits]
  }
  return { clock, change }
}

test('of a thousand that warm up together the first need not wait, and the last waits for seconds only', () => {
  const { change } = scene()
  const waits = change(WARM, 1_000)
  assert.deepEqual(waits.slice(0, 10), Array<number>(10).fill(0))
  assert.ok(waits.slice(10).every((ms, index) => ms > (waits[index + 9] ?? 0)))
  assert.ok((waits.at(-1) ?? 0) < 5_000)
})

test('who is full is told at once, whoever waits', () => {
  const { change } = scene()
  change(WARM, 1_000)
  assert.deepEqual(change(FULL, 3), [0, 0, 0])
})

test('once all were told, the next ones need not wait', async () => {
  const { clock, change } = scene()
  change(WARM, 100)
  await clock.advance(1_000)
  assert.deepEqual(change(WARM, 10), Array<number>(10).fill(0))
})
