// The baseline of breach.ts: a Deployment under a real HPA, which the real KEDA feeds with the same load.
import { setTimeout as pause } from 'node:timers/promises'
import type { Pod } from '../../operator/api/core.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { startKeda } from '../cluster/keda.ts'
import { startLoad } from '../cluster/load.ts'
import type { Moments } from './moments.ts'
import { podsPath, type Stage } from './stage.ts'

interface HpaBreaches {
  readonly born: Moments
  /** Of each node. */
  readonly cpuPercent: { readonly calm: number; readonly breach: number }
  readonly nodes: number
  readonly breaches: number
}

const NAME = 'd'
/** Its default. */
const PERIOD_MS = 15_000
const WITHIN_MS = 240_000
/** As much load as the calm one times 1.5: above it and its tolerance of a tenth, the breach needs more nodes. */
const TARGET_CPU_PERCENT = 54

/** Milliseconds from each breach until its pod is seen. Needs pods of RTCNodes to copy. */
export async function hpaBreaches(
  { cluster }: Pick<Stage, 'cluster'>,
  { born, cpuPercent, nodes, breaches }: HpaBreaches,
): Promise<number[]> {
  await using _keda = await startKeda(cluster)
  await using load = await startLoad(nodes * cpuPercent.calm)
  await createDeployment(cluster, nodes)
  await born.reached(`${NAME}-`, nodes, WITHIN_MS)
  await createScaledObject(cluster, nodes, load.url)
  await cluster.kubectl(['wait', '--for=create', '--timeout=50s', `hpa/keda-hpa-${NAME}`])
  await cluster.kubectl(['wait', '--for=condition=ScalingActive', '--timeout=50s', `hpa/keda-hpa-${NAME}`])

  const times: number[] = []
  // One to begin with, after which it is known when the next period begins.
  let reactedAt = await breach(1)
  for (let time = 0; time < breaches; time += 1) {
    await pause(Math.max(0, reactedAt + ((time + 0.5) / breaches) * PERIOD_MS - performance.now()))
    const at = performance.now()
    reactedAt = await breach(time + 2)
    times.push(reactedAt - at)
  }
  return times

  async function breach(nth: number): Promise<number> {
    load.people = nodes * cpuPercent.breach
    const seenAt = await born.reached(`${NAME}-`, nodes + nth, WITHIN_MS)
    load.people = nodes * cpuPercent.calm
    return seenAt
  }
}

async function createDeployment({ api }: Cluster, replicas: number): Promise<void> {
  const { items } = (await api.call('GET', `${podsPath}?limit=1`)) as { items: Pod[] }
  const [pod] = items
  if (pod === undefined) throw new Error('there is no pod of an RTCNode to copy')
  const { nodeName: _, ...spec } = pod.spec
  const labels = { app: NAME }
  await api.call('POST', '/apis/apps/v1/namespaces/default/deployments', {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: NAME, namespace: 'default' },
    spec: { replicas, selector: { matchLabels: labels }, template: { metadata: { labels }, spec } },
  })
}

async function createScaledObject({ api }: Cluster, nodes: number, url: string): Promise<void> {
  const oneByOne = { policies: [{ type: 'Pods', value: 1, periodSeconds: 1 }] }
  await api.call('POST', '/apis/keda.sh/v1alpha1/namespaces/default/scaledobjects', {
    apiVersion: 'keda.sh/v1alpha1',
    kind: 'ScaledObject',
    metadata: { name: NAME, namespace: 'default' },
    spec: {
      scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: NAME },
      minReplicaCount: 1,
      maxReplicaCount: 2 * nodes,
      advanced: {
        horizontalPodAutoscalerConfig: { behavior: { scaleUp: oneByOne, scaleDown: { selectPolicy: 'Disabled' } } },
      },
      triggers: [
        {
          type: 'metrics-api',
          metadata: { url, valueLocation: 'people', targetValue: String(TARGET_CPU_PERCENT) },
        },
      ],
    },
  })
}
