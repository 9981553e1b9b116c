// One operator under test: a real process of its own, run from the sources, that tests kill, pause, and start again.
import { join } from 'node:path'
import { ApiRefused, isHealthy } from '../../cluster/api-client.ts'
import type { Cluster } from '../../cluster/cluster.ts'
import { createPorts } from '../../cluster/ports.ts'
import { type Server, startServer } from '../../cluster/process.ts'

const sources = join(import.meta.dirname, '../../../operator/main.ts')
const OWN_NAMESPACE = 'rtcnode-system'

export interface OperatorOptions {
  /** Default: the sources. */
  readonly program?: string
  /** Of this replica, in the Lease and in the name of its log; default `operator`. */
  readonly identity?: string
  /** Default: the cluster administrator's. A test that stands between operator and API server has its own. */
  readonly kubeconfigPath?: string
  /** Default: the cluster's registry. */
  readonly registryEndpoints?: readonly string[]
  readonly flags?: readonly string[]
  /** For example LD_PRELOAD of another clock. */
  readonly env?: Record<string, string>
  /** Default true: `start` resolves when /readyz answers 200. False: as soon as /healthz does. */
  readonly untilReady?: boolean
}

export interface Operator extends Server {
  readonly identity: string
  /** Where it answers for metrics and health. */
  readonly url: string
  /** Text of /metrics. */
  metrics(): Promise<string>
}

/** Resolves when it is ready. Log: `<identity>.log` in the cluster's folder, over all starts. */
export async function startOperator(cluster: Cluster, options: OperatorOptions = {}): Promise<Operator> {
  const { program = sources, identity = 'operator', flags = [], env, untilReady = true } = options
  await ensureNamespace(cluster, OWN_NAMESPACE)
  const ports = createPorts()
  const url = `http://127.0.0.1:${await ports.take()}`
  const server = await startServer({
    name: identity,
    command: process.execPath,
    args: [
      program,
      'run',
      `--identity=${identity}`,
      `--kubeconfig=${options.kubeconfigPath ?? cluster.kubeconfigPath}`,
      `--registry-endpoints=${(options.registryEndpoints ?? cluster.registry.endpoints).join(',')}`,
      `--namespace=${OWN_NAMESPACE}`,
      '--metrics-address=127.0.0.1',
      `--metrics-port=${new URL(url).port}`,
      ...flags,
    ],
    ...(env && { env }),
    logPath: join(cluster.dir, `${identity}.log`),
    ready: signal => isHealthy(`${url}/${untilReady ? 'readyz' : 'healthz'}`, signal),
    stopWithinMs: 15_000,
  })
  // Not spread: `pid` is asked of the running process each time.
  return Object.assign(server, {
    identity,
    url,
    metrics: async () => (await fetch(`${url}/metrics`, { signal: AbortSignal.timeout(5_000) })).text(),
    // The port stays reserved over a kill and a start, until nobody wants the operator any more.
    async [Symbol.asyncDispose]() {
      await server.stop()
      await ports.release()
    },
  })
}

export async function ensureNamespace({ api }: Cluster, name: string, labels = {}): Promise<void> {
  try {
    await api.call('POST', '/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } })
  } catch (error) {
    if (!(error instanceof ApiRefused && error.status === 409)) throw error
  }
}
