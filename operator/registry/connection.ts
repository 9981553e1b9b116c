// The connection to etcd: one client for all calls, every call bounded, no call repeated behind the caller's back, new
// certificates picked up as they are written. Used by the fleet view, the intent writer and the agent's lease.
import { readFileSync } from 'node:fs'
import { type CallOptions, InterceptingCall, type Interceptor, status } from '@grpc/grpc-js'
import { ConsecutiveBreaker, circuitBreaker, handleWhen, noop } from 'cockatiel'
import {
  Etcd3,
  EtcdLeaseInvalidError,
  type IDuplexStream,
  type ILeaseKeepAliveRequest,
  type ILeaseKeepAliveResponse,
  type IPutRequest,
  type IPutResponse,
  type IRangeRequest,
  type IRangeResponse,
  type ITxnRequest,
  type ITxnResponse,
  type IWatchRequest,
  type IWatchResponse,
  isRecoverableError,
} from 'etcd3'
import type { Clock } from '../ambient/clock.ts'
import type { Logger } from '../telemetry/log.ts'
import { RegistryError } from './errors.ts'
import { DEFAULT_PREFIX } from './keys.ts'

export interface RegistryOptions {
  /** `http://host:port`, or `https://…` for all of them. */
  readonly endpoints: readonly string[]
  /** Default `/sfu`. */
  readonly prefix?: string
  /** PEM files; re-read when they change. With a certificate and key, the registry is shown who we are. */
  readonly tls?: { readonly caFile: string; readonly certFile?: string; readonly keyFile?: string }
  readonly username?: string
  readonly password?: string
}

/** Every call throws RegistryError, after 5 s at the latest, or the signal's reason when it aborts. */
export interface RegistryConnection {
  readonly prefix: string
  range(request: IRangeRequest, signal?: AbortSignal): Promise<IRangeResponse>
  put(request: IPutRequest, signal?: AbortSignal): Promise<IPutResponse>
  txn(request: ITxnRequest, signal?: AbortSignal): Promise<ITxnResponse>
  grantLease(ttlSeconds: number, signal?: AbortSignal): Promise<{ id: string; ttlSeconds: number }>
  revokeLease(id: string, signal?: AbortSignal): Promise<void>
  /** Streams end by `cancel`, by the signal, or when the certificates have changed; an `error` follows. */
  openWatch(signal: AbortSignal): Promise<IDuplexStream<IWatchRequest, IWatchResponse>>
  openKeepAlive(signal: AbortSignal): Promise<IDuplexStream<ILeaseKeepAliveRequest, ILeaseKeepAliveResponse>>
  close(): void
}

const UNARY_DEADLINE_MS = 5_000
const CERTIFICATE_CHECK_MS = 5_000

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

type Stream<Request, Response> = IDuplexStream<Request, Response>
interface TlsFiles {
  readonly ca: Buffer
  readonly cert?: Buffer
  readonly key?: Buffer
}

