// A pool on real hosts and the verbs tests speak in, as real-node.ts has them for one node.
import type { Host } from '../cluster/hosts.ts'
import { until } from '../cluster/until.ts'
import { readyOf } from '../integration/harness/scene.ts'
import { type RealNode, realNode } from './real-node.ts'
import type { RealWorld } from './real-world.ts'

export interface RealPool {
  /** Those that are there now. */
  members(): RealNode[]
  /** Resolves with all of them when so many are there, and all serve. */
  expectServing(count: number): Promise<RealNode[]>
  /** With all its nodes. */
  delete(): Promise<void>
}

/** Upper bounds for a busy machine, never promises of speed. */
const WITHIN_MS = 120_000

/** Of the class `livekit`; its people may stay so long on a node that goes. Does not wait. */
export async function realPool(
  world: RealWorld,
  name: string,
  { replicas, staySeconds }: { replicas: number; staySeconds: number },
): Promise<RealPool> {
  await world.apply({
    apiVersion: 'rtcnode.io/v1alpha1',
    kind: 'RTCNodePool',
    metadata: { name, namespace: 'default' },
    spec: {
      replicas,
      selector: { matchLabels: { fleet: name } },
      template: {
        metadata: { labels: { fleet: name } },
        spec: { className: 'livekit', drain: { deadlineSeconds: staySeconds } },
      },
      scaleIn: { emptySeconds: 2 },
    },
  })
  const members = (): RealNode[] =>
    world.history
      .seenIn('default')
      .filter(where => where.startsWith(`default/${name}-`) && world.history.nodes(where).at(-1)?.is)
      .map(where => realNode(world, where))
  return {
    members,
    expectServing(count) {
      const serving = () => {
        const those = members().filter(serves)
        return those.length === count && those
      }
      return until(`${count} nodes of ${name} to serve`, serving, { withinMs: WITHIN_MS })
    },
    async delete() {
      const those = members()
      await world.cluster.kubectl(['delete', 'rtcp', name])
      await Promise.all(those.map(node => node.expectGone()))
    },
  }
}

const serves = (node: RealNode): boolean => readyOf(node.seen())?.reason === 'Serving'
export const servesOffHost = (node: RealNode, host: Host): boolean =>
  serves(node) && node.pod().spec.nodeName !== host.name
