// Who we are to the API server and how we know that it is the API server: read from a kubeconfig or from the pod's service
// account, and read again as files rotate. Called by the transport before each request.
import { statSync } from 'node:fs'
import type { RequestOptions } from 'node:https'
// The package's own index would load 700 generated models (150 MB of memory); this file alone has all forms of auth.
import { KubeConfig } from '@kubernetes/client-node/dist/config.js'
import type { Clock, Monotonic } from '../ambient/clock.ts'
import type { Logger } from '../telemetry/log.ts'

export interface TlsIdentity {
  ca?: string | Buffer
  cert?: string | Buffer
  key?: string | Buffer
  servername?: string
  rejectUnauthorized?: boolean
}

export interface Credentials {
  readonly origin: string
  /** Of the server's URL, without a trailing slash; empty for most servers. */
  readonly basePath: string
  readonly headers: Readonly<Record<string, string>>
  readonly tls: TlsIdentity
  /** An HTTP proxy in front of the server. */
  readonly proxyUrl?: string
  /** Equal when, and only when, connections made with one can be used for the other. */
  readonly connectionId: string
}

export interface CredentialSource {
  /** At most a few seconds behind the files. */
  current(): Promise<Credentials>
  /** The server did not accept the current ones: forget every cached token and read all anew at the next call. */
  reject(): void
  /** The namespace of the context, or of the pod. */
  readonly namespace?: string
}

/** Credentials cannot be had: no kubeconfig, an unreadable file, an exec plugin that fails. */
export class CredentialsError extends Error {
  constructor(message: string, cause: unknown) {
    super(message, { cause })
    this.name = 'CredentialsError'
  }
}

const REREAD_AFTER_MS = 5_000

/**
 * `path` undefined: `KUBECONFIG`, then `~/.kube/config`, then the pod's service account. `context` undefined: the current one.
 * Throws CredentialsError.
 */
export function credentialSource(
  path: string | undefined,
  { clock, log, context }: { clock: Clock; log: Logger; context?: string },
): CredentialSource {
  const first = load(path, context)
  let config: KubeConfig | undefined = first
  const namespace = namespaceOf(first)
  let configReadFrom = mtimeMs(path)
  let latest: { credentials: Credentials; readAt: Monotonic } | undefined
  let reading: Promise<Credentials> | undefined

  async function read(): Promise<Credentials> {
    try {
      if (config === undefined || mtimeMs(path) !== configReadFrom) {
        configReadFrom = mtimeMs(path)
        config = load(path, context)
      }
      const credentials = await resolve(config)
      latest = { credentials, readAt: clock.monotonic() }
      return credentials
    } catch (error) {
      // A file that is being replaced is unreadable for a moment; what worked a moment ago is the better answer.
      if (!latest) throw new CredentialsError(`no credentials: ${String(error)}`, error)
      log.warn('credentials could not be read again, the former ones stay in use', { error })
      latest = { ...latest, readAt: clock.monotonic() }
      return latest.credentials
    } finally {
      reading = undefined
    }
  }

  return {
    ...(namespace && { namespace }),
    async current() {
      if (latest && clock.monotonic() - latest.readAt < REREAD_AFTER_MS) return latest.credentials
      reading ??= read()
      return reading
    },
    reject() {
      // KubeConfig keeps tokens for a minute or until their written end; only a new one asks again.
      config = undefined
      if (latest) latest = { ...latest, readAt: (clock.monotonic() - REREAD_AFTER_MS) as Monotonic }
    },
  }
}

function load(path: string | undefined, context: string | undefined): KubeConfig {
  const config = new KubeConfig()
  try {
    if (path === undefined) config.loadFromDefault()
    else config.loadFromFile(path)
  } catch (error) {
    throw new CredentialsError(`kubeconfig ${path ?? '(default)'} cannot be read: ${String(error)}`, error)
  }
  if (context === undefined) return config
  if (config.getContextObject(context) === null) {
    const there = config.getContexts().map(({ name }) => name)
    throw new CredentialsError(
      `kubeconfig ${path ?? '(default)'} has no context “${context}”; it has ${there.join(', ') || 'none'}`,
      undefined,
    )
  }
  config.setCurrentContext(context)
  return config
}

const mtimeMs = (path: string | undefined): number | undefined =>
  path === undefined ? undefined : statSync(path, { throwIfNoEntry: false })?.mtimeMs

const namespaceOf = (config: KubeConfig): string | undefined =>
  config.getContextObject(config.getCurrentContext())?.namespace

async function resolve(config: KubeConfig): Promise<Credentials> {
  const cluster = config.getCurrentCluster()
  if (!cluster) throw new Error('the current context names no cluster')
  if (cluster.proxyUrl?.startsWith('socks')) throw new Error('SOCKS proxies are not supported')
  const options: RequestOptions = { headers: {} }
  await config.applyToHTTPSOptions(options)
  const url = new URL(cluster.server)
  const headers = headersOf(options)
  const tls = tlsOf(options)
  const proxyUrl = cluster.proxyUrl
  return {
    origin: url.origin,
    basePath: url.pathname.replace(/\/$/, ''),
    headers,
    tls,
    ...(proxyUrl && { proxyUrl }),
    connectionId: JSON.stringify([
      url.origin,
      proxyUrl,
      Object.entries(tls).map(([name, value]) => [name, String(value)]),
    ]),
  }
}

function headersOf({ headers, auth }: RequestOptions): Record<string, string> {
  const given = Object.entries(headers ?? {}).map(([name, value]) => [name, String(value).trim()])
  const basic = auth ? { Authorization: `Basic ${Buffer.from(auth).toString('base64')}` } : {}
  return { ...Object.fromEntries(given), ...basic }
}

function tlsOf(options: RequestOptions): TlsIdentity {
  const { ca, cert, key, servername, rejectUnauthorized } = options as TlsIdentity
  return {
    ...(ca !== undefined && { ca }),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
    ...(servername !== undefined && { servername }),
    ...(rejectUnauthorized !== undefined && { rejectUnauthorized }),
  }
}
