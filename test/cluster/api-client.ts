// The few requests that the cluster itself makes of its servers: is it ready, create the fake nodes. Not for tests of the
// operator's own client: it shares no code with it.
import { Agent, request } from 'undici'
import type { Access } from './kubeconfig.ts'

export interface ApiClient {
  /** Rejects with `ApiRefused` when the answer is not 2xx. Gives the parsed JSON. Bounded by `signal` or 30 s. */
  call(
    method: 'GET' | 'POST' | 'PATCH' | 'DELETE',
    path: string,
    body?: unknown,
    signal?: AbortSignal,
  ): Promise<unknown>
  /** The events of a watch as they come. Ends when the server ends it, rejects when it is cut or refused. */
  watch(path: string, signal: AbortSignal): AsyncGenerator<WatchEvent>
  /** Whether a GET of the path (`/readyz`) answers 200. */
  answers(path: string, signal: AbortSignal): Promise<boolean>
  close(): Promise<void>
}

export interface WatchEvent {
  type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR'
  object: unknown
}

export class ApiRefused extends Error {
  readonly status: number

  constructor(what: string, status: number, body: string) {
    super(`${what}: ${status} ${body.slice(0, 2_000)}`)
    this.name = 'ApiRefused'
    this.status = status
  }
}

export function createApiClient({ server, authorityPem, identity }: Access): ApiClient {
  const dispatcher = new Agent({
    connections: 16,
    connect: { ca: authorityPem, cert: identity.certificatePem, key: identity.keyPem },
  })
  return {
    async call(method, path, body, signal = AbortSignal.timeout(30_000)) {
      const answer = await request(server + path, {
        dispatcher,
        method,
        signal,
        ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': contentType(method) } }),
      })
      const text = await answer.body.text()
      if (answer.statusCode >= 300) throw new ApiRefused(`${method} ${path}`, answer.statusCode, text)
      return JSON.parse(text)
    },
    async *watch(path, signal) {
      const answer = await request(server + path, { dispatcher, signal, bodyTimeout: 0 })
      if (answer.statusCode >= 300) throw new ApiRefused(`GET ${path}`, answer.statusCode, await answer.body.text())
      // Not by readline: on a busy machine its iterator falls silent for good.
      let rest = ''
      for await (const chunk of answer.body.setEncoding('utf8')) {
        const parts = (rest + chunk).split('\n')
        rest = parts.pop() ?? ''
        for (const line of parts) yield JSON.parse(line) as WatchEvent
      }
    },
    async answers(path, signal) {
      const answer = await request(server + path, { dispatcher, signal })
      await answer.body.dump()
      return answer.statusCode === 200
    },
    close: () => dispatcher.destroy(),
  }
}

const contentType = (method: string): string =>
  method === 'PATCH' ? 'application/merge-patch+json' : 'application/json'

/** Whether a GET of a plain or self-signed loopback URL answers 200: health pages without secrets. */
export async function isHealthy(url: string, signal: AbortSignal): Promise<boolean> {
  const answer = await request(url, { dispatcher: trusting, signal })
  await answer.body.dump()
  return answer.statusCode === 200
}

const trusting = new Agent({ connect: { rejectUnauthorized: false }, keepAliveTimeout: 1 })
