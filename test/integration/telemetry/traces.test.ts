// Traces of the program as it is shipped, one bundled file, to a collector that is there, goes away and comes back.
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after } from 'node:test'
import { bundle } from '../../../scripts/bundle.ts'
import { until } from '../../cluster/until.ts'
import { otlpReceiver, type ReceivedSpan } from '../../unit/telemetry/otlp-receiver.ts'
import { simClass } from '../harness/class.ts'
import { suiteInWorld } from '../harness/world.ts'

const folder = mkdtempSync(join(tmpdir(), 'rtcnode-traces-test-'))
const program = join(folder, 'rtcnode.js')
await bundle(program)
const receiver = await otlpReceiver()
after(async () => {
  await receiver[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true })
})

const operator = { program, flags: [`--traces-endpoint=${receiver.url}`, '--log-level=debug'] }

suiteInWorld('traces', { operator, sideBySide: 1 }, promise => {
  promise('the life of a node: each reconcile says what it decided, with the calls it made', async (scene, world) => {
    const node = await scene.runningNode()
    await scene.deleteNode(node)
    await scene.expectGone(node)

    const ofNode = ({ attributes }: ReceivedSpan): boolean =>
      attributes['rtcnode.object.namespace'] === scene.namespace && attributes['rtcnode.object.name'] === node
    const callIn = (name: string) =>
      receiver.expect(`${name} in a reconcile of the node`, spans => {
        for (const call of spans.filter(it => it.name === name)) {
          const above = spans.find(({ spanId }) => spanId === call.parentId)
          if (above !== undefined && ofNode(above)) return { call, above }
        }
        return undefined
      })

    const { call: create, above: creating } = await callIn('create pods')
    assert.equal(creating.name, 'reconcile rtcnode')
    assert.equal(creating.attributes['rtcnode.controller'], 'rtcnode')
    assert.equal(creating.attributes['rtcnode.act'], 'create-pod')
    assert.equal(creating.attributes['rtcnode.result'], 'requeue_after')
    assert.equal(creating.attributes['rtcnode.object.uid'], world.history.nodes(scene.key(node))[0]?.is?.metadata.uid)
    assert.match(String(creating.attributes['rtcnode.because']), /^[A-Z]\w+$/)
    assert.equal(create.attributes['http.response.status_code'], 201)
    assert.equal(create.attributes['rtcnode.api.attempt'], 1)
    assert.ok(creating.start <= create.start && create.end <= creating.end)

    await callIn('patch rtcnodes/status')
    await callIn('delete pods')
    const { call: intent } = await callIn('registry txn')
    assert.equal(intent.failure, undefined)
    assert.ok(Number(intent.attributes['rtcnode.registry.revision']) > 0, 'as agents tell it of the intent they obey')

    const log = readFileSync(world.operator.logPath, 'utf8')
    const id = String(creating.attributes['rtcnode.reconcile.id'])
    assert.equal(creating.traceId, id.replaceAll('-', ''))
    assert.ok(log.includes(id), 'the log has the same ID')
  })

  promise('a call that is refused says why', async (_scene, { apply }) => {
    await apply(simClass('refused', { container: { resources: { requests: { cpu: '2' }, limits: { cpu: '1' } } } }))
    const refused = await receiver.expect('a dry run that failed', spans =>
      spans.find(({ name, failure }) => name === 'create pods' && failure !== undefined),
    )
    assert.equal(refused.attributes['http.response.status_code'], 422)
    assert.match(String(refused.failure), /must be less than or equal to cpu limit/)
    assert.equal(refused.events[0]?.name, 'exception')
  })

  promise('while the collector is away nodes live as ever, and it is told of once', async (scene, { operator: it }) => {
    await receiver.close()
    const first = await scene.busyNode({ name: 'first' })
    const lost = async () => Number(/^rtcnode_trace_spans_total\{result="lost"\} (\d+)/m.exec(await it.metrics())?.[1])
    await until('spans to be lost', async () => (await lost()) > 0, { withinMs: 30_000 })
    const lostAtFirst = await lost()
    const second = await scene.runningNode({ name: 'second' })
    await until('more to be lost', async () => (await lost()) > lostAtFirst, { withinMs: 30_000 })
    const before = receiver.spans.length
    await receiver.open()
    scene.sfu(first).leaveAll()
    for (const node of [first, second]) await scene.deleteNode(node)
    for (const node of [first, second]) await scene.expectGone(node)
    await receiver.expect('spans again', spans => spans[before])
    const log = readFileSync(it.logPath, 'utf8')
    assert.equal(log.split('traces are not taken, and lost').length - 1, 1)
    await until('the end of it to be told', () => readFileSync(it.logPath, 'utf8').includes('traces are taken again'), {
      withinMs: 10_000,
    })
  })

  promise('what is left is sent at the end, to a collector that answers', async (scene, { operator: it }) => {
    const ends = () => readFileSync(it.logPath, 'utf8').split('"msg":"stopped"').length - 1
    const node = await scene.runningNode()
    await it.stop()
    const last = receiver.spans.filter(({ attributes }) => attributes['rtcnode.object.namespace'] === scene.namespace)
    assert.ok(last.some(({ attributes }) => attributes['rtcnode.because'] === 'Serving'))

    await it.start()
    receiver.answer(undefined)
    const asked = receiver.requests.length
    await scene.deleteNode(node)
    await scene.expectGone(node)
    await it.stop()
    assert.ok(receiver.requests.length > asked)
    assert.equal(ends(), 2, 'both times it came to its end, and was not killed')
  })
})
