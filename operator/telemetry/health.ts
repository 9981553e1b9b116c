// The HTTP endpoints of the process: /metrics and /metrics/nodes for Prometheus, /healthz and /readyz for the kubelet. Started
// by run.ts.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Exposition } from './metrics.ts'

/** Fine, or in a few words what is wrong. Must answer at once: it looks at memory, never at the network. */
export type HealthCheck = () => true | string
export type HealthChecks = Readonly<Record<string, HealthCheck>>

export interface HealthOptions {
  address: string
  /** 0 picks a free one. */
  port: number
  registry: Exposition
  /** Series of each RTCNode, at a path of their own: whoever does not want them does not scrape them. */
  nodes?: Exposition
  /** Failing long enough restarts the process. */
  live: HealthChecks
  /** Failing takes the process out of service, without restarting it. */
  ready: HealthChecks
}

export interface HealthServer {
  readonly port: number
  close(): Promise<void>
}

interface Answer {
  status: number
  type: string
  body: string
}

/** Rejects when the port cannot be had. */
export async function healthServer(options: HealthOptions): Promise<HealthServer> {
  const server = createServer(
    { requestTimeout: 5_000, headersTimeout: 5_000, maxHeaderSize: 8_192 },
    (request, response) => {
      void answer(request, options).then(it => send(response, it))
    },
  )
  server.maxConnections = 64
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port, options.address, resolve)
  })
  const close = () =>
    new Promise<void>(resolve => {
      server.close(() => resolve())
      server.closeAllConnections()
    })
  return { port: (server.address() as AddressInfo).port, close }
}

async function answer(request: IncomingMessage, options: HealthOptions): Promise<Answer> {
  const { registry, nodes, live, ready } = options
  if (request.method !== 'GET' && request.method !== 'HEAD') return text(405, 'only GET\n')
  switch (request.url?.split('?')[0]) {
    case '/healthz':
      return judge(live)
    case '/readyz':
      return judge(ready)
    case '/metrics':
      return expose(registry)
    case '/metrics/nodes':
      return nodes === undefined ? notFound : expose(nodes)
    default:
      return notFound
  }
}

const expose = (exposition: Exposition): Promise<Answer> =>
  exposition.metrics().then(
    body => ({ status: 200, type: exposition.contentType, body }),
    (error: unknown) => text(500, `${String(error)}\n`),
  )

/** One line a check in the form that the API server uses, so that people read it without a manual. */
function judge(checks: HealthChecks): Answer {
  const results = Object.entries(checks).map(([name, check]) => ({ name, result: outcome(check) }))
  const lines = results.map(({ name, result }) => (result === true ? `[+]${name} ok` : `[-]${name} failed: ${result}`))
  const healthy = results.every(({ result }) => result === true)
  return text(healthy ? 200 : 503, `${lines.join('\n')}\n${healthy ? 'ok' : 'failed'}\n`)
}

function outcome(check: HealthCheck): true | string {
  try {
    return check()
  } catch (error) {
    return String(error)
  }
}

const text = (status: number, body: string): Answer => ({ status, type: 'text/plain; charset=utf-8', body })

const notFound = text(404, 'try /metrics, /metrics/nodes, /healthz or /readyz\n')

function send(response: ServerResponse, { status, type, body }: Answer): void {
  response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(body) }).end(body)
}
