// A TCP proxy between a client and etcd that can cut every connection after a number of bytes, or go silent: the faults
// of a network that etcd itself cannot be made to show.
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

export interface CuttingProxy extends AsyncDisposable {
  readonly url: string
  /** How many connections were taken so far. */
  connections(): number
  /** Cuts the connection that is the next to have carried so many bytes to the client, once. */
  cutAfter(bytes: number): void
  /** Whether the cut has happened. */
  wasCut(): boolean
  /** Half-open: connections stay, nothing passes in either direction until `resume`. */
  hold(): void
  resume(): void
}

export async function startCuttingProxy(target: string): Promise<CuttingProxy> {
  const { hostname, port } = new URL(target)
  const pairs = new Set<readonly [Socket, Socket]>()
  let taken = 0
  let cutAt: number | undefined
  let cut = false
  let held = false

  const server = createServer(client => {
    taken += 1
    const upstream = connect(Number(port), hostname)
    const pair = [client, upstream] as const
    pairs.add(pair)
    let carried = 0
    upstream.on('data', chunk => {
      carried += chunk.length
      if (cutAt === undefined || carried < cutAt) return void client.write(chunk)
      cutAt = undefined
      cut = true
      client.resetAndDestroy()
      upstream.destroy()
    })
    client.on('data', chunk => void upstream.write(chunk))
    for (const socket of pair) {
      socket.on('error', () => undefined)
      socket.on('close', () => {
        pairs.delete(pair)
        for (const other of pair) other.destroy()
      })
      if (held) socket.pause()
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')

  const each = (act: (socket: Socket) => void): void => {
    for (const pair of pairs) for (const socket of pair) act(socket)
  }
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    connections: () => taken,
    cutAfter(bytes) {
      cutAt = bytes
      cut = false
    },
    wasCut: () => cut,
    hold() {
      held = true
      each(socket => socket.pause())
    },
    resume() {
      held = false
      each(socket => socket.resume())
    },
    async [Symbol.asyncDispose]() {
      each(socket => socket.destroy())
      server.close()
      await once(server, 'close')
    },
  }
}
