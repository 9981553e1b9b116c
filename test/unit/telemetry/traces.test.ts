// What traces tell, what they keep quiet about, and that they disturb nobody: not when they are off, and not when nobody
// takes them.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import { type TestContext, test } from 'node:test'
import { promisify } from 'node:util'
import { type Clock, systemClock } from '../../../operator/ambient/clock.ts'
import { seededRandom } from '../../../operator/ambient/seeded-random.ts'
import { runConfig } from '../../../operator/config.ts'
import { createLogger } from '../../../operator/telemetry/log.ts'
import { metricRegistry, metricsFrom } from '../../../operator/telemetry/metrics.ts'
import { otlpTraces, TRACES_PER_SECOND } from '../../../operator/telemetry/otlp-traces.ts'
import { noTraces, type Traces, traceMetricTable } from '../../../operator/telemetry/traces.ts'
import { until } from '../../cluster/until.ts'
import { fakeClock } from '../fake-clock.ts'
import { otlpReceiver } from './otlp-receiver.ts'

const id = '0190c2a8-7f3e-4b1d-9a60-5c1f2e3d4b5a'
const subject = {
  name: 'reconcile rtcnode',
  id,
  attributes: { 'rtcnode.object.name': 'n', 'rtcnode.object.uid': undefined },
}

async function setUp(context: TestContext, options: { endpoint?: string; clock?: Clock } = {}) {
  const receiver = await otlpReceiver()
  context.after(() => receiver[Symbol.asyncDispose]())
  const lines: Record<string, unknown>[] = []
  const stream = new Writable({ write: (chunk, _, done) => done(void lines.push(JSON.parse(String(chunk)))) })
  const registry = metricRegistry()
  const clock = options.clock ?? systemClock
  const traces = otlpTraces({
    endpoint: options.endpoint ?? receiver.url,
    service: 'rtcnode-operator',
    version: '1.2.3',
    identity: 'replica-a',
    clock,
    random: seededRandom(),
    log: createLogger({ level: 'info', clock, stream }),
    metrics: metricsFrom(registry, traceMetricTable),
  })
  context.after(() => traces.close())
  const count = async (result: string): Promise<number> => {
    const { values } = (await registry.getSingleMetric('rtcnode_trace_spans_total')?.get()) ?? { values: [] }
    return values.find(({ labels }) => labels['result'] === result)?.value ?? Number.NaN
  }
  return { receiver, traces, lines, count }
}

const callTwice = (traces: Traces) =>
  traces.reconcile(subject, async note => {
    note({ 'rtcnode.because': 'Serving' })
    await traces.call('create pods', { 'rtcnode.api.attempt': 1 }, async told =>
      told({ 'http.response.status_code': 201 }),
    )
    return traces.call('registry txn', {}, async () => 'the result')
  })

test('a reconcile and its calls are one trace, by the ID that the log has', async context => {
  const { receiver, traces, count } = await setUp(context)
  assert.equal(await callTwice(traces), 'the result')
  await traces.close()
  const [create, txn, reconcile] = receiver.spans
  assert.ok(create && txn && reconcile)
  assert.equal(receiver.spans.length, 3)
  assert.equal(reconcile.name, 'reconcile rtcnode')
  assert.equal(reconcile.traceId, id.replaceAll('-', ''))
  assert.equal(reconcile.parentId, undefined)
  assert.deepEqual(reconcile.attributes, { 'rtcnode.object.name': 'n', 'rtcnode.because': 'Serving' })
  assert.equal(reconcile.resource['service.name'], 'rtcnode-operator')
  assert.equal(reconcile.resource['service.instance.id'], 'replica-a')
  assert.deepEqual(create.attributes, { 'rtcnode.api.attempt': 1, 'http.response.status_code': 201 })
  for (const call of [create, txn]) {
    assert.equal(call.traceId, reconcile.traceId)
    assert.equal(call.parentId, reconcile.spanId)
    assert.ok(reconcile.start <= call.start && call.start <= call.end && call.end <= reconcile.end, call.name)
  }
  assert.equal(new Set(receiver.spans.map(({ spanId }) => spanId)).size, 3)
  assert.equal(await count('sent'), 3)
  assert.equal(await count('lost'), 0)
})

test('what failed says why, in the call and in the reconcile, and the caller gets the same error', async context => {
  const { receiver, traces } = await setUp(context)
  const refused = Object.assign(new Error('pods "n" is forbidden'), { name: 'ApiError' })
  const work = traces.reconcile(subject, () => traces.call('create pods', {}, () => Promise.reject(refused)))
  await assert.rejects(work, error => error === refused)
  await traces.close()
  for (const name of ['create pods', 'reconcile rtcnode']) {
    const span = receiver.spans.find(it => it.name === name)
    assert.equal(span?.failure, refused.message, name)
    assert.equal(span.events[0]?.attributes['exception.type'], 'ApiError')
  }
})

test('a look that needed nothing is not told of; one that failed is', async context => {
  const { receiver, traces } = await setUp(context)
  await traces.reconcile(subject, async () => {})
  await assert.rejects(
    traces.reconcile(subject, () => Promise.reject(new Error('a bug'))),
    /a bug/,
  )
  await traces.close()
  assert.deepEqual(
    receiver.spans.map(({ failure }) => failure),
    ['a bug'],
  )
})

