// The pool that the benchmarks of pools make, and how they change it.
import type { Cluster } from '../cluster/cluster.ts'

export const poolsPath = '/apis/rtcnode.io/v1alpha1/namespaces/default/rtcnodepools'

export interface PoolTraits {
  readonly className?: string
  readonly headroom?: { readonly nodes: number }
}

/** Of the class `bench` by default; closed nodes go as soon as they are surely empty. */
export async function createPool(
  { api }: Cluster,
  name: string,
  replicas: number,
  { className = 'bench', ...spec }: PoolTraits = {},
): Promise<void> {
  const labels = { fleet: name }
  await api.call('POST', poolsPath, {
    apiVersion: 'rtcnode.io/v1alpha1',
    kind: 'RTCNodePool',
    metadata: { name, namespace: 'default' },
    spec: {
      replicas,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { className } },
      scaleIn: { emptySeconds: 0 },
      ...spec,
    },
  })
}

export const patchPool = async ({ api }: Cluster, name: string, spec: object): Promise<void> =>
  void (await api.call('PATCH', `${poolsPath}/${name}`, { spec }))

export const deletePool = async ({ api }: Cluster, name: string): Promise<void> =>
  void (await api.call('DELETE', `${poolsPath}/${name}`))
