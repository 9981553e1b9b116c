// One bounded HTTP request to the SFU in the same pod. node:http rather than fetch: it costs the sidecar less memory.
// Called by the adapters.
import { Agent, request as requestPlain } from 'node:http'
import { request as requestTls } from 'node:https'
import { SfuUnreachableError } from './adapter.ts'

export interface HttpCall {
  readonly method?: 'GET' | 'POST'
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  readonly signal: AbortSignal
}

export interface HttpAnswer {
  readonly status: number
  readonly text: string
}

/** Far above what an SFU with thousands of rooms answers, far below what would hurt the pod. */
const MAX_ANSWER_BYTES = 16 * 1024 * 1024

const kept = new Agent({ keepAlive: true, maxSockets: 16 })

/** Resolves with the answer, whatever its status. Rejects with {@link SfuUnreachableError} when there is none. */
export function httpCall(url: string, { method = 'GET', headers, body, signal }: HttpCall): Promise<HttpAnswer> {
  const { promise, resolve, reject } = Promise.withResolvers<HttpAnswer>()
  const fail = (cause: Error): void => reject(new SfuUnreachableError(url, cause.message, cause))
  const options = { method, signal, headers: { ...headers, 'content-length': Buffer.byteLength(body ?? '') } }
  const call = url.startsWith('https:') ? requestTls(url, options) : requestPlain(url, { ...options, agent: kept })
  call.on('error', fail)
  call.on('response', answer => {
    const chunks: Buffer[] = []
    let size = 0
    answer.on('data', (chunk: Buffer) => {
      chunks.push(chunk)
      size += chunk.length
      if (size > MAX_ANSWER_BYTES) answer.destroy(new Error(`the answer exceeds ${MAX_ANSWER_BYTES} bytes`))
    })
    answer.on('end', () => resolve({ status: answer.statusCode ?? 0, text: Buffer.concat(chunks).toString() }))
    answer.on('error', fail)
  })
  call.end(body)
  return promise
}
