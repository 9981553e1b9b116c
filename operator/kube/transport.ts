// Calls to the API server: one shared set of connections, a deadline on everything, answers as data or typed errors. Used
// through resource.ts by all who read or write Kubernetes objects.
import type { Dispatcher } from 'undici'
import type { Clock } from '../ambient/clock.ts'
import { jittered, type Random } from '../ambient/random.ts'
import type { Logger } from '../telemetry/log.ts'
import { type Note, noTraces, notNoted, type Traces } from '../telemetry/traces.ts'
import { type Connections, type Lane, openConnections } from './connections.ts'
import { type CredentialSource, type Credentials, credentialSource } from './credentials.ts'
import { boundedBy } from './deadline.ts'
import { ApiError, apiErrorFrom, isUnauthorized, TransportError } from './errors.ts'
import { lines } from './lines.ts'
import type { KubeMetrics } from './metrics.ts'
import { targetOf } from './request-target.ts'
import { type ListeningServerClock, type ServerClock, serverClock } from './server-clock.ts'

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
export type Query = Readonly<Record<string, string | number | boolean | undefined>>

export interface Call {
  method: Method
  /** Absolute, without the query. */
  path: string
  query?: Query
  /** Sent as JSON. */
  body?: unknown
  /** Default `application/json`. */
  contentType?: string
  /** Everything included: waiting for a connection, retries, the body. Default 10 s. */
  deadlineMs?: number
  signal?: AbortSignal
  /** Default `requests`. */
  lane?: Exclude<Lane, 'watches'>
}

export interface StreamCall {
  path: string
  query?: Query
  /** The only way to end a stream that the server keeps open. */
  signal: AbortSignal
}

export interface KubeTransport {
  /** The parsed body. Throws ApiError, TransportError, CredentialsError, or the signal's reason. */
  request<T>(call: Call): Promise<T>
  /** The lines of a watch until the server ends it. Throws as `request` does. */
  stream(call: StreamCall): AsyncIterable<string>
  readonly serverClock: ServerClock
  /** The namespace of the kubeconfig's context or of the pod, if there is one. */
  readonly namespace?: string
  close(): Promise<void>
}

export interface TransportOptions {
  /** Default: `KUBECONFIG`, then `~/.kube/config`, then the pod's service account. */
  kubeconfigPath?: string
  /** Of the kubeconfig. Default: its current one. */
  context?: string
  clock: Clock
  random: Random
  log: Logger
  metrics: KubeMetrics
  /** Default: none. */
  traces?: Traces
  /** `name/version`; the server takes the name as field manager of plain writes. */
  userAgent: string
}

const DEFAULT_DEADLINE_MS = 10_000
/** Without a Retry-After, stay away this long after a 429. */
const DEFAULT_RETRY_AFTER_SECONDS = 1

/** Throws CredentialsError when there is nothing to connect with; the server itself need not be there yet. */
export async function kubeTransport(options: TransportOptions): Promise<KubeTransport> {
  const credentials = credentialSource(options.kubeconfigPath, options)
  await credentials.current()
  return transportOn(credentials, options)
}

interface Attempt {
  method: Method
  path: string
  body: string | null
  contentType: string | undefined
  lane: Lane
  signal: AbortSignal
}

