// The library's etcd client, set up as we need it: no call is repeated behind the caller's back, each has a deadline, and a
// dead connection is found. Used by connection.ts, and by whoever sets up users and roles.
import {
  type CallOptions,
  InterceptingCall,
  type Interceptor,
  type ServiceClientConstructor,
  status,
} from '@grpc/grpc-js'
import { ConsecutiveBreaker, circuitBreaker, handleWhen, noop } from 'cockatiel'
import { Etcd3, type IDuplexStream, type IWatchRequest, isRecoverableError } from 'etcd3'
import type { Clock } from '../ambient/clock.ts'
import type { TlsFiles } from './tls-files.ts'
import { readWatchAnswer, type WatchAnswer } from './watch-answer.ts'

export const UNARY_DEADLINE_MS = 5_000

const grpcOptions = {
  // Finds a half-open connection in 15 s. More often than each 5 s and etcd would hang up; without calls it would too.
  'grpc.keepalive_time_ms': 10_000,
  'grpc.keepalive_timeout_ms': 5_000,
  // The defaults wait up to two minutes between attempts, long after etcd is back.
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 1_000,
  // The default, 4 MiB, is less than one page of hostile values.
  'grpc.max_receive_message_length': 64 * 1024 * 1024,
}

export interface EtcdAddress {
  readonly endpoints: readonly string[]
  readonly username?: string
  readonly password?: string
}

/** The library's client, but for what it makes of the answers to a watch. */
export class EtcdClient extends Etcd3 {
  openWatch(options: CallOptions): Promise<IDuplexStream<IWatchRequest, WatchAnswer>> {
    return this.pool.withConnection('Watch', ({ resource, client, metadata }) => {
      const { Watch: method } = (client.constructor as ServiceClientConstructor).service
      if (method === undefined) throw new Error('the library calls the watch of etcd otherwise now')
      const { path, requestSerialize } = method
      const stream = client.makeBidiStreamRequest(path, requestSerialize, readWatchAnswer, metadata, options)
      // As the library does it: the next call goes to another member.
      stream.on('error', error => stream.writable && this.pool.markFailed(resource, error))
      return stream
    })
  }
}

/** Connects lazily. Throws when a key does not fit its certificate, or what should be PEM is none. */
export function etcdClient(
  { endpoints, username, password }: EtcdAddress,
  tls: TlsFiles | undefined,
  clock: Clock,
): EtcdClient {
  // The library's defaults repeat writes after unknown outcomes, and answer "broken circuit" long after etcd is back.
  // Of several members, though, a dead one is left out for some seconds.
  const host =
    endpoints.length > 1
      ? () =>
          circuitBreaker(handleWhen(isRecoverableError), { halfOpenAfter: 3_000, breaker: new ConsecutiveBreaker(1) })
      : () => noop
  return new EtcdClient({
    hosts: [...endpoints],
    grpcOptions,
    faultHandling: { global: noop, host },
    defaultCallOptions: context => (context.isStream ? {} : { interceptors: [bounded(clock)] }),
    ...(username !== undefined && { auth: { username, password: password ?? '' } }),
    ...(tls && {
      credentials: {
        rootCertificate: tls.ca,
        ...(tls.key && { privateKey: tls.key }),
        ...(tls.cert && { certChain: tls.cert }),
      },
    }),
  })
}

/** Ends a call after the deadline or with the signal. gRPC's own deadlines are wall-clock times, which may jump. */
export const bounded =
  (clock: Clock, signal?: AbortSignal): Interceptor =>
  (options, nextCall) => {
    const call = new InterceptingCall(nextCall(options), {
      start(metadata, _listener, next) {
        const cancelTimer = clock.after(UNARY_DEADLINE_MS, () =>
          call.cancelWithStatus(status.DEADLINE_EXCEEDED, `no answer within ${UNARY_DEADLINE_MS} ms`),
        )
        const onAbort = (): void => call.cancelWithStatus(status.CANCELLED, 'no longer wanted')
        signal?.addEventListener('abort', onAbort, { once: true })
        next(metadata, {
          onReceiveStatus(received, pass) {
            cancelTimer()
            signal?.removeEventListener('abort', onAbort)
            pass(received)
          },
        })
        if (signal?.aborted) onAbort()
      },
    })
    return call
  }

/** A member that is cut off from its quorum then ends the stream, instead of leaving it silent. */
export const requireLeader: Interceptor = (options, nextCall) =>
  new InterceptingCall(nextCall(options), {
    start(metadata, listener, next) {
      metadata.set('hasleader', 'true')
      next(metadata, listener)
    },
  })
