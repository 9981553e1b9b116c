// The transport against a server that misbehaves by script: what is retried, what is not, and what the caller is told.
import assert from 'node:assert/strict'
import { utimesSync } from 'node:fs'
import { type TestContext, test } from 'node:test'
import { systemClock } from '../../../operator/ambient/clock.ts'
import { ApiError, TransportError } from '../../../operator/kube/errors.ts'
import { type Answer, json, neverAnswer, openWatch, reset, status, watchThat } from './scripted-server.ts'
import { type ScriptedTransport, scriptedTransport } from './scripted-transport.ts'

async function setUp(context: TestContext): Promise<ScriptedTransport> {
  const scripted = await scriptedTransport(systemClock)
  context.after(() => scripted[Symbol.asyncDispose]())
  return scripted
}

const isTransportError = (code: string) => (error: unknown) => error instanceof TransportError && error.code === code

test('a read whose connection is cut is sent once more', async context => {
  const { server, transport } = await setUp(context)
  server.script({ other: [reset, json({ fine: true })] })
  assert.deepEqual(await transport.request({ method: 'GET', path: '/x' }), { fine: true })
  assert.equal(server.seen.length, 2)
})

test('a write whose connection is cut is not sent again: nobody knows what became of it', async context => {
  const { server, transport } = await setUp(context)
  server.script({ other: [reset, json({ fine: true })] })
  await assert.rejects(transport.request({ method: 'POST', path: '/x', body: {} }), TransportError)
  assert.equal(server.seen.length, 1)
})

test('a DELETE with preconditions leaves its connection to the next call', async context => {
  const { server, transport } = await setUp(context)
  const connections = new Set<unknown>()
  const remember: Answer = (request, response) => {
    connections.add(request.socket)
    json({ fine: true })(request, response)
  }
  server.script({ other: [remember] })
  for (let call = 1; call <= 10; call += 1)
    await transport.request({ method: 'DELETE', path: '/x', body: { preconditions: { uid: 'u' } } })
  assert.ok(connections.size <= 2, `${connections.size} connections for 10 calls`)
})

test('a write refused with 429 is sent again after the time asked for', async context => {
  const { server, transport } = await setUp(context)
  server.script({ other: [status(429, 'TooManyRequests', { 'retry-after': '1' }), json({ fine: true })] })
  const before = performance.now()
  assert.deepEqual(await transport.request({ method: 'POST', path: '/x', body: {} }), { fine: true })
  assert.ok(performance.now() - before >= 1_000)
})

test('a 429 that asks for more time than the deadline leaves is told to the caller at once', async context => {
  const { server, transport } = await setUp(context)
  server.script({ other: [status(429, 'TooManyRequests', { 'retry-after': '60' })] })
  await assert.rejects(
    transport.request({ method: 'GET', path: '/x' }),
    error => error instanceof ApiError && error.status === 429 && error.retryAfterSeconds === 60,
  )
  assert.equal(server.seen.length, 1)
})

test('a 500 is the server’s answer, not to be asked for again', async context => {
  const { server, transport } = await setUp(context)
  server.script({ other: [status(500, 'InternalError')] })
  await assert.rejects(
    transport.request({ method: 'GET', path: '/x' }),
    error =>
      error instanceof ApiError && error.reason === 'InternalError' && error.message === 'scripted InternalError',
  )
  assert.equal(server.seen.length, 1)
})

test('an error that is no Status, as a proxy gives, is an ApiError all the same', async context => {
  const { server, transport } = await setUp(context)
  server.script({ other: [(_request, response) => void response.writeHead(502).end('<html>bad gateway</html>')] })
  await assert.rejects(
    transport.request({ method: 'GET', path: '/x' }),
    error => error instanceof ApiError && error.status === 502 && error.message.includes('bad gateway'),
  )
})

test('a server that never answers costs the deadline and no more', async context => {
  const { server, transport } = await setUp(context)
  server.script({ other: [neverAnswer] })
  await assert.rejects(transport.request({ method: 'GET', path: '/x', deadlineMs: 200 }), isTransportError('TIMEOUT'))
})

test('a body that is not JSON is no answer', async context => {
  const { server, transport } = await setUp(context)
  server.script({ other: [(_request, response) => void response.writeHead(200).end('{"half":')] })
  await assert.rejects(transport.request({ method: 'POST', path: '/x' }), isTransportError('BAD_BODY'))
})

test('the caller’s signal ends a call with the caller’s reason', async context => {
  const { server, transport } = await setUp(context)
  server.script({ other: [neverAnswer] })
  const stop = new AbortController()
  const call = transport.request({ method: 'GET', path: '/x', signal: stop.signal })
  stop.abort(new Error('enough'))
  await assert.rejects(call, /enough/)
})

test('a token that is refused is read again, once', async context => {
  const { server, transport } = await setUp(context)
  const refused = status(401, 'Unauthorized')
  server.script({ other: [refused, json({ fine: true }), refused] })
  server.writeKubeconfig('second-token')
  // Even when the file looks unchanged, as it does on some network disks.
  utimesSync(server.kubeconfigPath, 1, 1)
  assert.deepEqual(await transport.request({ method: 'GET', path: '/x' }), { fine: true })
  assert.deepEqual(server.tokens, ['Bearer first-token', 'Bearer second-token'])
  await assert.rejects(transport.request({ method: 'GET', path: '/x' }), error => error instanceof ApiError)
  assert.equal(server.seen.length, 4)
})

test('the namespace is the one of the context', async context => {
  assert.equal((await setUp(context)).transport.namespace, 'here')
})

test('a stream gives whole lines however the bytes are cut, and fails when the last line is not whole', async context => {
  const { server, transport } = await setUp(context)
  const { signal } = new AbortController()
  const pieces = ['{"a":"é', '"}\n\n{"b"', ':1}\n{"c"']
  server.script({
    watch: [
      (_request, response) => {
        const send = (): void => {
          const piece = pieces.shift()
          if (piece === undefined) response.end()
          else response.write(piece, () => setImmediate(send))
        }
        send()
      },
    ],
  })
  const got: string[] = []
  const reading = (async () => {
    for await (const line of transport.stream({ path: '/x', query: { watch: true }, signal })) got.push(line)
  })()
  await assert.rejects(reading, isTransportError('BAD_FRAME'))
  assert.deepEqual(got, ['{"a":"é"}', '{"b":1}'])
})

test('a stream that is cut, and one that is refused, fail; one that ends well ends', async context => {
  const { server, transport } = await setUp(context)
  const { signal } = new AbortController()
  const read = async (): Promise<number> => {
    let count = 0
    for await (const _ of transport.stream({ path: '/x', query: { watch: true }, signal })) count++
    return count
  }
  server.script({ watch: [watchThat('is cut', { a: 1 }), status(403, 'Forbidden'), watchThat('ends', { a: 1 })] })
  await assert.rejects(read(), TransportError)
  await assert.rejects(read(), error => error instanceof ApiError && error.status === 403)
  assert.equal(await read(), 1)
})

test('leaving a stream early closes it at the server', async context => {
  const { server, transport } = await setUp(context)
  server.script({ watch: [openWatch({ a: 1 }, { b: 2 })] })
  const stop = new AbortController()
  for await (const line of transport.stream({ path: '/x', query: { watch: true }, signal: stop.signal })) {
    assert.equal(line, '{"a":1}')
    break
  }
  while (server.openWatches > 0) await new Promise(resolve => setImmediate(resolve))
})