function transportOn(credentials: CredentialSource, options: TransportOptions): KubeTransport {
  const { clock, log, userAgent, traces = noTraces } = options
  const heard: ListeningServerClock = serverClock(clock)
  const retired = new Set<Connections>()
  let connections: Connections | undefined

  function connectionsFor(current: Credentials): Connections {
    if (connections?.id === current.connectionId) return connections
    if (connections) {
      const old = connections
      log.info('server address or certificates changed: new connections')
      retired.add(old)
      void old.retire().then(() => retired.delete(old))
    }
    connections = openConnections(current)
    return connections
  }

  /** Sends once. Resolves when the head of a successful answer is there. */
  async function send(attempt: Attempt, note: Note = notNoted): Promise<Dispatcher.ResponseData> {
    const { method, path, body, contentType, lane, signal } = attempt
    const current = await credentials.current()
    const dispatcher = connectionsFor(current).lanes[lane]
    const host = new URL(current.origin).host
    const sentAt = clock.monotonic()
    const count = (code: string): void => {
      options.metrics.rest_client_requests_total.inc({ code, method, host })
      options.metrics.rtcnode_api_requests_total.inc({ ...targetOf(method, path), code })
      const seconds = (clock.monotonic() - sentAt) / 1_000
      options.metrics.rest_client_request_duration_seconds.observe({ verb: method, host }, seconds)
    }
    const headers = {
      ...current.headers,
      accept: 'application/json',
      'user-agent': userAgent,
      ...(contentType && { 'content-type': contentType }),
    }
    try {
      // Without `reset`, undici closes the connection after each DELETE that has a body.
      const to = { origin: current.origin, path: current.basePath + path, reset: false }
      const response = await dispatcher.request({ ...to, method, headers, body, signal })
      count(String(response.statusCode))
      note({ 'http.response.status_code': response.statusCode })
      heard.hear(oneOf(response.headers['date']), sentAt)
      if (response.statusCode < 400) return response
      const retryAfter = Number(oneOf(response.headers['retry-after']))
      const text = await response.body.text()
      throw apiErrorFrom(response.statusCode, text, Number.isFinite(retryAfter) ? retryAfter : undefined)
    } catch (error) {
      if (error instanceof ApiError) throw error
      count('<error>')
      throw asTransportError(error, `${method} ${path}`)
    }
  }

  async function request<T>(call: Call): Promise<T> {
    const what = `${call.method} ${call.path}`
    const deadlineMs = call.deadlineMs ?? DEFAULT_DEADLINE_MS
    const startedAt = clock.monotonic()
    const timeout = (): TransportError => new TransportError('TIMEOUT', `${what}: no answer within ${deadlineMs} ms`)
    return boundedBy(
      { ms: deadlineMs, reason: timeout, clock, ...(call.signal && { signal: call.signal }) },
      async signal => {
        const attempt: Attempt = {
          method: call.method,
          path: call.path + queryString(call.query),
          body: call.body === undefined ? null : JSON.stringify(call.body),
          contentType: call.body === undefined ? undefined : (call.contentType ?? 'application/json'),
          lane: call.lane ?? 'requests',
          signal,
        }
        const failures: unknown[] = []
        for (;;) {
          try {
            return await traced(attempt, failures.length + 1, async note =>
              parseBody<T>(await send(attempt, note), what),
            )
          } catch (error) {
            signal.throwIfAborted()
            if (isRefused(error)) credentials.reject()
            const pauseMs = retryPauseMs(error, failures, call.method, options.random)
            failures.push(error)
            const leftMs = deadlineMs - (clock.monotonic() - startedAt)
            if (pauseMs === undefined || pauseMs >= leftMs) throw error
            await clock.sleep(pauseMs, signal)
          }
        }
      },
    )
  }

  function traced<T>({ method, path }: Attempt, attempt: number, work: (note: Note) => Promise<T>): Promise<T> {
    const { verb, resource } = targetOf(method, path)
    const attributes = {
      'rtcnode.api.verb': verb,
      'rtcnode.api.resource': resource,
      'rtcnode.api.attempt': attempt,
      'http.request.method': method,
      'url.path': path,
    }
    return traces.call(`${verb} ${resource}`, attributes, work)
  }

  async function* stream({ path, query, signal }: StreamCall): AsyncIterable<string> {
    const full = path + queryString(query)
    try {
      const response = await send({
        method: 'GET',
        path: full,
        body: null,
        contentType: undefined,
        lane: 'watches',
        signal,
      })
      yield* lines(response.body)
    } catch (error) {
      signal.throwIfAborted()
      if (isRefused(error)) credentials.reject()
      throw error instanceof ApiError ? error : asTransportError(error, `GET ${path}`)
    }
  }

  return {
    request,
    stream,
    serverClock: heard,
    ...(credentials.namespace !== undefined && { namespace: credentials.namespace }),
    async close() {
      const all = connections ? [connections, ...retired] : [...retired]
      await Promise.all(all.map(it => it.destroy()))
    },
  }
}

/**
 * How long to wait before sending the same call again; undefined: give up. What was certainly not executed may always be
 * sent again; after a cut connection only reads may, since nobody knows what became of a write.
 */
function retryPauseMs(error: unknown, before: readonly unknown[], method: Method, random: Random): number | undefined {
  if (isRefused(error)) return before.some(isRefused) ? undefined : 0
  if (error instanceof ApiError) {
    const asked = error.retryAfterSeconds
    if (error.status !== 429 && (error.status < 500 || asked === undefined)) return undefined
    return jittered((asked ?? DEFAULT_RETRY_AFTER_SECONDS) * 1_125, 0.11, random)
  }
  const isFirstCut = error instanceof TransportError && !before.some(it => it instanceof TransportError)
  return method === 'GET' && isFirstCut ? 0 : undefined
}

async function parseBody<T>(response: Dispatcher.ResponseData, what: string): Promise<T> {
  const text = await response.body.text().catch((error: unknown) => {
    throw asTransportError(error, what)
  })
  try {
    return JSON.parse(text) as T
  } catch (error) {
    throw new TransportError('BAD_BODY', `${what}: the answer is not JSON`, error)
  }
}

function asTransportError(error: unknown, what: string): TransportError {
  if (error instanceof TransportError) return error
  const { code, message } =
    error instanceof Error ? (error as NodeJS.ErrnoException) : { code: undefined, message: String(error) }
  return new TransportError(code ?? 'UNKNOWN', `${what}: ${message}`, error)
}

/** A token or a certificate, the server's or ours, was not accepted: nothing was executed, and reading the files again may cure it. */
const isRefused = (error: unknown): boolean =>
  isUnauthorized(error) || (error instanceof TransportError && /CERT|SELF_SIGNED|UNABLE_TO_|ISSUER/.test(error.code))

const oneOf = (header: string | string[] | undefined): string | undefined =>
  Array.isArray(header) ? header[0] : header

function queryString(query: Query = {}): string {
  const given = new URLSearchParams()
  for (const [name, value] of Object.entries(query)) if (value !== undefined) given.set(name, String(value))
  return given.size === 0 ? '' : `?${given.toString()}`
}
