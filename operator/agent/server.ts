// The agent's HTTP interface: kubelet asks it for health and, before it stops the SFU, for leave to do so; Prometheus for
// metrics. Nothing here depends on etcd or on the SFU.
import { timingSafeEqual } from 'node:crypto'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { MetricRegistry } from '../telemetry/metrics.ts'

export interface AgentServerOptions {
  readonly address: string
  /** 0 picks a free one. */
  readonly port: number
  /** `/pre-stop/<token>`: whoever else reaches the port must not be able to drain the node. */
  readonly token: string
  readonly registry: MetricRegistry
  readonly preStop: () => Promise<void>
  /** Whether the SFU may be started: kubelet holds it back until its address is known, because it cannot learn it later. */
  readonly isStarted: () => boolean
}

export interface AgentServer extends AsyncDisposable {
  readonly port: number
}

/** Rejects when the port cannot be had. */
export async function agentServer(options: AgentServerOptions): Promise<AgentServer> {
  const server = createServer(
    { requestTimeout: 5_000, headersTimeout: 5_000, maxHeaderSize: 8_192 },
    (request, response) => {
      answer(request.url ?? '', response, options).catch((error: unknown) => send(response, 500, `${String(error)}\n`))
    },
  )
  server.maxConnections = 64
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port, options.address, resolve)
  })
  return {
    port: (server.address() as AddressInfo).port,
    [Symbol.asyncDispose]: () =>
      new Promise(resolve => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

async function answer(
  url: string,
  response: ServerResponse,
  { registry, token, preStop, isStarted }: AgentServerOptions,
): Promise<void> {
  const path = url.split('?')[0] ?? ''
  if (path === '/healthz') return send(response, 200, 'ok\n')
  if (path === '/started') return isStarted() ? send(response, 200, 'ok\n') : send(response, 503, 'no address yet\n')
  if (path === '/metrics') return send(response, 200, await registry.metrics(), registry.contentType)
  if (!isSame(path, `/pre-stop/${token}`)) return send(response, 404, 'try /healthz, /started or /metrics\n')
  await preStop()
  send(response, 200, 'the SFU may be stopped\n')
}

const isSame = (a: string, b: string): boolean =>
  a.length === b.length && timingSafeEqual(Buffer.from(a, 'latin1'), Buffer.from(b, 'latin1'))

function send(response: ServerResponse, status: number, body: string, type = 'text/plain; charset=utf-8'): void {
  response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(body) }).end(body)
}
