// The pools of sockets to the API server: one for requests, one for watches, and a small one for the leader lease so that
// renewing it never waits behind a storm of other calls. Rebuilt by the transport when certificates change.
import { Agent, type Dispatcher, ProxyAgent } from 'undici'
import type { Credentials } from './credentials.ts'

/** Which pool a call uses. */
export type Lane = 'requests' | 'watches' | 'lease'

export interface Connections {
  /** What they were made from: another id needs other connections. */
  readonly id: string
  readonly lanes: Readonly<Record<Lane, Dispatcher>>
  /** Lets calls and watches under way end by themselves. */
  retire(): Promise<void>
  /** Cuts everything off. */
  destroy(): Promise<void>
}

/** Sockets for requests, at most. More only moves the queue from here into the server. */
export const MAX_REQUEST_CONNECTIONS = 32

export function openConnections(credentials: Credentials): Connections {
  const lanes = {
    requests: pool(credentials, { connections: MAX_REQUEST_CONNECTIONS, bodyTimeout: 30_000, headersTimeout: 60_000 }),
    // A quiet watch is a good watch: its liveness is the informer's business.
    watches: pool(credentials, { connections: null, bodyTimeout: 0, headersTimeout: 30_000 }),
    lease: pool(credentials, { connections: 2, bodyTimeout: 10_000, headersTimeout: 10_000 }),
  }
  return {
    id: credentials.connectionId,
    lanes,
    retire: async () => void (await Promise.allSettled(Object.values(lanes).map(it => it.close()))),
    destroy: async () => void (await Promise.allSettled(Object.values(lanes).map(it => it.destroy()))),
  }
}

/** Times in milliseconds; 0 for none. The transport's own deadlines are shorter, except for watches. */
interface Limits {
  connections: number | null
  headersTimeout: number
  bodyTimeout: number
}

function pool({ tls, proxyUrl }: Credentials, limits: Limits): Dispatcher {
  const options = {
    ...limits,
    pipelining: 1,
    // Node's HTTP/2 client has leaked memory over days for others, and one connection would be one point of stalling.
    allowH2: false,
    keepAliveTimeout: 30_000,
    connect: { ...tls, timeout: 5_000, keepAlive: true, keepAliveInitialDelay: 30_000 },
  }
  return proxyUrl ? new ProxyAgent({ ...options, uri: proxyUrl, requestTls: tls }) : new Agent(options)
}
