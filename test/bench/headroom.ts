// What head-room is worth: how soon a pool whose hosts are full has a node more that takes rooms, when a host must be made for it
// and when a place was kept.
import { setTimeout as pause } from 'node:timers/promises'
import type { Host, Pod } from '../../operator/api/core.ts'
import { labels } from '../../operator/api/marks.ts'
import type { RTCNode } from '../../operator/api/rtcnode.ts'
import type { RTCNodePool } from '../../operator/api/rtcnodepool.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { hostsRegisterAfter, karpenterNodePool, onHostsOf, startKarpenter } from '../cluster/karpenter.ts'
import { until } from '../cluster/until.ts'
import { headroomPriority } from '../integration/harness/class.ts'
import { startFleet } from '../sfu/fleet.ts'
import type { Benchmark, Figure, Log, Result } from './figure.ts'
import { hasCondition, type Moments, momentsOf } from './moments.ts'
import { createPool, patchPool, poolsPath } from './pool-manifest.ts'
import { benchClass, numbered, podsPath, rtcnodesPath, type Stage, startStage } from './stage.ts'
import { all, median, seconds } from './statistics.ts'

const TIMES = 7
const EVERY_MS = 3_000
/** What the hosts of a large EKS fleet were tuned to, from 65: https://kube.fm/faster-eks-node-and-pod-startup-jan. Others take longer. */
const HOST_SECONDS = 45
/** Karpenter’s default. */
const BATCH_SECONDS = 1
const WITHIN_MS = 120_000

export const headroom: Benchmark = {
  name: 'headroom',
  title: 'A place that was kept',
  method: `Pools of one node that fills its host, each with hosts of its own, which the real Karpenter makes (its default batches of ${BATCH_SECONDS} s). \`replicas\` of one pool after the other is
raised by one, each ${EVERY_MS / 1_000} s; measured from before that request until an independent watcher of the API server sees the new node Running with its admission open, by a fresh
heartbeat. ${TIMES} pools without head-room, whose pods wait for a host: once with machines that register at once, which leaves what Karpenter, Kubernetes and the operator take, and
once with machines that register ${HOST_SECONDS} s after they were ordered, as [a large EKS fleet](https://kube.fm/faster-eks-node-and-pod-startup-jan) was tuned to. ${TIMES} pools with
\`headroom: {nodes: 1}\`, whose balloon stands on a host before it begins, with the same slow machines. Then Karpenter with its feature gate CapacityBuffer: the
pools without head-room get it, by a buffer instead of a balloon. The machines are fake: nothing is booted, pods start within 0.3 s, and no image is pulled. A real
SFU takes longer by its own start, with and without head-room, so the difference carries over and the ratio does not.`,
  async run(log) {
    await using stage = await startStage({ kwokNodes: 1 })
    await using accepting = await momentsOf(stage.cluster, rtcnodesPath, takesRooms)
    const { kubeconfigPath, registry } = stage.cluster
    await using _fleet = await startFleet({ kubeconfigPath, registry: { endpoints: registry.endpoints } })
    const scene = { stage, accepting, log }
    const pools = { without: numbered('without', TIMES), withIt: numbered('with', TIMES) }
    const made = await measureMadeAndKept(scene, pools)
    return resultOf({ ...made, buffers: await measureBuffers(scene, pools.without) })
  },
}

interface Scene {
  readonly stage: Stage
  readonly accepting: Moments
  readonly log: Log
}

/** Milliseconds, one for each pool. */
interface Measured {
  readonly madeAtOnce: readonly number[]
  readonly madeSlowly: readonly number[]
  readonly balloons: readonly number[]
  /** Nodes that are where a balloon was. */
  readonly onKeptHosts: number
  readonly buffers: readonly number[]
}

async function measureMadeAndKept(
  scene: Scene,
  { without, withIt }: { readonly without: readonly string[]; readonly withIt: readonly string[] },
): Promise<Omit<Measured, 'buffers'>> {
  const { stage, accepting, log } = scene
  const { cluster } = stage
  await using _karpenter = await startKarpenter(cluster, { batchIdleSeconds: BATCH_SECONDS, log })
  // It comes with Karpenter’s CRDs. Where it is served, no balloons are made.
  await cluster.kubectl(['delete', 'crd', 'capacitybuffers.autoscaling.x-k8s.io'])
  await stage.operator()
  await hostsRegisterAfter(cluster, 0)
  await createFullPools(cluster, without, withIt)
  for (const pool of [...without, ...withIt]) await accepting.reached(`${pool}-`, 1, WITHIN_MS)
  const kept = await until('the balloons to stand on hosts', () => hostsOfBalloons(cluster, withIt), {
    withinMs: WITHIN_MS,
    everyMs: 500,
  })
  log(`${without.length + withIt.length} pools of one node, ${kept.size} places kept`)

  const madeAtOnce = await oneMore(scene, without)
  log(`hosts that register at once: ${all(madeAtOnce, seconds)}`)
  await hostsRegisterAfter(cluster, HOST_SECONDS)
  const madeSlowly = await oneMore(scene, without)
  log(`hosts that register after ${HOST_SECONDS} s: ${all(madeSlowly, seconds)}`)
  const balloons = await oneMore(scene, withIt)
  const { items } = (await cluster.api.call('GET', rtcnodesPath)) as { items: RTCNode[] }
  const onKeptHosts = items.filter(({ status }) => kept.has(status?.nodeName ?? '')).length
  log(`with balloons: ${all(balloons, seconds)}; ${onKeptHosts} on hosts that were kept`)
  return { madeAtOnce, madeSlowly, balloons, onKeptHosts }
}

