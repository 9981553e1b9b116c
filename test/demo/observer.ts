// What a bystander sees of pool, autoscaler and nodes: the objects and pods of the API server and the keys of the registry, read four times
// a second. It shares no cache with the operator, so that the demo judges by what is really there.
import { Etcd3 } from 'etcd3'
import type { Pod } from '../../operator/api/core.ts'
import { heartbeatSchema } from '../../operator/api/heartbeat.ts'
import type { RTCAutoscaler } from '../../operator/api/rtcautoscaler.ts'
import type { RTCNode } from '../../operator/api/rtcnode.ts'
import type { RTCNodePool } from '../../operator/api/rtcnodepool.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { until } from '../cluster/until.ts'
import type { NodeSeen } from './node-seen.ts'

/** A look at which something was different from the look before. `at` is of the wall clock, milliseconds. */
export interface Sight {
  readonly at: number
  readonly seen: NodeSeen
}

/** All at one moment. `nodes`: those that have been there so far, the first first; of what is gone only the name is left. */
export interface Look {
  readonly at: number
  readonly pool?: RTCNodePool
  readonly autoscaler?: RTCAutoscaler
  readonly nodes: readonly NodeSeen[]
}

export interface Observer {
  /** As last seen; of what is gone nothing is left but the name. */
  node(name: string): NodeSeen
  /** All that one node has been through, oldest first. */
  history(name: string): readonly Sight[]
  /** Every look, oldest first. */
  readonly looks: readonly Look[]
  /** Resolves with the first sight of the node, from now on, that fits. */
  until(name: string, what: string, fits: (seen: NodeSeen) => boolean, withinSeconds: number): Promise<Sight>
  /** Resolves with the first look, from now on, that fits. */
  untilLook(what: string, fits: (look: Look) => boolean, withinSeconds: number): Promise<Look>
  stop(): Promise<void>
}

const LOOK_EVERY_MS = 250
const nodesPath = '/apis/rtcnode.io/v1alpha1/namespaces/default/rtcnodes'
const poolsPath = '/apis/rtcnode.io/v1alpha1/namespaces/default/rtcnodepools'
const autoscalersPath = '/apis/rtcnode.io/v1alpha1/namespaces/default/rtcautoscalers'
const podsPath = '/api/v1/namespaces/default/pods?labelSelector=rtcnode.io%2Fnode'
const keyPrefix = '/sfu/nodes/default/'

export function observe({ api, registry }: Pick<Cluster, 'api' | 'registry'>, onLook: (look: Look) => void): Observer {
  const etcd = new Etcd3({ hosts: registry.endpoints })
  const histories = new Map<string, Sight[]>()
  const looks: Look[] = []
  const ending = new AbortController()

  async function look(): Promise<void> {
    // In the order in which a node goes, backwards: what is gone last is read first, so that no reading of a moment
    // later can make the order look wrong.
    const objects = await list<RTCNode>(nodesPath)
    const pods = await list<Pod>(podsPath)
    const { kvs } = await etcd.getAll().prefix(keyPrefix).exec()
    const [pool] = await list<RTCNodePool>(poolsPath)
    const [autoscaler] = await list<RTCAutoscaler>(autoscalersPath)
    const at = Date.now()
    for (const { metadata } of objects) if (!histories.has(metadata.name)) histories.set(metadata.name, [])
    for (const [name, history] of histories) {
      const object = objects.find(({ metadata }) => metadata.name === name)
      const pod = pods.find(({ metadata }) => metadata.name === name)
      const path = keyPrefix + name
      const entry = kvs.find(({ key }) => key.toString() === path)
      const seen: NodeSeen = {
        name,
        ...(object && { object }),
        ...(pod && { pod }),
        ...(entry && {
          key: {
            path,
            hasLease: entry.lease !== '0',
            heartbeat: heartbeatSchema.parse(JSON.parse(String(entry.value))),
          },
        }),
      }
      if (versionOf(history.at(-1)?.seen) !== versionOf(seen)) history.push({ at, seen })
    }
    const all = [...histories.keys()].map(node)
    const seen: Look = { at, nodes: all, ...(pool && { pool }), ...(autoscaler && { autoscaler }) }
    looks.push(seen)
    onLook(seen)
  }

  async function list<T>(path: string): Promise<readonly T[]> {
    return ((await api.call('GET', path, undefined, ending.signal)) as { items: T[] }).items
  }

  const node = (name: string): NodeSeen => histories.get(name)?.at(-1)?.seen ?? { name }
  const looking = keepLooking(look, ending.signal)
  const bounds = (withinSeconds: number) => ({ withinMs: withinSeconds * 1_000, signal: ending.signal })

  return {
    node,
    history: name => histories.get(name) ?? [],
    looks,
    until(name, what, fits, withinSeconds) {
      const now = Math.max(0, (histories.get(name)?.length ?? 0) - 1)
      const find = () =>
        histories
          .get(name)
          ?.slice(now)
          .find(({ seen }) => fits(seen))
      return until(`${name} ${what}`, find, bounds(withinSeconds))
    },
    untilLook(what, fits, withinSeconds) {
      const now = Math.max(0, looks.length - 1)
      return until(what, () => looks.slice(now).find(fits), bounds(withinSeconds))
    },
    async stop() {
      ending.abort(new Error('the demo has ended'))
      await looking
      etcd.close()
    },
  }
}

/** A look that fails is one look missed; every wait has a bound of its own. */
async function keepLooking(look: () => Promise<void>, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await look().catch(() => undefined)
    await new Promise(resolve => setTimeout(resolve, LOOK_EVERY_MS))
  }
}

const versionOf = (seen: NodeSeen | undefined): string =>
  JSON.stringify(seen && [seen.object?.metadata.resourceVersion, seen.pod?.metadata.resourceVersion, seen.key])
