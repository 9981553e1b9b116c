// Stands between one operator and etcd and speaks HTTP/2, so that it can lose one write, or its answer, among others.
import { once } from 'node:events'
import {
  type ClientHttp2Session,
  connect,
  createServer,
  type Http2Session,
  type IncomingHttpHeaders,
  type ServerHttp2Stream,
} from 'node:http2'
import type { AddressInfo } from 'node:net'
import { type WriteGate, writeToRegistry } from './writes.ts'

export interface RegistryProxy extends AsyncDisposable {
  readonly url: string
}

export async function startRegistryProxy(target: string, gate: WriteGate): Promise<RegistryProxy> {
  const sessions = new Map<Http2Session, ClientHttp2Session>()
  const server = createServer()
  server.on('session', session => {
    const upstream = connect(target)
    sessions.set(session, upstream)
    // Whichever side ends, ends the other: that an etcd is gone must be seen through the proxy.
    for (const [one, other] of [
      [session, upstream],
      [upstream, session],
    ] as const) {
      one.on('error', () => undefined)
      one.once('close', () => {
        sessions.delete(session)
        other.destroy()
      })
    }
  })
  server.on('stream', (stream, headers) => {
    stream.on('error', () => undefined)
    const upstream = stream.session && sessions.get(stream.session)
    if (upstream) pass(stream, headers, upstream, gate).catch(() => stream.destroy())
    else stream.destroy()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      for (const session of sessions.keys()) session.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}

async function pass(
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  upstream: ClientHttp2Session,
  gate: WriteGate,
): Promise<void> {
  const [, service, method = ''] = /^\/etcdserverpb\.(\w+)\/(\w+)$/.exec(headers[':path'] ?? '') ?? []
  // Unary, so the whole request can be read first; the others are streams that live for long.
  const body = service === 'KV' ? Buffer.concat(await stream.toArray()) : undefined
  const write = body && writeToRegistry(method, body)
  const fate = write ? await gate.meet(write) : 'pass'
  if (fate === 'lose request') return
  const forwarded = upstream.request(headers)
  forwarded.on('error', () => stream.destroy())
  if (!write) stream.once('close', () => forwarded.destroy())
  if (body) forwarded.end(body)
  else stream.pipe(forwarded)
  let trailers: IncomingHttpHeaders = {}
  forwarded.once('trailers', its => {
    trailers = its
  })
  const [answer, flags] = (await once(forwarded, 'response')) as [IncomingHttpHeaders, number]
  if (write) write.accepted = true
  if (fate === 'lose answer') return void forwarded.resume()
  const END_STREAM = 1
  if ((flags & END_STREAM) !== 0) return stream.respond(answer, { endStream: true })
  stream.respond(answer, { waitForTrailers: true })
  stream.once('wantTrailers', () => stream.sendTrailers(trailers))
  forwarded.pipe(stream)
}
