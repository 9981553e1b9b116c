// What the end of a host means for the SFUs on it. Pure, and said once for the two who act on it: the lifecycle tells agents
// what to do, the pool makes replacements and closes.
import { fromTimestamp, type Instant, later, toTimestamp } from '../ambient/clock.ts'
import type { Host } from '../api/core.ts'
import type { ObjectKey } from '../api/meta.ts'
import type { RTCNode } from '../api/rtcnode.ts'
import type { Cache } from '../kube/cache.ts'
import { conditionOf } from '../kube/conditions.ts'
import type { Disruption, DisruptionKind, HostSignals } from './disruption.ts'

/** The share of new rooms that a node has at most while nobody knows whether its host goes. */
export const ADVISORY_WEIGHT = 0.25

/** Somebody has decided that the host goes: no new rooms there, and what is there is replaced. An Advisory has decided nothing. */
export const isGoing = (disruption: Disruption | undefined): disruption is Disruption =>
  disruption !== undefined && disruption.kind !== 'Advisory'

/**
 * When those who are left are told to reconnect elsewhere: now if the end is Imminent, else so long before the host's
 * deadline as moving them may take. Undefined: never because of the host.
 */
export function movesOffAt(disruption: Disruption | undefined, marginMs: number, now: Instant): Instant | undefined {
  if (!isGoing(disruption)) return undefined
  if (disruption.kind === 'Imminent') return now
  return disruption.deadline === undefined ? undefined : later(disruption.deadline, -marginMs)
}

/** The reason of Scheduled on a node whose pod came to a host that was about to go already: it has never taken a room. */
const CAME_LATE = 'HostGoing'

/** Said when its pod comes to a host, and of that life no more changed. */
export function scheduledBecause({ status }: RTCNode, disruption: Disruption | undefined): string {
  const before = conditionOf(status?.conditions, 'Scheduled')
  if (before?.status === 'True') return before.reason
  return isGoing(disruption) ? CAME_LATE : 'Scheduled'
}

/** Undefined: its status does not tell of a host yet. */
export function cameLate({ status }: RTCNode): boolean | undefined {
  const scheduled = conditionOf(status?.conditions, 'Scheduled')
  return scheduled?.status === 'True' ? scheduled.reason === CAME_LATE : undefined
}

const urgencies: Readonly<Record<DisruptionKind, number>> = { Advisory: 1, Planned: 2, Imminent: 3 }

/** The higher goes first; 0 for a host that stays. */
export const urgencyOf = (disruption: Disruption | undefined): number =>
  disruption === undefined ? 0 : urgencies[disruption.kind]

/** For conditions, events and messages. It has no age in it. */
export function sentenceOf({ kind, message, deadline }: Disruption): string {
  const until = deadline === undefined ? '' : `, gone by ${toTimestamp(deadline)}`
  return `${message}; ${kind}${until}`
}
const KIND_AND_DEADLINE = /; (?:Advisory|Planned|Imminent)(?:, gone by \S+)?$/

export interface KnownHosts {
  readonly hostCache: Pick<Cache<Host>, 'get'>
  readonly hostSignals: Pick<HostSignals, 'of'>
}

/**
 * What the host of a node announces now. Of a host that is not known, as one that went while no operator ran, what was told
 * before stands: that nothing is known of it is no word that it stays.
 */
export function disruptionAt(
  node: RTCNode,
  hostName: string | undefined,
  { hostCache, hostSignals }: KnownHosts,
): Disruption | undefined {
  if (hostName === undefined) return undefined
  const told = hostSignals.of(hostName)
  return told !== undefined || hostCache.get(hostName as ObjectKey) !== undefined ? told : onRecord(node)
}

/** As `sentenceOf` and the lifecycle have written it. */
function onRecord({ status }: RTCNode): Disruption | undefined {
  const disrupted = conditionOf(status?.conditions, 'Disrupted')
  if (status?.disruption === undefined || disrupted === undefined) return undefined
  const { kind, deadline } = status.disruption
  const { reason, message, lastTransitionTime } = disrupted
  return {
    kind,
    reason,
    by: 'an earlier word',
    message: message.replace(KIND_AND_DEADLINE, ''),
    deadline: fromTimestamp(deadline),
    since: fromTimestamp(lastTransitionTime),
  }
}
