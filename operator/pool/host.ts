// What a host tells of itself that makes a difference to a pool: that it is about to go, and where it stands.
import type { Host } from '../api/core.ts'

/** Taints by which those who remove hosts announce it. */
const goingTaints: ReadonlySet<string> = new Set(['ToBeDeletedByClusterAutoscaler', 'karpenter.sh/disrupted'])

/** Undefined: it is gone already. */
export const isGoing = (host: Host | undefined): boolean =>
  host === undefined ||
  host.spec.unschedulable === true ||
  host.metadata.deletionTimestamp !== undefined ||
  (host.spec.taints ?? []).some(({ key }) => goingTaints.has(key))

export const zoneOf = (host: Host): string | undefined => host.metadata.labels?.['topology.kubernetes.io/zone']

/** Equal texts: nothing changed for a pool. Hosts write their status often. */
export const factsOf = (host: Host | undefined): string =>
  host === undefined ? '' : JSON.stringify([isGoing(host), zoneOf(host)])
