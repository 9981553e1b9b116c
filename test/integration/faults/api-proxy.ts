// Stands between one operator and the API server, with TLS on both sides: tells the writes to a gate that may lose them,
// and does to watches what networks and servers do.
import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { Agent, createServer, request } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import type { Cluster } from '../../cluster/cluster.ts'
import { writeKubeconfig } from '../../cluster/kubeconfig.ts'
import { type WriteGate, writeToApiServer } from './writes.ts'

export interface ApiProxy extends AsyncDisposable {
  /** Of a cluster administrator who goes through the proxy. */
  readonly kubeconfigPath: string
  /** How many watches were begun so far. */
  readonly watchesBegun: number
  /** Every watch that is open ends, in the middle of whatever it was saying. */
  cutWatches(): void
  /** Every open watch tells that its version is gone, and ends. */
  expireWatches(): void
  /** Every open watch says something that is no event, and goes on. */
  garbleWatches(): void
  /** Every open watch stays open, and says nothing more. */
  muteWatches(): void
  /** Half-open: connections stay and nothing passes, on new ones neither, until `speak`. */
  silence(): void
  speak(): void
}

interface Watch {
  readonly from: IncomingMessage
  readonly to: ServerResponse
}

export async function startApiProxy(cluster: Cluster, gate: WriteGate): Promise<ApiProxy> {
  const { authority, apiserverUrl } = cluster
  const serving = await authority.issue({ commonName: 'proxy', hosts: ['127.0.0.1'] })
  const admin = await authority.issue({ commonName: 'operator', organizations: ['system:masters'] })
  const ca = authority.certificatePem
  const agent = new Agent({ keepAlive: true, ca, cert: admin.certificatePem, key: admin.keyPem })
  const watches = new Set<Watch>()
  let watchesBegun = 0
  let isSilent = false
  let spoken = Promise.withResolvers<void>()

  async function pass(asked: IncomingMessage, answer: ServerResponse): Promise<void> {
    const body = Buffer.concat(await asked.toArray())
    if (isSilent) await spoken.promise
    const { method = 'GET', url = '/', headers } = asked
    const write = writeToApiServer(method, url, body.toString())
    const fate = write ? await gate.meet(write) : 'pass'
    if (fate === 'lose request') return
    const upstream = request(apiserverUrl + url, { method, headers, agent })
    // A write that was sent is done, though the operator is killed before it hears of it.
    if (!write) answer.once('close', () => upstream.destroy())
    upstream.end(body)
    const [from] = (await once(upstream, 'response')) as [IncomingMessage]
    if (write) write.accepted = (from.statusCode ?? 500) < 300
    if (fate === 'lose answer') return void from.resume()
    answer.writeHead(from.statusCode ?? 502, from.headers)
    if (new URL(url, apiserverUrl).searchParams.get('watch') === 'true') return follow({ from, to: answer })
    from.pipe(answer)
  }

  function follow(watch: Watch): void {
    const { from, to } = watch
    watchesBegun += 1
    watches.add(watch)
    to.flushHeaders()
    // Once we have ended a watch ourselves, what the API server still sends of it is nobody's.
    from.on('data', chunk => void (to.writableEnded || to.write(chunk)))
    from.once('end', () => to.end())
    from.once('error', () => to.destroy())
    to.once('close', () => watches.delete(watch))
    if (isSilent) from.pause()
  }

  const server = createServer({ cert: serving.certificatePem, key: serving.keyPem, ca }, (asked, answer) => {
    pass(asked, answer).catch(() => answer.destroy())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo

  return {
    kubeconfigPath: writeKubeconfig(join(cluster.dir, `proxy-${port}.kubeconfig`), {
      server: `https://127.0.0.1:${port}`,
      authorityPem: ca,
      identity: admin,
    }),
    get watchesBegun() {
      return watchesBegun
    },
    cutWatches() {
      for (const { to } of watches) to.destroy()
    },
    expireWatches() {
      const object = { kind: 'Status', status: 'Failure', reason: 'Expired', code: 410, message: 'too old' }
      for (const { to } of watches) to.end(`${JSON.stringify({ type: 'ERROR', object })}\n`)
    },
    garbleWatches() {
      for (const { to } of watches) to.write('{"type":"MODIFIED","object":{"metadata":\u0000\n')
    },
    muteWatches() {
      for (const { from } of watches) from.removeAllListeners('data').resume()
    },
    silence() {
      isSilent = true
      for (const { from } of watches) from.pause()
    },
    speak() {
      isSilent = false
      spoken.resolve()
      spoken = Promise.withResolvers()
      for (const { from } of watches) from.resume()
    },
    async [Symbol.asyncDispose]() {
      spoken.resolve()
      server.close()
      server.closeAllConnections()
      agent.destroy()
      await once(server, 'close')
    },
  }
}
