// Questions that several steps ask of one snapshot, answered in one place: is that pod ours, does that heartbeat speak
// for it, is anybody surely not there. Pure.
import type { Instant } from '../ambient/clock.ts'
import type { Pod } from '../api/core.ts'
import type { Heartbeat } from '../api/heartbeat.ts'
import type { Intent } from '../api/intent.ts'
import { evictGraceSecondsOf } from '../api/promise.ts'
import { isGoing, movesOffAt } from '../cluster/reaction.ts'
import { conditionOf } from '../kube/conditions.ts'
import type { Situation } from './decision.ts'
import { isPodOf, sfuStopped } from './pod-view.ts'

/** The pod of this life of the node; a pod of the same name that belongs to somebody else does not count. */
export function ownPod({ node, seen }: Situation): Pod | undefined {
  return seen.pod !== undefined && isPodOf(seen.pod, node) ? seen.pod : undefined
}

/** The UID of the one pod of this life: as it is seen, else as it was recorded when it was seen last. */
const podUIDOf = (at: Situation): string | undefined => ownPod(at)?.metadata.uid ?? at.node.status?.podUID

/** A fresh heartbeat that bears this pod's UID. */
export function ownHeartbeat(at: Situation): Heartbeat | undefined {
  const { registration } = at.seen
  if (registration.state !== 'fresh') return undefined
  return registration.heartbeat.podUID === podUIDOf(at) ? registration.heartbeat : undefined
}

/** A heartbeat of this life comes from a pod that the cache does not show: it has lost its labels, or has only just gone. */
export const reportsUnseen = (at: Situation): boolean => ownPod(at) === undefined && ownHeartbeat(at) !== undefined

/** Whether the registry vouches for the node now: by a heartbeat of its own, or by the plain form, which names nobody. */
export const isRegistered = (at: Situation): boolean =>
  ownHeartbeat(at) !== undefined || at.seen.registration.state === 'plain'

/**
 * Whether only its load keeps the node closed; for its pool it is still one of those that take rooms (see census.ts). So it is
 * until the agent says that it is open again: in between it must not look like a node that somebody has closed.
 */
export function isShedding(at: Situation): boolean {
  const { node, seen } = at
  if (node.spec.cordoned || isGoing(seen.disruption) || ownPod(at)?.metadata.deletionTimestamp !== undefined)
    return false
  if (ownHeartbeat(at)?.state !== 'closed') return false
  return (
    seen.load.admission === 'closed' || conditionOf(node.status?.conditions, 'AdmissionOpen')?.reason === 'Shedding'
  )
}

/** The intent that this pod's agent obeys; one for an earlier life is none. */
export function ownIntent(at: Situation): { intent: Intent; revision: number } | undefined {
  const { intent } = at.seen
  if (intent.state !== 'known') return undefined
  return intent.intent.podUID === podUIDOf(at) ? intent : undefined
}

/** Why the heartbeat is missing, as a sentence; without its age, which would change a status at every look. */
export function missingHeartbeat(at: Situation): string {
  const { registration } = at.seen
  switch (registration.state) {
    case 'fresh':
      return `the heartbeat comes from another pod (${registration.heartbeat.podUID})`
    case 'plain':
      return 'the heartbeat is the plain form, which names no pod'
    case 'stale':
      return 'no new heartbeat comes'
    case 'absent':
      return 'it has no registry key'
    case 'rejected':
      return `the registry value cannot be used: ${registration.because}`
    case 'unknown':
      return `the registry cannot be read (${registration.because})`
  }
}

/** How long the registry has told nothing good of this node; undefined while it vouches for it or cannot be read. */
export function missingForMs(at: Situation): number | undefined {
  const { registration } = at.seen
  if (registration.state === 'unknown' || isRegistered(at)) return undefined
  return 'forMs' in registration ? registration.forMs : 0
}

/**
 * Whether surely nobody is on this node: its SFU is down by the host's word (or the pod is gone) and no heartbeat says
 * otherwise. Silence alone never means empty.
 */
export function surelyNobody(at: Situation): boolean {
  if (isRegistered(at)) return false
  const pod = ownPod(at)
  return pod === undefined || sfuStopped(pod, at.seen.nodeClass?.spec.sfuContainer ?? 'sfu')
}

/** When those who are left are moved off because the host goes; undefined: never because of that. */
export const hostMovesOffAt = ({ seen: { disruption, nodeClass }, now }: Situation): Instant | undefined =>
  movesOffAt(disruption, 1_000 * evictGraceSecondsOf(nodeClass), now)
