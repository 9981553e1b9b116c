// Whether nobody is on a node that drains, and how that is known. Pure; asked by the steps of terminate.ts. Silence is never
// taken for empty, and a zero counts only when nobody new can have come since.
import { fromTimestamp } from '../ambient/clock.ts'
import type { Situation } from './decision.ts'
import { drainOf } from './drain-deadline.ts'
import { ownHeartbeat, ownIntent, ownPod, surelyNobody } from './seen.ts'

/** Used when the class is gone and cannot tell. */
const DEFAULT_EMPTY_SAMPLES = 3

/** Whether the agent obeys the intent as it stands now. */
export function acknowledged(at: Situation): boolean {
  const told = ownIntent(at)
  return told !== undefined && (ownHeartbeat(at)?.ackIntent ?? 0) >= told.revision
}

/** Empty by enough readings in a row, all taken after the agent confirmed that it takes nobody new. */
export function isEmpty(at: Situation): boolean {
  if (surelyNobody(at) || neverServed(at)) return true
  const { registration, nodeClass } = at.seen
  if ((ownHeartbeat(at)?.sessions ?? 0) > 0) return false
  if (dismissed(at)) return true
  if (registration.state !== 'fresh' || ownHeartbeat(at) === undefined || !acknowledged(at)) return false
  return registration.emptySamples >= (nodeClass?.spec.drain.emptySamples ?? DEFAULT_EMPTY_SAMPLES)
}

/** `leave` is said only to an empty node or after the deadline, and then no heartbeat comes that could prove it again. */
function dismissed(at: Situation): boolean {
  const told = ownIntent(at)?.intent.drain
  return told?.stage === 'leave' && told.deadline === drainOf(at).deadline
}

/**
 * Nobody was ever sent to a node that never registered: we have watched the registry for as long as its pod exists, and
 * there was no key. That its status never told a registration proves nothing, since the operator may have been away.
 */
function neverServed(at: Situation): boolean {
  const { registration } = at.seen
  const podCreatedAt = fromTimestamp(ownPod(at)?.metadata.creationTimestamp)
  if (registration.state !== 'absent' || podCreatedAt === undefined) return false
  return registration.forMs >= Math.max(10_000, at.now - podCreatedAt)
}
