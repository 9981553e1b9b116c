// What the runtime promises to a controller about when, and when not, its reconcile is called.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seededRandom } from '../../../operator/ambient/seeded-random.ts'
import { type ObjectKey, objectKey } from '../../../operator/api/meta.ts'
import { type ControllerOptions, type Enqueue, runController } from '../../../operator/kube/controller.ts'
import { ApiError, NotLeaderError } from '../../../operator/kube/errors.ts'
import { kubeMetrics } from '../../../operator/kube/metrics.ts'
import { type Logger, silentLogger } from '../../../operator/telemetry/log.ts'
import { metricRegistry } from '../../../operator/telemetry/metrics.ts'
import { fakeClock } from '../fake-clock.ts'

const a = objectKey('a', 'ns')
const b = objectKey('b', 'ns')

function start(options: Partial<ControllerOptions> & Pick<ControllerOptions, 'reconcile'>) {
  const clock = fakeClock()
  const registry = metricRegistry()
  const stop = new AbortController()
  let enqueue: Enqueue = () => assert.fail('not subscribed')
  let enqueueInitial: Enqueue = enqueue
  let subscribed = false
  const source = {
    subscribe(now: Enqueue, initial: Enqueue) {
      enqueue = now
      enqueueInitial = initial
      subscribed = true
      return () => {
        subscribed = false
      }
    },
  }
  const controller = runController({
    name: 'test',
    workers: 2,
    watches: [source],
    mayWrite: () => true,
    clock,
    random: seededRandom(),
    log: silentLogger,
    metrics: kubeMetrics(registry),
    ...options,
  })
  const running = controller.run(stop.signal)
  return {
    clock,
    registry,
    stop,
    running,
    enqueue: (key: ObjectKey, afterMs?: number) => enqueue(key, afterMs),
    enqueueInitial: (key: ObjectKey) => enqueueInitial(key),
    isSubscribed: () => subscribed,
    async end() {
      stop.abort()
      await clock.advance(10_000)
      await running
    },
  }
}

test('keys wait until this process leads, and are then reconciled, none lost', async () => {
  let leads = false
  const seen: string[] = []
  const it = start({
    mayWrite: () => leads,
    reconcile: async key => {
      seen.push(key)
      return undefined
    },
  })
  it.enqueue(a)
  it.enqueue(b)
  await it.clock.advance(60_000)
  assert.deepEqual(seen, [])
  leads = true
  await it.clock.advance(100)
  assert.deepEqual(new Set(seen), new Set([a, b]))
  await it.end()
})

test('a worker that waited for a key looks again whether it still leads', async () => {
  let leads = true
  const seen: string[] = []
  const it = start({
    mayWrite: () => leads,
    reconcile: async key => {
      seen.push(key)
      return undefined
    },
  })
  await it.clock.advance(1_000)
  leads = false
  it.enqueue(a)
  await it.clock.advance(10_000)
  assert.deepEqual(seen, [])
  leads = true
  await it.clock.advance(200)
  assert.deepEqual(seen, [a])
  await it.end()
})

test('a key waits until its own namespace is known; those of other namespaces do not', async () => {
  const elsewhere = objectKey('c', 'elsewhere')
  let isKnown = false
  const seen: string[] = []
  const it = start({
    watches: [
      {
        subscribe(enqueue) {
          for (const key of [elsewhere, a]) enqueue(key)
          return () => undefined
        },
        ready: key => isKnown || key !== elsewhere,
      },
    ],
    reconcile: async key => {
      seen.push(key)
      return undefined
    },
  })
  await it.clock.advance(10_000)
  assert.deepEqual(seen, [a])
  isKnown = true
  await it.clock.advance(1_000)
  assert.deepEqual(seen, [a, elsewhere])
  await it.end()
})

test('a key whose last write has not reached the cache waits for it', async () => {
  let caughtUp = false
  let runs = 0
  const it = start({
    caughtUp: () => caughtUp,
    reconcile: async () => {
      runs += 1
      return undefined
    },
  })
  it.enqueue(a)
  await it.clock.advance(3_000)
  assert.equal(runs, 0)
  caughtUp = true
  it.enqueue(a)
  await it.clock.advance(0)
  assert.equal(runs, 1, 'the event that shows the write is enough, no waiting for a poll')
  await it.end()
})

