// Logs, metrics and health endpoints as their readers meet them.
import assert from 'node:assert/strict'
import { Writable } from 'node:stream'
import { test } from 'node:test'
import { ApiError } from '../../../operator/kube/errors.ts'
import { healthServer } from '../../../operator/telemetry/health.ts'
import { createLogger } from '../../../operator/telemetry/log.ts'
import { metricRegistry, metricsFrom } from '../../../operator/telemetry/metrics.ts'
import { fakeClock } from '../fake-clock.ts'

function capture() {
  let text = ''
  const stream = new Writable({
    write(chunk, _encoding, done) {
      text += String(chunk)
      // As slow as a pipe whose reader is busy.
      setImmediate(done)
    },
  })
  const lines = () =>
    text
      .trim()
      .split('\n')
      .filter(Boolean)
      .map(it => JSON.parse(it) as Record<string, unknown>)
  return { stream, lines }
}

test('a line is one JSON object with time, level, message, inherited fields and its own', async () => {
  const { stream, lines } = capture()
  const log = createLogger({ level: 'info', clock: fakeClock(), stream })
  log.child({ controller: 'rtcnode' }).child({ name: 'a' }).info('reconciled', { message: 'a field, not the message' })
  log.debug('not at this level')
  await log.flush()
  assert.deepEqual(lines(), [
    {
      ts: '2026-01-01T00:00:00.000Z',
      level: 'info',
      msg: 'reconciled',
      controller: 'rtcnode',
      name: 'a',
      message: 'a field, not the message',
    },
  ])
})

test('an error keeps name, message, stack, its own fields and its causes, wherever it is in the fields', async () => {
  const { stream, lines } = capture()
  const log = createLogger({ level: 'info', clock: fakeClock(), stream })
  const root = new Error('socket hang up')
  const error = new Error('no answer', { cause: new TypeError('cut', { cause: root }) })
  log.error('failed', { error, deep: { inside: [new ApiError(404, { reason: 'NotFound', message: 'not there' })] } })
  await log.flush()
  const [line] = lines() as [{ error: ErrorJson; deep: { inside: ErrorJson[] } }]
  assert.equal(line.error.message, 'no answer')
  assert.ok(line.error.stack.includes('telemetry.test.ts'))
  assert.deepEqual([line.error.cause?.name, line.error.cause?.message], ['TypeError', 'cut'])
  assert.equal(line.error.cause?.cause?.message, 'socket hang up')
  const [inside] = line.deep.inside
  assert.deepEqual(
    [inside?.name, inside?.message, inside?.status, inside?.reason],
    ['ApiError', 'not there', 404, 'NotFound'],
  )
})

interface ErrorJson {
  name: string
  message: string
  stack: string
  status?: number
  reason?: string
  cause?: ErrorJson
}

test('fields that no JSON can hold do not cost the line', async () => {
  const { stream, lines } = capture()
  const log = createLogger({ level: 'info', clock: fakeClock(), stream })
  const cycle: Record<string, unknown> = {}
  cycle['self'] = cycle
  const circular = new Error('eats its tail')
  circular.cause = circular
  log.info('cycle', { cycle })
  log.info('big', { big: 2n ** 70n })
  log.info('circular cause', { error: circular })
  await log.flush()
  assert.deepEqual(
    lines().map(it => it['msg']),
    ['cycle', 'big', 'circular cause'],
  )
  assert.equal(lines()[1]?.['big'], '1180591620717411303424')
})

test('flush waits until every line is written', async () => {
  const { stream, lines } = capture()
  const log = createLogger({ level: 'info', clock: fakeClock(), stream })
  for (let i = 0; i < 500; i++) log.info(`line ${i}`)
  await log.flush()
  assert.equal(lines().length, 500)
})

test('metrics come from their table, and a gauge can follow a value', async () => {
  const registry = metricRegistry()
  const metrics = metricsFrom(registry, {
    things_total: { kind: 'counter', help: 'Things.', labels: ['color'] },
    depth: { kind: 'gauge', help: 'How deep.', labels: ['name'] },
    wait_seconds: { kind: 'histogram', help: 'How long.', labels: [], buckets: [1, 2] },
  })
  let depth = 1
  metrics.things_total.inc({ color: 'red' }, 2)
  metrics.depth.follow({ name: 'well' }, () => depth)
  metrics.wait_seconds.observe({}, 1.5)
  depth = 7
  const text = await registry.metrics()
  assert.match(text, /^# HELP things_total Things\.$/m)
  assert.match(text, /^things_total\{color="red"\} 2$/m)
  assert.match(text, /^depth\{name="well"\} 7$/m)
  assert.match(text, /^wait_seconds_bucket\{le="2"\} 1$/m)
})

test('health answers for each check by name, metrics are served, everything else is refused', async context => {
  let synced: true | string = 'caches are being filled'
  const registry = metricRegistry()
  metricsFrom(registry, { up_total: { kind: 'counter', help: 'Up.', labels: [] } }).up_total.inc({})
  const server = await healthServer({
    address: '127.0.0.1',
    port: 0,
    registry,
    live: { loop: () => true },
    ready: {
      caches: () => synced,
      broken: () => {
        if (synced === true) return true
        throw new Error('a check that throws')
      },
    },
  })
  context.after(() => server.close())
  const get = (path: string, method = 'GET') => fetch(`http://127.0.0.1:${server.port}${path}`, { method })

  assert.equal((await get('/healthz')).status, 200)
  const unready = await get('/readyz')
  assert.equal(unready.status, 503)
  assert.equal(
    await unready.text(),
    '[-]caches failed: caches are being filled\n[-]broken failed: Error: a check that throws\nfailed\n',
  )
  synced = true
  const ready = await get('/readyz?verbose')
  assert.deepEqual([ready.status, await ready.text()], [200, '[+]caches ok\n[+]broken ok\nok\n'])
  assert.match(await (await get('/metrics')).text(), /^up_total 1$/m)
  assert.equal((await get('/other')).status, 404)
  assert.equal((await get('/healthz', 'POST')).status, 405)
})

test('a port that is taken is an error', async context => {
  const options = { address: '127.0.0.1', registry: metricRegistry(), live: {}, ready: {} }
  const first = await healthServer({ ...options, port: 0 })
  context.after(() => first.close())
  await assert.rejects(healthServer({ ...options, port: first.port }), { code: 'EADDRINUSE' })
})
