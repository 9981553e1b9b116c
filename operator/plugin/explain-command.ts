// `kubectl rtc explain`: reads what the explanation needs, and prints it.
import { objectKey } from '../api/meta.ts'
import type { RTCNode } from '../api/rtcnode.ts'
import { isPodOf } from '../lifecycle/pod-view.ts'
import { all, type Cluster, eventsAbout, ifReadable, named, ownedBy } from './cluster.ts'
import { type ExitCode, FINE, FOUND } from './errors.ts'
import { explainAutoscaler } from './explain-autoscaler.ts'
import { explainNode } from './explain-node.ts'
import { explainPool } from './explain-pool.ts'
import { type Explanation, explanationText, hasProblem } from './explanation.ts'
import { answer, type Output } from './output.ts'

export const explainable = ['pool', 'node', 'autoscaler'] as const
export type Explainable = (typeof explainable)[number]

const explainers: Readonly<Record<Explainable, (cluster: Cluster, name: string) => Promise<Explanation>>> = {
  async pool(cluster, name) {
    const { namespace } = cluster
    const pool = await named(cluster.pools, name, namespace)
    const [nodes, autoscalers, events] = await Promise.all([
      all(cluster.nodes, { namespace }),
      all(cluster.autoscalers, { namespace }),
      eventsAbout(cluster, pool),
    ])
    const itsOwn = autoscalers.filter(({ spec }) => spec.poolName === name)
    return explainPool({ pool, nodes: ownedBy(pool, nodes), autoscalers: itsOwn, events, now: cluster.now() })
  },

  async node(cluster, name) {
    const node = await named(cluster.nodes, name, cluster.namespace)
    const [nodeClass, pod, events] = await Promise.all([
      ifReadable(cluster.classes.get(objectKey(node.spec.className))),
      podOf(cluster, node),
      eventsAbout(cluster, node),
    ])
    return explainNode({ node, nodeClass, pod, events, now: cluster.now() })
  },

  async autoscaler(cluster, name) {
    const autoscaler = await named(cluster.autoscalers, name, cluster.namespace)
    const [pool, events] = await Promise.all([
      cluster.pools.get(objectKey(autoscaler.spec.poolName, cluster.namespace)),
      eventsAbout(cluster, autoscaler),
    ])
    return explainAutoscaler({ autoscaler, pool, events, now: cluster.now() })
  },
}

async function podOf({ pods, namespace }: Cluster, node: RTCNode) {
  const pod = await ifReadable(pods.get(objectKey(node.metadata.name, namespace)))
  return pod !== undefined && isPodOf(pod, node) ? pod : undefined
}

export async function explain(cluster: Cluster, output: Output, kind: Explainable, name: string): Promise<ExitCode> {
  const explanation = await explainers[kind](cluster, name)
  answer(output, explanation, () => explanationText(explanation, cluster.now()))
  return hasProblem(explanation) ? FOUND : FINE
}