test('calls outside of a reconcile, or after it, are made and not told of', async context => {
  const { receiver, traces } = await setUp(context)
  const after = Promise.withResolvers<void>()
  assert.equal(await traces.call('list pods', {}, async () => 1), 1)
  const { late } = await traces.reconcile(subject, async () => {
    await traces.call('within', {}, async () => {})
    return { late: after.promise.then(() => traces.call('an event', {}, async () => 2)) }
  })
  after.resolve()
  assert.equal(await late, 2)
  await traces.close()
  assert.deepEqual(receiver.spans.map(({ name }) => name).toSorted(), ['reconcile rtcnode', 'within'])
})

test('reconciles at the same time are traces of their own', async context => {
  const { receiver, traces } = await setUp(context)
  const uuids = ['1', '2', '3'].map(digit => id.slice(0, -1) + digit)
  await Promise.all(
    uuids.map((uuid, index) =>
      traces.reconcile({ ...subject, id: uuid }, async () => {
        await systemClock.sleep(3 - index)
        await traces.call(`of ${uuid}`, {}, () => systemClock.sleep(1))
      }),
    ),
  )
  await traces.close()
  for (const uuid of uuids)
    assert.equal(receiver.spans.find(({ name }) => name === `of ${uuid}`)?.traceId, uuid.replaceAll('-', ''))
})

test(`of many reconciles in a second ${TRACES_PER_SECOND} are told of, and all are done`, async context => {
  const clock = fakeClock()
  const { receiver, traces } = await setUp(context, { clock })
  let done = 0
  const rush = async (): Promise<void> => {
    for (let index = 0; index < 3 * TRACES_PER_SECOND; index += 1)
      await traces.reconcile(subject, () => traces.call('create pods', {}, async () => void (done += 1)))
  }
  await rush()
  await clock.advance(1_000)
  await rush()
  await traces.close()
  assert.equal(done, 6 * TRACES_PER_SECOND)
  assert.equal(receiver.spans.length, 2 * 2 * TRACES_PER_SECOND, 'a span for the reconcile and one for its call')
})

test('an endpoint that is down costs spans and one line of the log, until it is back', async context => {
  const { receiver, traces, lines, count } = await setUp(context)
  await receiver.close()
  for (let round = 1; round <= 2; round += 1) {
    await callTwice(traces)
    await until(`${3 * round} spans to be lost`, async () => (await count('lost')) === 3 * round, { withinMs: 30_000 })
  }
  await receiver.open()
  await callTwice(traces)
  await receiver.expect('the next ones', spans => (spans.length === 3 ? spans : undefined))
  await until('it to be counted', async () => (await count('sent')) === 3, { withinMs: 30_000 })
  assert.deepEqual(
    lines.map(({ level, msg }) => `${String(level)}: ${String(msg)}`),
    ['warn: traces are not taken, and lost', 'info: traces are taken again'],
  )
})

test('an endpoint that refuses is complained of with what it said, without the password', async context => {
  const receiver = await otlpReceiver()
  context.after(() => receiver[Symbol.asyncDispose]())
  receiver.answer(401)
  const endpoint = `${receiver.url.replace('//', '//user:secret@')}/v1/traces`
  const { traces, lines } = await setUp(context, { endpoint })
  await callTwice(traces)
  await traces.close()
  assert.equal(lines.length, 1)
  assert.match(JSON.stringify(lines[0]), /401|Unauthorized/)
  assert.doesNotMatch(JSON.stringify(lines[0]), /secret/)
})

test('closing does not wait for an endpoint that never answers', async context => {
  const clock = fakeClock()
  const { receiver, traces } = await setUp(context, { clock })
  receiver.answer(undefined)
  await callTwice(traces)
  let isClosed = false
  const closing = traces.close().then(() => (isClosed = true))
  await until('the request', () => receiver.requests.length > 0, { withinMs: 10_000 })
  assert.equal(isClosed, false)
  await clock.advance(2_000)
  await closing
})

test('an endpoint without a path gets that of the protocol; another path stays', async context => {
  const { receiver, traces } = await setUp(context)
  await callTwice(traces)
  await traces.close()
  const another = await setUp(context, { endpoint: `${receiver.url}/of/my/own` })
  await callTwice(another.traces)
  await another.traces.close()
  assert.deepEqual(receiver.requests, ['POST /v1/traces', 'POST /of/my/own'])
})

test('without an endpoint the work is done all the same', async () => {
  assert.equal(await callTwice(noTraces), 'the result')
  await noTraces.close()
})

test('the operator loads the libraries only for an endpoint', async () => {
  const program = `
    import { registerHooks } from 'node:module'
    const loaded = []
    registerHooks({ load: (url, context, next) => (loaded.push(url), next(url, context)) })
    const those = () => loaded.filter(url => /@opentelemetry.(sdk|exporter|otlp|resources|core)/.test(url)).length
    await import('./operator/run.ts')
    const without = those()
    await import('./operator/telemetry/otlp-traces.ts')
    console.log(JSON.stringify([without, those() > 0]))`
  const cwd = join(import.meta.dirname, '../../..')
  const args = ['--input-type=module', '-e', program]
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd, timeout: 60_000 })
  assert.deepEqual(JSON.parse(stdout), [0, true])
})

test('the setting is a URL of http or https', () => {
  const configured = (endpoint: string) =>
    runConfig({ registryEndpoints: 'http://etcd:2379' }, { RTCNODE_TRACES_ENDPOINT: endpoint }).tracesEndpoint
  assert.equal(configured('http://collector:4318/v1/traces'), 'http://collector:4318/v1/traces')
  for (const wrong of ['collector:4318', 'grpc://collector:4317', '', 'yes'])
    assert.throws(() => configured(wrong), /RTCNODE_TRACES_ENDPOINT.*use http:\/\/host:port\/v1\/traces/, wrong)
})
