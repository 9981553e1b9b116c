// The connection to etcd: one client for all calls, every call bounded, no call repeated behind the caller's back, new
// certificates picked up as they are written. Used by the fleet view, the intent writer and the agent's lease.
import type { CallOptions } from '@grpc/grpc-js'
import {
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
  isRecoverableError,
} from 'etcd3'
import { type Clock, toTimestamp } from '../ambient/clock.ts'
import type { Logger } from '../telemetry/log.ts'
import { type Note, noTraces, type Traces } from '../telemetry/traces.ts'
import { RegistryError } from './errors.ts'
import { bounded, type EtcdClient, etcdClient, requireLeader, UNARY_DEADLINE_MS } from './etcd-client.ts'
import { DEFAULT_PREFIX, flagKey } from './keys.ts'
import { remedyFor } from './remedies.ts'
import {
  type ClientCertificate,
  clientCertificateOf,
  readTls,
  sameTls,
  type TlsFiles,
  type TlsPaths,
} from './tls-files.ts'
import type { WatchAnswer } from './watch-answer.ts'

export interface RegistryOptions {
  /** `http://host:port`, or `https://…` for all of them. */
  readonly endpoints: readonly string[]
  /** Default `/sfu`. */
  readonly prefix?: string
  /** PEM files; re-read when they change. With a certificate and key, the registry is shown who we are. */
  readonly tls?: TlsPaths
  readonly username?: string
  readonly password?: string
}

export interface RegistryDeps {
  readonly clock: Clock
  readonly log: Logger
  /** Default: none. */
  readonly traces?: Traces
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
  openWatch(signal: AbortSignal): Promise<IDuplexStream<IWatchRequest, WatchAnswer>>
  openKeepAlive(signal: AbortSignal): Promise<IDuplexStream<ILeaseKeepAliveRequest, ILeaseKeepAliveResponse>>
  /** The one in use; undefined when we show none. Another one after a renewal. */
  clientCertificate(): ClientCertificate | undefined
  close(): void
}

const CERTIFICATE_CHECK_MS = 5_000

type Stream<Request, Response> = IDuplexStream<Request, Response>

/** One client, and the files it was made of: they go together. */
interface Session {
  readonly client: EtcdClient
  readonly files: TlsFiles | undefined
  readonly certificate: ClientCertificate | undefined
}

/** Connects lazily: an etcd that is down shows at the first call. Throws when the TLS files cannot be read or used. */
export function connectRegistry(options: RegistryOptions, deps: RegistryDeps): RegistryConnection {
  const { clock, log, traces = noTraces } = deps
  const prefix = options.prefix ?? DEFAULT_PREFIX
  let session = begin(options.tls && readTls(options.tls))
  const openStreams = new Set<() => void>()
  const former = new Set<EtcdClient>()
  let isClosed = false
  let complaint = ''
  let cancelCheck = options.tls ? checkLater(options.tls) : () => undefined

  function begin(files: TlsFiles | undefined): Session {
    return { client: etcdClient(options, files, clock), files, certificate: files && clientCertificateOf(files) }
  }

  function checkLater(paths: TlsPaths): () => void {
    return clock.after(CERTIFICATE_CHECK_MS, () => {
      void followFiles(paths).then(() => {
        if (!isClosed) cancelCheck = checkLater(paths)
      })
    })
  }

  /** Until the registry has answered to new files the old ones stay in use: half a set, or a wrong one, cuts nobody off. */
  async function followFiles(paths: TlsPaths): Promise<void> {
    try {
      const found = readTls(paths)
      if (session.files && sameTls(session.files, found)) return
      const next = begin(found)
      try {
        await greet(next)
      } catch (error) {
        next.client.close()
        throw error
      }
      replaceBy(next)
      complaint = ''
      const { commonName, notAfter } = next.certificate ?? {}
      const expiresAt = notAfter && toTimestamp(notAfter)
      log.info('registry certificates changed, connected anew', { commonName, expiresAt })
    } catch (error) {
      const said = String(error)
      if (said !== complaint) log.warn('new registry certificates cannot be used, keeping the old ones', { error })
      complaint = said
    }
  }

  /** A refusal is an answer too: what we may do there is not the question. */
  async function greet({ client, certificate }: Session): Promise<void> {
    const question = { key: Buffer.from(flagKey(prefix, '')), limit: 1, serializable: true }
    await client.kv.range(question).catch((error: unknown) => {
      const failure = asRegistryError('greeting', error, certificate)
      if (failure.outcome === 'unknown') throw failure
    })
  }

  function replaceBy(next: Session): void {
    if (isClosed) return next.client.close()
    const { client } = session
    session = next
    for (const cancel of openStreams) cancel()
    former.add(client)
    // Calls that are under way may end.
    clock.after(UNARY_DEADLINE_MS, () => {
      former.delete(client)
      client.close()
    })
  }

  function asRegistryError(operation: string, error: unknown, certificate = session.certificate): RegistryError {
    const isUnknown = error instanceof Error && isRecoverableError(error)
    const told = error instanceof Error ? error.message : String(error)
    const { endpoints, tls } = options
    const meeting = { endpoints, caFile: tls?.caFile, certFile: tls?.certFile, certificate, now: clock.wall() }
    return new RegistryError(operation, isUnknown ? 'unknown' : 'refused', error, remedyFor(told, meeting))
  }

  async function call<T>(
    operation: string,
    signal: AbortSignal | undefined,
    make: (options: CallOptions, note: Note) => Promise<T>,
  ): Promise<T> {
    signal?.throwIfAborted()
    return traces.call(`registry ${operation}`, { 'rtcnode.registry.operation': operation }, async note => {
      try {
        return await make({ interceptors: [bounded(clock, signal)] }, note)
      } catch (error) {
        signal?.throwIfAborted()
        throw asRegistryError(operation, error)
      }
    })
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
    prefix,
    range: (request, signal) => call('range', signal, bound => session.client.kv.range(request, bound)),
    put: (request, signal) => call('put', signal, bound => session.client.kv.put(request, bound)),
    txn: (request, signal) =>
      call('txn', signal, async (bound, note) => {
        const answer = await session.client.kv.txn(request, bound)
        note({ 'rtcnode.registry.revision': Number(answer.header.revision) })
        return answer
      }),
    grantLease: (ttlSeconds, signal) =>
      call('lease grant', signal, async bound => {
        const granted = await session.client.leaseClient.leaseGrant({ TTL: ttlSeconds }, bound)
        return { id: granted.ID, ttlSeconds: Number(granted.TTL) }
      }),
    revokeLease: (id, signal) =>
      call('lease revoke', signal, async bound => {
        await session.client.leaseClient.leaseRevoke({ ID: id }, bound).catch((error: unknown) => {
          if (!(error instanceof EtcdLeaseInvalidError)) throw error
        })
      }),
    openWatch: signal => open('watch', signal, bound => session.client.openWatch(bound)),
    openKeepAlive: signal =>
      open('lease keep-alive', signal, bound => session.client.leaseClient.leaseKeepAlive(bound)),
    clientCertificate: () => session.certificate,
    close() {
      isClosed = true
      cancelCheck()
      for (const cancel of openStreams) cancel()
      for (const client of [session.client, ...former]) client.close()
    },
  }
}
