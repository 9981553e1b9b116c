// What an RTCNode tells a decision besides its load: whether it is supply, and what nodes it is like. Pure; read by observe.ts
// whenever a node changes, never for a heartbeat.
import type { Host } from '../api/core.ts'
import type { Heartbeat, PlainLoad } from '../api/heartbeat.ts'
import { isOnGoingHost } from '../api/host-going.ts'
import { labels } from '../api/marks.ts'
import { hostTroubles, startTroubles } from '../api/reasons.ts'
import type { RTCNode } from '../api/rtcnode.ts'
import { conditionOf } from '../kube/conditions.ts'
import { isFullHeartbeat } from '../load/pressure.ts'
import type { NodeSample } from './learning/snapshot.ts'

/**
 * A node that starts is supply for as long as it starts, also one that is in trouble. To order another in its place would help
 * only where the trouble is that one node's own, and there the pool does it when the start-up time is over; where it is the
 * image, a quota or the class, the next would be in the same trouble, and the next, up to maxReplicas, and all of them would
 * start at once when it is over. The autoscaler says so in AbleToScale instead.
 */
export function supplyOf(node: RTCNode): NodeSample['supply'] {
  const { metadata, spec, status } = node
  if (metadata.deletionTimestamp !== undefined) return 'leaving'
  if (isOnGoingHost(node)) return 'going'
  if (spec.cordoned) return 'closed'
  return status?.phase === 'Running' ? 'open' : 'starting'
}

const troubles: ReadonlySet<string> = new Set(startTroubles)

/** Why it may never start. */
export function troubleOf({ status }: RTCNode): string | undefined {
  const reason = conditionOf(status?.conditions, 'Ready')?.reason
  return reason !== undefined && troubles.has(reason) ? reason : undefined
}

const withoutHost: ReadonlySet<string> = new Set(hostTroubles)

/** No host has room for its pod yet. */
export const waitsForHost = ({ status }: RTCNode): boolean =>
  withoutHost.has(conditionOf(status?.conditions, 'Ready')?.reason ?? '')

const INSTANCE_TYPE = 'node.kubernetes.io/instance-type'

/** Nodes of one shape bear alike: made from the same, on alike hosts, with alike slices of a GPU. */
export function shapeOf(node: RTCNode, host: Host | undefined, beat: Heartbeat | PlainLoad | undefined): string {
  const revision = [node.metadata.labels?.[labels.revision], node.status?.classHash]
  const migInstance = beat !== undefined && isFullHeartbeat(beat) ? beat.migInstance : undefined
  return [...revision, host?.metadata.labels?.[INSTANCE_TYPE], migInstance && profileOf(migInstance)]
    .filter(part => part !== undefined && part !== '')
    .join(' ')
}

/** `MIG 1g.10gb Device 0` and `1g.10gb` are one profile. A bare UUID tells of none, and each node has another. */
const profileOf = (migInstance: string): string => /\b\d+g\.\d+gb\b/.exec(migInstance)?.[0] ?? 'mig'

/** Equal texts: nothing changed for a decision. Nodes write their status whenever their load moves. */
export const factsOf = (node: RTCNode | undefined): string =>
  node === undefined
    ? ''
    : JSON.stringify([
        supplyOf(node),
        troubleOf(node),
        waitsForHost(node),
        node.status?.nodeName,
        node.metadata.labels?.[labels.revision],
        node.status?.classHash,
      ])
