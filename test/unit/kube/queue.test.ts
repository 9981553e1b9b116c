// The laws of the work queue, held against random histories on a fake clock.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { seededRandom } from '../../../operator/ambient/seeded-random.ts'
import { kubeMetrics } from '../../../operator/kube/metrics.ts'
import { type WorkQueue, workQueue } from '../../../operator/kube/queue.ts'
import { metricRegistry } from '../../../operator/telemetry/metrics.ts'
import { type FakeClock, fakeClock } from '../fake-clock.ts'

function newQueue(clock: FakeClock = fakeClock(), isUrgent?: (key: string) => boolean) {
  const registry = metricRegistry()
  const metrics = kubeMetrics(registry)
  const queue = workQueue<string>({ name: 'q', isUrgent, clock, random: seededRandom(), metrics })
  return { clock, queue, registry }
}
const never = new AbortController().signal

/** What is ready now, each key finished at once. */
async function drain(queue: WorkQueue<string>): Promise<string[]> {
  const taken: string[] = []
  while (queue.depth > 0) {
    const key = (await queue.next(never)) as string
    taken.push(key)
    queue.done(key)
  }
  return taken
}

type Step =
  | { do: 'add'; key: string; low: boolean }
  | { do: 'addAfter'; key: string; ms: number }
  | { do: 'retry'; key: string }
  | { do: 'take' }
  | { do: 'finish'; nth: number }
  | { do: 'advance'; ms: number }

const key = fc.constantFrom('a', 'b', 'c', 'd')
const ms = fc.integer({ min: 0, max: 500 })
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ do: fc.constant('add' as const), key, low: fc.boolean() }),
  fc.record({ do: fc.constant('addAfter' as const), key, ms }),
  fc.record({ do: fc.constant('retry' as const), key }),
  fc.record({ do: fc.constant('take' as const) }),
  fc.record({ do: fc.constant('finish' as const), nth: fc.nat(3) }),
  fc.record({ do: fc.constant('advance' as const), ms }),
)

test('a key is never with two workers, and every request for it is followed by a run that begins later', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async steps => {
      const { clock, queue } = newQueue()
      const working: string[] = []
      const owed = new Set<string>()
      const take = async (): Promise<void> => {
        const taken = (await queue.next(never)) as string
        assert.ok(!working.includes(taken), `${taken} is with two workers`)
        working.push(taken)
        owed.delete(taken)
      }
      for (const it of steps) {
        if (it.do === 'add') queue.add(it.key, it.low ? 'low' : 'normal')
        else if (it.do === 'addAfter') queue.addAfter(it.key, it.ms)
        else if (it.do === 'retry') queue.retry(it.key)
        else if (it.do === 'advance') await clock.advance(it.ms)
        else if (it.do === 'take' && queue.depth > 0) await take()
        else if (it.do === 'finish' && working.length > 0) {
          const [finished] = working.splice(it.nth % working.length, 1)
          queue.done(finished as string)
        }
        if ('key' in it) owed.add(it.key)
        assert.ok(queue.depth <= 4)
        assert.equal(queue.inProgress, working.length)
      }
      for (const finished of working.splice(0)) queue.done(finished)
      // Longer than any wait asked for or any back-off reached here.
      for (let i = 0; i < 3; i++) {
        await clock.advance(61_000)
        while (queue.depth > 0) await take()
        for (const finished of working.splice(0)) queue.done(finished)
      }
      assert.deepEqual([...owed], [])
      assert.equal(queue.depth, 0)
      assert.equal(clock.pending, 0, 'no timer is left behind')
    }),
    { numRuns: 200 },
  )
})

test('a key added many times waits once', async () => {
  const { queue } = newQueue()
  for (let i = 0; i < 10; i++) queue.add('a')
  queue.add('b')
  assert.deepEqual(await drain(queue), ['a', 'b'])
})

