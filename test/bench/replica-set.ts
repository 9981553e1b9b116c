// The baseline of what starts and stops many: a ReplicaSet with the very pods that RTCNodes have.
import type { Pod } from '../../operator/api/core.ts'
import { until } from '../cluster/until.ts'
import { isEmpty, numbered, podsPath, type Stage } from './stage.ts'

const WITHIN_MS = 240_000
const replicaSetsPath = '/apis/apps/v1/namespaces/default/replicasets'

/** Of an RTCNode's pod, for a ReplicaSet. Makes a hundred nodes first, so that nothing is cold. */
export async function podSpecOfNodes(stage: Stage): Promise<object> {
  const names = numbered('warm', 100)
  await stage.createNodes(names)
  await stage.nodes.reached('warm-', names.length, WITHIN_MS)
  const { spec } = (await stage.cluster.api.call('GET', `${podsPath}/warm-0`)) as Pod
  await stage.deleteNodes(names)
  const { nodeName: _, ...rest } = spec
  return { ...rest, terminationGracePeriodSeconds: 0 }
}

/** From its POST until the last pod is Ready, in milliseconds. */
export async function growReplicaSet(
  { cluster, pods }: Stage,
  name: string,
  spec: object,
  count: number,
): Promise<number> {
  const labels = { app: name }
  const startedAt = performance.now()
  await cluster.api.call('POST', replicaSetsPath, {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: { name, namespace: 'default' },
    spec: { replicas: count, selector: { matchLabels: labels }, template: { metadata: { labels }, spec } },
  })
  return (await pods.reached(`${name}-`, count, WITHIN_MS)) - startedAt
}

/** From its scaling to 0 until no pod of the namespace is left, in milliseconds. Deletes it. */
export async function emptyReplicaSet({ cluster: { api } }: Stage, name: string): Promise<number> {
  const startedAt = performance.now()
  await api.call('PATCH', `${replicaSetsPath}/${name}/scale`, { spec: { replicas: 0 } })
  await until('the pods of the ReplicaSet to be gone', () => isEmpty(api, podsPath), {
    withinMs: 120_000,
    everyMs: 100,
  })
  const tookMs = performance.now() - startedAt
  await api.call('DELETE', `${replicaSetsPath}/${name}`, { propagationPolicy: 'Background' })
  return tookMs
}
