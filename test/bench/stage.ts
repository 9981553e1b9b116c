// The world that benchmarks measure in: control plane without limits of its own, fake nodes, CRDs, a class, and the operator
// as users run it (the bundle). Used by all benchmarks that need a cluster.
import { join } from 'node:path'
import type { Pod } from '../../operator/api/core.ts'
import type { RTCNode } from '../../operator/api/rtcnode.ts'
import { operatorEnvironment } from '../../operator/node-options.ts'
import { type Cluster, type ClusterOptions, startCluster } from '../cluster/cluster.ts'
import { applyCrds } from '../cluster/crds.ts'
import { until } from '../cluster/until.ts'
import { type ClassChange, simClass } from '../integration/harness/class.ts'
import { ensureNamespace, type Operator, type OperatorOptions, startOperator } from '../integration/harness/operator.ts'
import { hasCondition, type Moments, momentsOf } from './moments.ts'

const root = join(import.meta.dirname, '../..')

export interface Stage extends AsyncDisposable {
  readonly cluster: Cluster
  /** When nodes are Running, and pods Ready, in the namespace `default`. */
  readonly nodes: Moments
  readonly pods: Moments
  /** Resolves when it is ready. With PROFILE=folder in the environment it leaves a CPU profile there. */
  operator(options?: OperatorOptions): Promise<Operator>
  createNodes(names: readonly string[]): Promise<void>
  /** When it resolves, no RTCNode is left. */
  deleteNodes(names: readonly string[]): Promise<void>
}

export const rtcnodesPath = '/apis/rtcnode.io/v1alpha1/namespaces/default/rtcnodes'
export const podsPath = '/api/v1/namespaces/default/pods'

export async function startStage(options: ClusterOptions): Promise<Stage> {
  const undo = new AsyncDisposableStack()
  try {
    const cluster = undo.use(await startCluster({ highThroughput: true, log: () => undefined, ...options }))
    await applyCrds(cluster)
    await cluster.kubectl(['apply', '-f-'], { input: JSON.stringify(benchClass()) })
    await ensureNamespace(cluster, 'rtcnode-system')
    const nodes = undo.use(await momentsOf<RTCNode>(cluster, rtcnodesPath, node => node.status?.phase === 'Running'))
    const pods = undo.use(await momentsOf<Pod>(cluster, podsPath, pod => hasCondition(pod.status?.conditions, 'Ready')))
    return {
      cluster,
      nodes,
      pods,
      operator: async its => undo.use(await startOperator(cluster, { ...asUsersRunIt(), ...its })),
      createNodes: names => createNodes(cluster, names),
      deleteNodes: names => deleteNodes(cluster, names),
      [Symbol.asyncDispose]: () => undo.disposeAsync(),
    }
  } catch (error) {
    await undo.disposeAsync()
    throw error
  }
}

/** With the times that a class has by default. */
export function benchClass(name = 'bench', change: ClassChange = {}): object {
  const { spec, ...rest } = simClass(name, change)
  return { ...rest, spec: { ...spec, agent: { image: 'sim' }, health: {}, drain: {} } }
}

function asUsersRunIt(): OperatorOptions {
  const { PROFILE: folder } = process.env
  return {
    program: join(root, 'dist/rtcnode.js'),
    env: {
      ...operatorEnvironment,
      ...(folder && { NODE_OPTIONS: `${operatorEnvironment.NODE_OPTIONS} --cpu-prof --cpu-prof-dir=${folder}` }),
    },
  }
}

async function createNodes({ api }: Cluster, names: readonly string[]): Promise<void> {
  const node = (name: string) => ({
    apiVersion: 'rtcnode.io/v1alpha1',
    kind: 'RTCNode',
    metadata: { name, namespace: 'default' },
    spec: { className: 'bench' },
  })
  await eachOf(names, name => api.call('POST', rtcnodesPath, node(name)))
}

async function deleteNodes({ api }: Cluster, names: readonly string[]): Promise<void> {
  await eachOf(names, name => api.call('DELETE', `${rtcnodesPath}/${name}`))
  await until('all nodes to be gone', () => isEmpty(api, rtcnodesPath), { withinMs: 240_000, everyMs: 1_000 })
}

/** As many at once as there are connections: a call that waits for one would use up its time. */
async function eachOf(names: readonly string[], call: (name: string) => Promise<unknown>): Promise<void> {
  const left = names.values()
  const worker = async (): Promise<void> => {
    for (const name of left) await call(name)
  }
  await Promise.all(Array.from({ length: 16 }, worker))
}

export async function isEmpty(api: Cluster['api'], path: string): Promise<boolean> {
  const { items } = (await api.call('GET', `${path}?limit=1`)) as { items: unknown[] }
  return items.length === 0
}

export const numbered = (prefix: string, count: number): string[] =>
  Array.from({ length: count }, (_, index) => `${prefix}-${index}`)
