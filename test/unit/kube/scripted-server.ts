// An HTTP server that plays an API server by script: each request takes the next answer of its kind. For faults that a
// real API server cannot be asked to commit.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export type Answer = (request: IncomingMessage, response: ServerResponse) => void

export interface ScriptedServer extends AsyncDisposable {
  /** Points at this server, with the bearer token `first-token`. */
  kubeconfigPath: string
  writeKubeconfig(token: string): void
  /** Every request in order: method and path with query. */
  readonly seen: string[]
  readonly tokens: (string | undefined)[]
  /** Answers, used up in order; the last one of a script is used for ever. */
  script(answers: { list?: Answer[]; watch?: Answer[]; other?: Answer[] }): void
  /** Sends a line into every watch that is open. */
  emit(event: object | string): void
  readonly openWatches: number
}

export const json =
  (body: unknown, status = 200, headers: Record<string, string> = {}): Answer =>
  (_request, response) => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body))
  }

export const status = (code: number, reason: string, headers: Record<string, string> = {}): Answer =>
  json({ kind: 'Status', code, reason, message: `scripted ${reason}` }, code, headers)

/** Cuts the connection without an answer. */
export const reset: Answer = request => void request.socket.destroy()

export const neverAnswer: Answer = () => {}

/** A watch that sends these lines and then stays open. */
export const openWatch =
  (...events: (object | string)[]): Answer =>
  (_request, response) => {
    response.writeHead(200, { 'content-type': 'application/json' })
    response.flushHeaders()
    for (const event of events) response.write(asLine(event))
  }

/** A watch that sends these lines and then ends as given. */
export const watchThat =
  (end: 'ends' | 'is cut', ...events: (object | string)[]): Answer =>
  (request, response) => {
    openWatch(...events)(request, response)
    if (end === 'ends') response.end()
    // Only what was flushed is sure to arrive before the cut.
    else setImmediate(() => request.socket.destroy())
  }

const asLine = (event: object | string): string => (typeof event === 'string' ? event : `${JSON.stringify(event)}\n`)

export async function scriptedServer(): Promise<ScriptedServer> {
  const seen: string[] = []
  const tokens: (string | undefined)[] = []
  const watches = new Set<ServerResponse>()
  let scripts: Record<'list' | 'watch' | 'other', Answer[]> = { list: [], watch: [], other: [] }

  const server = createServer((request, response) => {
    const url = request.url ?? ''
    seen.push(`${request.method} ${url}`)
    tokens.push(request.headers.authorization)
    const kind = url.includes('watch=true') ? 'watch' : url.includes('limit=') ? 'list' : 'other'
    if (kind === 'watch') {
      watches.add(response)
      response.on('close', () => watches.delete(response))
    }
    const answers = scripts[kind]
    const answer = answers.length > 1 ? answers.shift() : answers[0]
    if (answer) answer(request, response)
    else response.writeHead(500).end('no script')
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const folder = mkdtempSync(join(tmpdir(), 'scripted-'))
  const kubeconfigPath = join(folder, 'kubeconfig')
  const writeKubeconfig = (token: string): void => {
    const cluster = {
      server: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      'insecure-skip-tls-verify': true,
    }
    const config = {
      clusters: [{ name: 'c', cluster }],
      users: [{ name: 'u', user: { token } }],
      contexts: [{ name: 'x', context: { cluster: 'c', user: 'u', namespace: 'here' } }],
      'current-context': 'x',
    }
    writeFileSync(kubeconfigPath, JSON.stringify(config))
  }
  writeKubeconfig('first-token')

  return {
    kubeconfigPath,
    writeKubeconfig,
    seen,
    tokens,
    script: ({ list = [], watch = [], other = [] }) => {
      scripts = { list, watch, other }
    },
    emit: event => {
      for (const response of watches) response.write(asLine(event))
    },
    get openWatches() {
      return watches.size
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise(resolve => server.close(resolve))
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
