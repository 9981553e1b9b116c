// A port of this machine that leads to whichever pod serves at the moment: what `kubectl port-forward` would be if it
// outlived its pod. For clients of a Service outside the cluster.
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

export interface PortForward extends AsyncDisposable {
  /** Of 127.0.0.1. */
  readonly port: number
}

/** `target` is asked at each connection; while there is none, connections are hung up. */
export async function startPortForward(target: () => string | undefined, targetPort: number): Promise<PortForward> {
  const open = new Set<Socket>()
  const server = createServer(client => {
    const host = target()
    if (host === undefined) return void client.destroy()
    const upstream = connect(targetPort, host)
    const pair = [client, upstream] as const
    for (const socket of pair) {
      open.add(socket)
      socket.setNoDelay(true)
      socket.on('error', () => undefined)
      socket.on('close', () => {
        open.delete(socket)
        for (const other of pair) other.destroy()
      })
    }
    client.pipe(upstream).pipe(client)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      for (const socket of open) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}