/** Connects lazily: an etcd that is down shows at the first call. Throws when the TLS files cannot be read or used. */
export function connectRegistry(options: RegistryOptions, deps: { clock: Clock; log: Logger }): RegistryConnection {
  const { clock, log } = deps
  let files = options.tls && readTls(options.tls)
  let client = createClient(options, files, clock)
  const openStreams = new Set<() => void>()
  let cancelCheck = watchCertificates()

  function watchCertificates(): () => void {
    if (!options.tls) return () => undefined
    return clock.after(CERTIFICATE_CHECK_MS, () => {
      reloadCertificates()
      cancelCheck = watchCertificates()
    })
  }

  /** A half-written set (new certificate, old key) does not load: the old client stays and the next check tries again. */
  function reloadCertificates(): void {
    if (!options.tls) return
    try {
      const found = readTls(options.tls)
      if (files && sameTls(files, found)) return
      const replaced = client
      client = createClient(options, found, clock)
      files = found
      for (const cancel of openStreams) cancel()
      replaced.close()
      log.info('registry certificates changed, connecting anew')
    } catch (error) {
      log.warn('registry certificates cannot be loaded, keeping the old ones', { error })
    }
  }

  async function call<T>(
    operation: string,
    signal: AbortSignal | undefined,
    make: (options: CallOptions) => Promise<T>,
  ): Promise<T> {
    signal?.throwIfAborted()
    try {
      return await make({ interceptors: [bounded(clock, signal)] })
    } catch (error) {
      signal?.throwIfAborted()
      throw asRegistryError(operation, error)
    }
  }

  async function open<Request, Response>(
    operation: string,
    signal: AbortSignal,
    make: (options: CallOptions) => Promise<Stream<Request, Response>>,
  ): Promise<Stream<Request, Response>> {
    const stream = await call(operation, signal, () => make({ interceptors: [requireLeader] }))
    const cancel = (): void => {
      // Ended before it is cancelled: else the library takes the cancellation for a fault of this host and reconnects.
      stream.end()
      stream.cancel()
    }
    const forget = (): void => {
      openStreams.delete(cancel)
      signal.removeEventListener('abort', cancel)
    }
    openStreams.add(cancel)
    signal.addEventListener('abort', cancel, { once: true })
    stream.on('error', forget).on('end', forget)
    if (signal.aborted) cancel()
    return stream
  }

  return {
    prefix: options.prefix ?? DEFAULT_PREFIX,
    range: (request, signal) => call('range', signal, bound => client.kv.range(request, bound)),
    put: (request, signal) => call('put', signal, bound => client.kv.put(request, bound)),
    txn: (request, signal) => call('txn', signal, bound => client.kv.txn(request, bound)),
    grantLease: (ttlSeconds, signal) =>
      call('lease grant', signal, async bound => {
        const granted = await client.leaseClient.leaseGrant({ TTL: ttlSeconds }, bound)
        return { id: granted.ID, ttlSeconds: Number(granted.TTL) }
      }),
    revokeLease: (id, signal) =>
      call('lease revoke', signal, async bound => {
        await client.leaseClient.leaseRevoke({ ID: id }, bound).catch((error: unknown) => {
          if (!(error instanceof EtcdLeaseInvalidError)) throw error
        })
      }),
    openWatch: signal => open('watch', signal, bound => client.watchClient.watch(bound)),
    openKeepAlive: signal => open('lease keep-alive', signal, bound => client.leaseClient.leaseKeepAlive(bound)),
    close() {
      cancelCheck()
      for (const cancel of openStreams) cancel()
      client.close()
    },
  }
}

function createClient(options: RegistryOptions, tls: TlsFiles | undefined, clock: Clock): Etcd3 {
  const { endpoints, username, password } = options
  // The library's defaults repeat writes after unknown outcomes, and answer "broken circuit" long after etcd is back.
  // Of several members, though, a dead one is left out for some seconds.
  const host =
    endpoints.length > 1
      ? () =>
          circuitBreaker(handleWhen(isRecoverableError), { halfOpenAfter: 3_000, breaker: new ConsecutiveBreaker(1) })
      : () => noop
  return new Etcd3({
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
const bounded =
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
const requireLeader: Interceptor = (options, nextCall) =>
  new InterceptingCall(nextCall(options), {
    start(metadata, listener, next) {
      metadata.set('hasleader', 'true')
      next(metadata, listener)
    },
  })

function asRegistryError(operation: string, error: unknown): RegistryError {
  const unknown = error instanceof Error && isRecoverableError(error)
  return new RegistryError(operation, unknown ? 'unknown' : 'refused', error)
}

function readTls({ caFile, certFile, keyFile }: NonNullable<RegistryOptions['tls']>): TlsFiles {
  return {
    ca: readFileSync(caFile),
    ...(certFile !== undefined && { cert: readFileSync(certFile) }),
    ...(keyFile !== undefined && { key: readFileSync(keyFile) }),
  }
}

const sameTls = (a: TlsFiles, b: TlsFiles): boolean =>
  a.ca.equals(b.ca) && sameBytes(a.cert, b.cert) && sameBytes(a.key, b.key)

const sameBytes = (a: Buffer | undefined, b: Buffer | undefined): boolean => (a && b ? a.equals(b) : a === b)
