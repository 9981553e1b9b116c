// The verbs in which tests speak of hosts that come and go, on top of those for pools: fake hosts of a test's own, hosts that
// Karpenter makes, and a replay of Cluster Autoscaler.
import assert from 'node:assert/strict'
import type { Host } from '../../../operator/api/core.ts'
import type { RTCNode } from '../../../operator/api/rtcnode.ts'
import { type ClusterAutoscaler, clusterAutoscaler } from '../../cluster/cluster-autoscaler-protocol.ts'
import { karpenterNodePool, type NodePoolTraits, onHostsOf, startKarpenter } from '../../cluster/karpenter.ts'
import type { Server } from '../../cluster/process.ts'
import { until } from '../../cluster/until.ts'
import { type ClassChange, simClass } from '../harness/class.ts'
import type { NodeName } from '../harness/scene.ts'
import { startWorld, suiteIn, type World } from '../harness/world.ts'
import { type PoolName, type PoolScene, type PoolTraits, poolScene } from '../pool/pool-scene.ts'

export interface HostsScene extends PoolScene {
  readonly autoscaler: ClusterAutoscaler
  /** A running pool whose nodes can only be on two fake hosts, which nobody else uses. */
  poolOnOwnHosts(traits?: PoolTraits): Promise<PoolName>
  /** A running node of no pool, likewise. */
  nodeOnOwnHosts(): Promise<NodeName>
  /** A running pool whose nodes get their hosts from Karpenter; `cpu` of the 3.9 that a host has for pods, each. */
  poolOfKarpenter(
    cpu: string,
    nodePool?: NodePoolTraits,
    traits?: PoolTraits & { drain?: ClassChange['drain'] },
  ): Promise<PoolName>
  /** kubectl patch of the NodePool behind the pool. */
  patchNodePool(nodePool: NodePoolTraits): Promise<void>
  /** As the API server has it now; undefined: there is none. */
  host(name: string): Promise<Host | undefined>
  hostOf(node: string): Promise<string>
  expectHost(name: string, what: string, holds: (host: Host | undefined) => boolean): Promise<void>
  /** By the Eviction API; rejects with ApiRefused. */
  evict(node: string): Promise<void>
}

export type HostsTest = (scene: HostsScene, world: World) => Promise<void>

/** An upper bound for a busy machine, never a promise of speed. */
const WITHIN_MS = 180_000
/** Hosts come and go one after the other, each after it was watched for a minute. */
const SCENE_WITHIN_MS = 480_000
const OWN_HOSTS = 'example.com/only-for'

export function suiteOfHosts(title: string, declare: (promise: (name: string, play: HostsTest) => void) => void): void {
  let fakeHostsTaken = 0
  const takeHosts = (): readonly [string, string] => [`kwok-${fakeHostsTaken++}`, `kwok-${fakeHostsTaken++}`]
  suiteIn(
    startWorldOfHosts,
    title,
    8,
    promise =>
      declare((name, play) =>
        promise(name, (scene, world) => play(hostsScene(poolScene(scene, world), world, takeHosts), world)),
      ),
    { sceneWithinMs: SCENE_WITHIN_MS },
  )
}

async function startWorldOfHosts(): Promise<World & { karpenter: Server }> {
  await using undo = new AsyncDisposableStack()
  const world = undo.use(await startWorld({ cluster: { kwokNodes: 8 } }))
  const karpenter = undo.use(await startKarpenter(world.cluster))
  const running = undo.move()
  return { ...world, karpenter, [Symbol.asyncDispose]: () => running.disposeAsync() }
}

function hostsScene(
  scene: PoolScene,
  { cluster, apply }: World,
  takeHosts: () => readonly [string, string],
): HostsScene {
  const { namespace } = scene
  const poolOn = async (change: ClassChange, traits: PoolTraits): Promise<PoolName> => {
    await apply(simClass(namespace, change))
    return scene.runningPool({ className: namespace, ...traits })
  }

  const ownHosts = async (): Promise<ClassChange> => {
    await cluster.kubectl(['label', 'node', ...takeHosts(), `${OWN_HOSTS}=${namespace}`])
    return { pod: { nodeSelector: { [OWN_HOSTS]: namespace } } }
  }

  const hosts: HostsScene = {
    ...scene,
    autoscaler: clusterAutoscaler(cluster.api, { evictionRetrySeconds: 1 }),
    poolOnOwnHosts: async (traits = {}) => poolOn(await ownHosts(), traits),
    async nodeOnOwnHosts() {
      await apply(simClass(namespace, await ownHosts()))
      return scene.runningNode({ className: namespace })
    },
    async poolOfKarpenter(cpu, nodePool, { drain, ...traits } = {}) {
      await apply(karpenterNodePool(namespace, nodePool))
      const container = { resources: { requests: { cpu } } }
      return poolOn({ pod: onHostsOf(namespace), container, ...(drain && { drain }) }, traits)
    },
    patchNodePool: async nodePool => void (await apply(karpenterNodePool(namespace, nodePool))),
    host: async name => {
      const { items } = (await cluster.api.call('GET', `/api/v1/nodes?fieldSelector=metadata.name%3D${name}`)) as {
        items: Host[]
      }
      return items[0]
    },
    async hostOf(node) {
      return (await scene.node(node)).status?.nodeName ?? assert.fail(`${node} has no host`)
    },
    async expectHost(name, what, holds) {
      await until(`host ${name}: ${what}`, async () => holds(await hosts.host(name)), {
        withinMs: WITHIN_MS,
        everyMs: 200,
      })
    },
    async evict(name) {
      const eviction = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name, namespace } }
      await cluster.api.call('POST', `/api/v1/namespaces/${namespace}/pods/${name}/eviction`, eviction)
    },
  }
  return hosts
}

export const isGone = (host: Host | undefined): boolean => host === undefined

export const disruptedOf = ({ status }: RTCNode) =>
  status?.conditions?.find(({ type, status: holds }) => type === 'Disrupted' && holds === 'True')
export const admissionOf = ({ status }: RTCNode) =>
  status?.conditions?.find(({ type }) => type === 'AdmissionOpen')?.status
