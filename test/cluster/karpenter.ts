// The real Karpenter beside a running cluster, with its own provider of fake hosts: it makes Node objects, and the cluster's
// kwok plays their kubelets. For tests of what happens to SFU nodes when Karpenter takes hosts away.
import { join } from 'node:path'
import { isHealthy } from './api-client.ts'
import { ensureBinaries, sourcesOf } from './binaries.ts'
import type { Cluster } from './cluster.ts'
import { applyCrds } from './crds.ts'
import { createPorts } from './ports.ts'
import { type Server, startServer } from './process.ts'

export interface NodePoolTraits {
  /** Labels of its hosts; a change makes the hosts there are drift. */
  readonly labels?: Readonly<Record<string, string>>
  /** So long after its start a host is to go, whatever is on it. Default: never. */
  readonly expireAfter?: string
  /** So long may a host take to go; then what is on it is deleted. Default: as long as it takes. */
  readonly terminationGracePeriod?: string
  /** Default `0s`: as soon as a host could be spared. `Never`: only drift and expiry take hosts. */
  readonly consolidateAfter?: string
}

export interface KarpenterOptions {
  /** So long no other pod may come to wait before hosts are ordered; default 0.2, for pods of a test come one by one. Everywhere else it is 1. */
  readonly batchIdleSeconds?: number
  /** It makes hosts for CapacityBuffers too. Default false, as everywhere, although the kind is served in any case. */
  readonly capacityBuffers?: boolean
  readonly log?: (line: string) => void
}

export const karpenterBinaries = ['karpenter'] as const
/** A host that is there at once hides that somebody waits for it. */
const REGISTERED_AFTER_SECONDS = 3

/** Resolves when it is ready. The cluster must have been started with `kwokNodes`; pods ask for its hosts by `onHostsOf`. */
export async function startKarpenter(
  cluster: Cluster,
  { batchIdleSeconds = 0.2, capacityBuffers = false, log = console.error }: KarpenterOptions = {},
): Promise<Server> {
  await using undo = new AsyncDisposableStack()
  const { karpenter } = await ensureBinaries(karpenterBinaries, { log })
  const sources = await sourcesOf('karpenter', 'sigs.k8s.io/karpenter')
  for (const crds of ['kwok/charts/crds', 'kwok/apis/crds']) await applyCrds(cluster, join(sources, crds))
  await hostsRegisterAfter(cluster, REGISTERED_AFTER_SECONDS)

  const ports = createPorts()
  undo.defer(() => ports.release())
  const [metrics, health] = [await ports.take(), await ports.take()]
  const server = undo.use(
    await startServer({
      name: 'karpenter',
      command: karpenter,
      args: [],
      env: {
        KUBECONFIG: cluster.kubeconfigPath,
        DISABLE_LEADER_ELECTION: 'true',
        METRICS_PORT: String(metrics),
        HEALTH_PROBE_PORT: String(health),
        BATCH_IDLE_DURATION: `${batchIdleSeconds}s`,
        FEATURE_GATES: `CapacityBuffer=${capacityBuffers}`,
      },
      logPath: join(cluster.dir, 'karpenter.log'),
      ready: signal => isHealthy(`http://127.0.0.1:${health}/readyz`, signal),
    }),
  )
  const running = undo.move()
  return Object.assign(server, { [Symbol.asyncDispose]: () => running.disposeAsync() })
}

/** A manifest. Its hosts have 4 CPUs, of which pods get 3.9. */
export const karpenterNodePool = (name: string, traits: NodePoolTraits = {}) => ({
  apiVersion: 'karpenter.sh/v1',
  kind: 'NodePool',
  metadata: { name },
  spec: {
    template: {
      metadata: { labels: { ...traits.labels } },
      spec: {
        nodeClassRef: { group: 'karpenter.kwok.sh', kind: 'KWOKNodeClass', name: NODE_CLASS },
        requirements: [
          { key: 'karpenter.kwok.sh/instance-cpu', operator: 'In', values: ['4'] },
          { key: 'karpenter.kwok.sh/instance-family', operator: 'In', values: ['c'] },
          { key: 'karpenter.sh/capacity-type', operator: 'In', values: ['on-demand'] },
          { key: 'kubernetes.io/arch', operator: 'In', values: ['amd64'] },
          { key: 'kubernetes.io/os', operator: 'In', values: ['linux'] },
        ],
        expireAfter: traits.expireAfter ?? 'Never',
        ...(traits.terminationGracePeriod && { terminationGracePeriod: traits.terminationGracePeriod }),
      },
    },
    disruption: {
      consolidationPolicy: 'WhenEmptyOrUnderutilized',
      consolidateAfter: traits.consolidateAfter ?? '0s',
      budgets: [{ nodes: '100%' }],
    },
  },
})

/** What a pod's spec needs to get a host of that NodePool. */
export const onHostsOf = (nodePool: string) => ({ nodeSelector: { 'karpenter.sh/nodepool': nodePool } })

const NODE_CLASS = 'default'

/** From the order of a host to its Node object, for all that are ordered from now on. */
export async function hostsRegisterAfter({ kubectl }: Cluster, seconds: number): Promise<void> {
  const nodeClass = {
    apiVersion: 'karpenter.kwok.sh/v1alpha1',
    kind: 'KWOKNodeClass',
    metadata: { name: NODE_CLASS },
    spec: { nodeRegistrationDelay: `${seconds}s` },
  }
  await kubectl(['apply', '-f-'], { input: JSON.stringify(nodeClass) })
}