async function measureBuffers(scene: Scene, pools: readonly string[]): Promise<number[]> {
  const { cluster } = scene.stage
  await using _karpenter = await startKarpenter(cluster, {
    batchIdleSeconds: BATCH_SECONDS,
    capacityBuffers: true,
    log: scene.log,
  })
  await hostsRegisterAfter(cluster, 0)
  for (const pool of pools) await patchPool(cluster, pool, { headroom: { nodes: 1 } })
  await until('an empty host for each buffer', () => haveEmptyHosts(scene, pools), {
    withinMs: WITHIN_MS,
    everyMs: 500,
  })
  await hostsRegisterAfter(cluster, HOST_SECONDS)
  const buffers = await oneMore(scene, pools)
  scene.log(`with buffers: ${all(buffers, seconds)}`)
  return buffers
}

function resultOf({ madeAtOnce, madeSlowly, balloons, onKeptHosts, buffers }: Measured): Result {
  const slowly = `hosts register after ${HOST_SECONDS} s`
  return {
    figures: [
      { what: 'replicas + 1 → takes rooms, hosts register at once, median', measured: seconds(median(madeAtOnce)) },
      { what: `the same, ${slowly}`, measured: seconds(median(madeSlowly)) },
      sooner('balloons', balloons, madeSlowly),
      sooner('CapacityBuffers', buffers, madeSlowly),
      {
        what: 'nodes that started on the host that a balloon kept',
        measured: `${onKeptHosts} of ${TIMES}`,
        goal: 'all',
        isMet: onKeptHosts === TIMES,
      },
    ],
    details: [
      `Without head-room, hosts register at once: ${all(madeAtOnce, seconds)}; ${slowly}: ${all(madeSlowly, seconds)}.`,
      `With balloons: ${all(balloons, seconds)}; with CapacityBuffers: ${all(buffers, seconds)}.`,
    ],
  }
}

const sooner = (what: string, withIt: readonly number[], without: readonly number[]): Figure => ({
  what: `so many times sooner with head-room by ${what}, medians`,
  measured: seconds(median(withIt)),
  baseline: seconds(median(without)),
  ratio: median(without) / median(withIt),
})

const takesRooms = ({ spec, status }: RTCNode): boolean =>
  !spec.cordoned && status?.phase === 'Running' && hasCondition(status.conditions, 'AdmissionOpen')

/** One node each, and for each node a host; those of `keeping` keep a place for one more. */
async function createFullPools(cluster: Cluster, plain: readonly string[], keeping: readonly string[]): Promise<void> {
  const container = { resources: { requests: { cpu: '3' } } }
  const items = [...plain, ...keeping].flatMap(name => [
    karpenterNodePool(name, { consolidateAfter: 'Never' }),
    benchClass(name, { pod: onHostsOf(name), container }),
  ])
  const list = { apiVersion: 'v1', kind: 'List', items: [headroomPriority, ...items] }
  await cluster.kubectl(['apply', '-f-'], { input: JSON.stringify(list) })
  for (const name of plain) await createPool(cluster, name, 1, { className: name })
  for (const name of keeping) await createPool(cluster, name, 1, { className: name, headroom: { nodes: 1 } })
}

/** Raises replicas of one pool after the other; gives for each the milliseconds until its new node takes rooms. */
function oneMore({ stage, accepting }: Scene, pools: readonly string[]): Promise<number[]> {
  const asked = pools.map(async (pool, index) => {
    const nodes = accepting.count(`${pool}-`) + 1
    await pause(index * EVERY_MS)
    const at = performance.now()
    await patchPool(stage.cluster, pool, { replicas: nodes })
    return (await accepting.reached(`${pool}-`, nodes, WITHIN_MS)) - at
  })
  return Promise.all(asked)
}

/** Undefined until each of the pools says that its place is ready. */
async function hostsOfBalloons({ api }: Cluster, pools: readonly string[]): Promise<Set<string> | undefined> {
  const { items } = (await api.call('GET', poolsPath)) as { items: RTCNodePool[] }
  const ready = items.filter(({ status }) => status?.headroom?.by === 'Balloons' && status.headroom.ready === 1)
  const balloons = (await api.call('GET', `${podsPath}?labelSelector=${labels.headroom}`)) as { items: Pod[] }
  const hosts = balloons.items.map(({ spec }) => spec.nodeName).filter(host => host !== undefined)
  return ready.length === pools.length && hosts.length === pools.length ? new Set(hosts) : undefined
}

/** More of them than nodes, which fill one each. */
async function haveEmptyHosts({ stage, accepting }: Scene, pools: readonly string[]): Promise<boolean> {
  const path = '/api/v1/nodes?labelSelector=karpenter.sh%2Finitialized%3Dtrue'
  const { items } = (await stage.cluster.api.call('GET', path)) as { items: Host[] }
  const hosts = Map.groupBy(items, ({ metadata }) => metadata.labels?.['karpenter.sh/nodepool'] ?? '')
  return pools.every(pool => (hosts.get(pool)?.length ?? 0) > accepting.count(`${pool}-`))
}
