// The connection to etcd: one client for all calls, every call bounded, no call repeated behind the caller's back, new
// certificates picked up as they are written. Used by the fleet view, the intent writer and the agent's lease.
import type {
  IDuplexStream,
  ILeaseKeepAliveRequest,
  ILeaseKeepAliveResponse,
  IPutRequest,
  IPutResponse,
  IRangeRequest,
  IRangeResponse,
  ITxnRequest,
  ITxnResponse,
  IWatchRequest,
  IWatchResponse,
} from 'etcd3'
import type { Clock } from '../ambient/clock.ts'
import type { Logger } from '../telemetry/log.ts'

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

/** Connects lazily: an etcd that is down shows at the first call. Throws when the TLS files cannot be read or used. */
export function connectRegistry(options: RegistryOptions, deps: { clock: Clock; log: Logger }): RegistryConnection {
  throw new Error(`being written: ${options.endpoints} ${deps.clock.monotonic()}`)
}
