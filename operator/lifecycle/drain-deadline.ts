// Until when people on a node that was deleted may stay, and until when machines may take to answer. Pure; asked by the
// steps of terminate.ts. The deadline is the API server's deletion time plus what was promised, or the time that the pool told
// when it closed the node: no clock of ours is in it.
import { fromTimestamp, type Instant, instant, later, toTimestamp } from '../ambient/clock.ts'
import { closedByPool } from '../api/closed-by-pool.ts'
import { annotations } from '../api/marks.ts'
import { evictGraceSecondsOf } from '../api/promise.ts'
import { DEFAULT_DRAIN_SECONDS, type DrainStatus, MAX_DRAIN_SECONDS } from '../api/rtcnode.ts'
import type { Situation } from './decision.ts'
import { evictsAt } from './pod-view.ts'
import { hostMovesOffAt, ownPod } from './seen.ts'

/**
 * When a deleted node's people have to be gone: as its pool told them when it closed the node, else what they were promised,
 * counted from the deletion. What the pool told may have come already, and is never further off than any promise may be.
 */
export function promisedDeadline(at: Situation): Instant {
  const deletedAt = fromTimestamp(at.node.metadata.deletionTimestamp) ?? at.now
  const toldByPool = fromTimestamp(closedByPool(at.node)?.deadline)
  if (toldByPool === undefined) return later(deletedAt, promisedSeconds(at) * 1_000)
  return instant(Math.min(Math.max(deletedAt, toldByPool), deletedAt + MAX_DRAIN_SECONDS * 1_000))
}

/** By the node, else when its pod was made, else by the class as it is now. */
function promisedSeconds(at: Situation): number {
  return (
    at.node.spec.drain?.deadlineSeconds ??
    promisedByPod(at) ??
    at.seen.nodeClass?.spec.drain.deadlineSeconds ??
    DEFAULT_DRAIN_SECONDS
  )
}

/** An annotation can be edited by whoever may edit pods: only a number that the API would have taken counts. */
function promisedByPod(at: Situation): number | undefined {
  const text = ownPod(at)?.metadata.annotations?.[annotations.drainSeconds] ?? ''
  return /^\d{1,6}$/.test(text) && Number(text) <= MAX_DRAIN_SECONDS ? Number(text) : undefined
}

export function drainOf({ node, now }: Situation): DrainStatus {
  return node.status?.drain ?? { reason: 'Deleted', startedAt: toTimestamp(now), deadline: toTimestamp(now) }
}

const recordedDeadline = (at: Situation): Instant => fromTimestamp(drainOf(at).deadline) ?? at.now
export const deadlineOf = (at: Situation): Instant => beforeTheEnd(at, recordedDeadline(at))

/**
 * A pod that somebody deleted is killed by its kubelet, and a host goes, whatever was promised: people are told while they can
 * be.
 */
function beforeTheEnd(at: Situation, promised: Instant): Instant {
  const pod = ownPod(at)
  const killAt = pod && evictsAt(pod)
  return instant(Math.min(promised, killAt ?? promised, hostMovesOffAt(at) ?? promised))
}

export const untilDeadline = (at: Situation): number => Math.max(0, deadlineOf(at) - at.now)
/** Counts from the deadline on record, also when the kubelet kills earlier: what it does then, its pod will show. */
export const graceEndOf = (at: Situation): Instant =>
  instant(recordedDeadline(at) + evictGraceSecondsOf(at.seen.nodeClass) * 1_000)
