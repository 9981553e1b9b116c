// The world of the end-to-end tests of nodes: real hosts, two unless told otherwise, the classes of examples/, the operator from its bundle, and a
// bystander who records what happens. Its verbs ask the API server, etcd, the hosts and the loader, never the operator.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { Etcd3 } from 'etcd3'
import { demoClass } from '../cluster/classes.ts'
import type { Cluster, ClusterOptions } from '../cluster/cluster.ts'
import { applyCrds } from '../cluster/crds.ts'
import { startStockedCluster } from '../cluster/stocked.ts'
import { until } from '../cluster/until.ts'
import { type History, recordHistory } from '../integration/harness/history.ts'
import { breachesOf } from '../integration/harness/laws.ts'
import { startOperator } from '../integration/harness/operator.ts'
import { type NodeSpec, type RealNode, realNode } from './real-node.ts'

export interface RealWorld extends AsyncDisposable {
  readonly cluster: Cluster
  readonly history: History
  apply(...manifests: object[]): Promise<void>
  /** Of the class `livekit` unless the spec says otherwise. Does not wait. */
  askForNode(name: string, spec?: NodeSpec): Promise<RealNode>
  /** As askForNode, and awaits that it serves. */
  servingNode(name: string, spec?: NodeSpec): Promise<RealNode>
  /** Every RTCNode, pod, key and intent there is. */
  everything(): Promise<string[]>
}

const root = join(import.meta.dirname, '../..')
const NAMESPACE = 'default'

export async function startRealWorld(
  log: (line: string) => void,
  { hosts = 2, ...options }: ClusterOptions = {},
): Promise<RealWorld> {
  const undo = new AsyncDisposableStack()
  try {
    const cluster = undo.use(await startStockedCluster(hosts, log, options))
    await applyCrds(cluster)
    for (const network of ['PodNetwork', 'HostNetwork'] as const) {
      await cluster.kubectl(['apply', '-f-'], { input: demoClass({ network }) })
    }
    const history = undo.use(recordHistory(cluster))
    const etcd = new Etcd3({ hosts: cluster.registry.endpoints })
    undo.defer(() => etcd.close())
    undo.use(await startOperator(cluster, { program: join(root, 'dist/rtcnode.js') }))
    const apply: RealWorld['apply'] = async (...items) => {
      await cluster.kubectl(['apply', '-f-'], { input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items }) })
    }
    const world: RealWorld = {
      cluster,
      history,
      apply,
      async askForNode(name, spec) {
        await apply({
          apiVersion: 'rtcnode.io/v1alpha1',
          kind: 'RTCNode',
          metadata: { name, namespace: NAMESPACE },
          spec: { className: 'livekit', ...spec },
        })
        return realNode(world, `${NAMESPACE}/${name}`)
      },
      async servingNode(name, spec) {
        const node = await world.askForNode(name, spec)
        await node.expectReason('Serving')
        return node
      },
      async everything() {
        const [objects, ...keys] = await Promise.all([
          cluster.kubectl(['get', 'rtcnodes,pods', '--all-namespaces', '--output=name']),
          ...['nodes', 'intents'].map(kind => etcd.getAll().prefix(`/sfu/${kind}/`).keys()),
        ])
        return [...objects.split('\n').filter(Boolean), ...keys.flat()]
      },
      [Symbol.asyncDispose]: () => undo.disposeAsync(),
    }
    return world
  } catch (error) {
    await undo.disposeAsync()
    throw error
  }
}

/** After all tests: every node is deleted, nothing is left of any, and no law of a life was broken. */
export async function leaveNothing({ cluster, history, everything }: RealWorld): Promise<void> {
  await cluster.kubectl(['delete', 'rtcnodes', '--all', '--wait=false'])
  await until('all nodes to be gone', async () => (await everything()).length === 0, {
    withinMs: 60_000,
    everyMs: 500,
  }).catch(async () => assert.deepEqual(await everything(), [], history.timeline(NAMESPACE)))
  assert.deepEqual(breachesOf(history, NAMESPACE), [])
}