test('a key added while a worker has it comes once more afterwards, not before', async () => {
  const { queue } = newQueue()
  queue.add('a')
  await queue.next(never)
  queue.add('a')
  queue.add('a')
  assert.equal(queue.depth, 0)
  queue.done('a')
  assert.deepEqual(await drain(queue), ['a'])
})

test('of several times asked for, the earliest counts, and the key comes once', async () => {
  const { clock, queue } = newQueue()
  queue.addAfter('a', 500)
  queue.addAfter('a', 100)
  queue.addAfter('a', 300)
  await clock.advance(99)
  assert.equal(queue.depth, 0)
  await clock.advance(1)
  assert.deepEqual(await drain(queue), ['a'])
  await clock.advance(10_000)
  assert.equal(queue.depth, 0)
})

test('failures wait 5 ms and then twice as long each time up to a minute, give or take a fifth, until forgotten', () => {
  const { queue } = newQueue()
  for (let failure = 0; failure < 20; failure++) {
    const wait = queue.retry('a')
    const ideal = 5 * 2 ** failure
    assert.ok(
      wait >= Math.min(60_000, ideal * 0.8) && wait <= Math.min(60_000, ideal * 1.2),
      `failure ${failure}: ${wait}`,
    )
  }
  queue.forget('a')
  assert.ok(queue.retry('a') <= 6)
})

test('objects of the first list let everything else pass, and a change promotes them', async () => {
  const { queue } = newQueue()
  for (const initial of ['a', 'b', 'c']) queue.add(initial, 'low')
  queue.add('urgent')
  queue.add('c')
  assert.deepEqual(await drain(queue), ['urgent', 'c', 'a', 'b'])
})

test('urgent keys and others take turns, so that neither waits for all of the other kind', async () => {
  const { queue } = newQueue(fakeClock(), it => it.startsWith('new'))
  for (const initial of ['x', 'y']) queue.add(initial, 'low')
  for (const full of ['a', 'b', 'c', 'd']) queue.add(full)
  queue.add('new-1')
  queue.addAfter('new-2', 0)
  queue.add('b')
  assert.deepEqual(await drain(queue), ['new-1', 'a', 'new-2', 'b', 'c', 'd', 'x', 'y'])
})

test('a key that has become urgent is not kept where it was, and is so again after its run', async () => {
  let urgent = ''
  const { queue } = newQueue(fakeClock(), it => it === urgent)
  for (const it of ['a', 'b', 'c']) queue.add(it)
  urgent = 'c'
  queue.add('c')
  queue.add('c', 'low')
  assert.equal(await queue.next(never), 'c')
  queue.add('c', 'low')
  queue.add('c')
  queue.add('c', 'low')
  assert.equal(await queue.next(never), 'a')
  queue.done('c')
  queue.done('a')
  assert.deepEqual(await drain(queue), ['c', 'b'])
})

test('a worker that waits is served at once, and sent home by the signal', async () => {
  const { queue } = newQueue()
  const stop = new AbortController()
  const first = queue.next(stop.signal)
  const second = queue.next(stop.signal)
  queue.add('a')
  assert.equal(await first, 'a')
  stop.abort()
  assert.equal(await second, undefined)
  queue.add('b')
  assert.equal(queue.depth, 1, 'nothing is handed to a worker that has left')
})

test('depth, adds, retries and unfinished work are counted under the names of stock dashboards', async () => {
  const { clock, queue, registry } = newQueue()
  queue.add('a')
  queue.add('b')
  await queue.next(never)
  await clock.advance(2_000)
  queue.retry('c')
  const text = await registry.metrics()
  assert.match(text, /^workqueue_depth\{name="q"\} 1$/m)
  assert.match(text, /^workqueue_adds_total\{name="q"\} 2$/m)
  assert.match(text, /^workqueue_retries_total\{name="q"\} 1$/m)
  assert.match(text, /^workqueue_unfinished_work_seconds\{name="q"\} 2$/m)
  assert.match(text, /^workqueue_longest_running_processor_seconds\{name="q"\} 2$/m)
})