test('a reconcile that asks to look again is run again then', async () => {
  let runs = 0
  const it = start({
    reconcile: async () => {
      runs += 1
      return runs < 3 ? { lookAgainMs: 1_000 } : undefined
    },
  })
  it.enqueue(a)
  await it.clock.advance(999)
  assert.equal(runs, 1)
  await it.clock.advance(60_000)
  assert.equal(runs, 3)
  const text = await it.registry.metrics()
  assert.match(text, /controller_runtime_reconcile_total\{controller="test",result="requeue_after"\} 2$/m)
  assert.match(text, /controller_runtime_reconcile_total\{controller="test",result="success"\} 1$/m)
  await it.end()
})

test('failures are counted, told with their error and tried later and later; a conflict is nobody’s news', async () => {
  const told: unknown[] = []
  const log: Logger = { ...silentLogger, child: () => log, error: (_msg, fields) => void told.push(fields?.['error']) }
  const failure = new Error('broken')
  const conflict = new ApiError(409, { reason: 'Conflict' })
  const outcomes: (Error | undefined)[] = [failure, conflict, failure, undefined]
  const it = start({
    log,
    reconcile: async () => {
      const outcome = outcomes.shift()
      if (outcome) throw outcome
      return undefined
    },
  })
  it.enqueue(a)
  await it.clock.advance(1_000)
  assert.deepEqual(outcomes, [])
  assert.deepEqual(told, [failure, failure])
  assert.match(await it.registry.metrics(), /controller_runtime_reconcile_errors_total\{controller="test"\} 3$/m)
  await it.end()
})

test('a reconcile that finds the leadership gone is no failure', async () => {
  let runs = 0
  const it = start({
    reconcile: async () => {
      runs += 1
      if (runs === 1) throw new NotLeaderError('PATCH x')
      return undefined
    },
  })
  it.enqueue(a)
  await it.clock.advance(200)
  assert.equal(runs, 2)
  assert.match(await it.registry.metrics(), /controller_runtime_reconcile_errors_total\{controller="test"\} 0$/m)
  await it.end()
})

test('a poisoned key does not delay the others', async () => {
  let failures = 0
  const seen: string[] = []
  const it = start({
    workers: 1,
    reconcile: async key => {
      if (key === a) {
        failures += 1
        throw new Error('poison')
      }
      seen.push(key)
      return undefined
    },
  })
  it.enqueue(a)
  for (let i = 0; i < 100; i++) {
    it.enqueue(b)
    await it.clock.advance(1_000)
  }
  assert.equal(seen.length, 100)
  assert.ok(failures < 25, `${failures} attempts in 100 s`)
  await it.end()
})

test('stopping lets a reconcile under way end, and takes nothing new', async () => {
  const seen: string[] = []
  const gate = Promise.withResolvers<void>()
  const it = start({
    workers: 1,
    reconcile: async key => {
      seen.push(`${key} begins`)
      await gate.promise
      seen.push(`${key} ends`)
      return undefined
    },
  })
  it.enqueue(a)
  it.enqueue(b)
  await it.clock.advance(0)
  it.stop.abort()
  await it.clock.advance(1_000)
  gate.resolve()
  await it.running
  assert.deepEqual(seen, [`${a} begins`, `${a} ends`])
  assert.equal(it.isSubscribed(), false)
})

test('a reconcile that does not end is told by its signal after five seconds, and left behind', async () => {
  let signal: AbortSignal | undefined
  const it = start({
    reconcile: (_key, context) => {
      signal = context.signal
      return new Promise(() => {})
    },
  })
  it.enqueue(a)
  await it.clock.advance(0)
  it.stop.abort()
  await it.clock.advance(4_000)
  assert.equal(signal?.aborted, false)
  await it.clock.advance(1_000)
  assert.equal(signal?.aborted, true)
  await it.running
})

test('nothing is reconciled before every cache is filled', async () => {
  let ready = false
  let runs = 0
  const it = start({
    watches: [
      {
        subscribe(enqueue) {
          enqueue(a)
          return () => {}
        },
        ready: () => ready,
      },
    ],
    reconcile: async () => {
      runs += 1
      return undefined
    },
  })
  await it.clock.advance(5_000)
  assert.equal(runs, 0)
  ready = true
  await it.clock.advance(100)
  assert.equal(runs, 1)
  await it.end()
})
