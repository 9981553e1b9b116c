// A transport that refuses every write unless this process leads. Controllers and the event recorder are given this one;
// only the leader election writes past it.
import { NotLeaderError } from './errors.ts'
import type { KubeTransport } from './transport.ts'

/** Asks at the last moment before each write is sent; a write refused throws NotLeaderError. Dry runs keep nothing and pass. */
export function fencedTransport(transport: KubeTransport, isLeader: () => boolean): KubeTransport {
  return {
    ...transport,
    request(call) {
      const keepsNothing = call.method === 'GET' || call.query?.['dryRun'] === 'All'
      if (!keepsNothing && !isLeader()) return Promise.reject(new NotLeaderError(`${call.method} ${call.path}`))
      return transport.request(call)
    },
  }
}
