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

export const karpenterBinaries = ['karpenter'] as const

/** Resolves when it is ready. The cluster must have been started with `kwokNodes`; pods ask for its hosts by `onHostsOf`. */
export async function startKarpenter(cluster: Cluster, { log = console.error } = {}): Promise<Server> {
  await using undo = new AsyncDisposableStack()
  const { karpenter } = await ensureBinaries(karpenterBinaries, { log })
  const sources = await sourcesOf('karpenter', 'sigs.k8s.io/karpenter')
  for (const crds of ['kwok/charts/crds', 'kwok/apis/crds']) await applyCrds(cluster, join(sources, crds))
  await cluster.kubectl(['apply', '-f-'], { input: JSON.stringify(nodeClass) })

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
        // Pods of a test come one by one; nothing is gained by waiting for more.
        BATCH_IDLE_DURATION: '200ms',
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
        nodeClassRef: { group: 'karpenter.kwok.sh', kind: 'KWOKNodeClass', name: nodeClass.metadata.name },
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

const nodeClass = {
  apiVersion: 'karpenter.kwok.sh/v1alpha1',
  kind: 'KWOKNodeClass',
  metadata: { name: 'default' },
  // A host that is there at once hides that somebody waits for it.
  spec: { nodeRegistrationDelay: '3s' },
}
