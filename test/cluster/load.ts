// A number that KEDA can ask for over HTTP, and that whoever started it may change: the load that an HPA sees.
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface Load extends AsyncDisposable {
  readonly url: string
  people: number
}

/** Serves `{"people": <number>}`. */
export async function startLoad(people: number): Promise<Load> {
  const server = createServer((_request, answer) => answer.end(JSON.stringify({ people: load.people })))
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const load: Load = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    people,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise(closed => server.close(closed))
    },
  }
  return load
}
