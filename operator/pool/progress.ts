// Since when a pool gets no further, and whether that is too long. Pure; asked by plan.ts. Read from what is on record and from
// when nodes became ready, not from counts that go up and down while one node after the other fails.
import { fromTimestamp, type Instant, instant, toTimestamp } from '../ambient/clock.ts'
import { conditionOf } from '../kube/conditions.ts'
import type { Census } from './census.ts'
import { type FailedStarts, nextTryAt } from './failed-starts.ts'
import type { Rollout } from './rollout.ts'
import type { PoolView } from './view.ts'

export interface Progress {
  /** Something is to be made, started or replaced. */
  readonly isUnderWay: boolean
  /** RFC 3339: when it last got further. */
  readonly since: string
  /** progressDeadlineSeconds have passed since then. */
  readonly isTimeUp: boolean
  /** They have, and it is nodes that do not start in this time which are in the way. */
  readonly isLate: boolean
  /** When it would be late, if nothing changes. */
  readonly lateInMs: number | undefined
}

/** Nothing was to be waited for, so the time begins when something is. */
const restful: ReadonlySet<string> = new Set(['Complete', 'ScalingIn', 'Paused', 'Partitioned', 'HeldBack'])

export function progressOf(
  view: PoolView,
  census: Census,
  rollout: Rollout,
  failedStarts: FailedStarts,
  updateRevision: string | undefined,
): Progress {
  const { pool, now } = view
  const isReplacing = rollout.state !== 'resting' && rollout.toReplace > 0
  const isUnderWay = census.counted.length < pool.spec.replicas || census.starting > 0 || isReplacing
  const since = beginsAnew(view, isUnderWay, updateRevision)
    ? toTimestamp(now)
    : latestOf(pool.status?.progressAt, census.readySince, view)
  const sinceAt = fromTimestamp(since) ?? now
  const leftMs = (from: number): number => from + pool.spec.progressDeadlineSeconds * 1_000 - now
  const startingSince = rollout.state === 'resting' ? census.startingSince : census.updatedStartingSince
  // Nodes that are lost soon did start: stopsRollout says what becomes of those.
  const startsFail = nextTryAt(failedStarts) !== undefined && failedStarts?.soonLost !== true
  // What stood still for another reason, a registry out of sight perhaps, does not take the time of nodes made afterwards.
  const waitsSince = startsFail ? sinceAt : startingSince && Math.max(sinceAt, startingSince)
  const lateInMs = isUnderWay && waitsSince !== undefined ? leftMs(waitsSince) : undefined
  return {
    isUnderWay,
    since,
    isTimeUp: isUnderWay && leftMs(sinceAt) <= 0,
    isLate: lateInMs !== undefined && lateInMs <= 0,
    lateInMs: lateInMs !== undefined && lateInMs > 0 ? lateInMs : undefined,
  }
}

/** Somebody asked for something else, or something has just come up. */
function beginsAnew({ pool }: PoolView, isUnderWay: boolean, updateRevision: string | undefined): boolean {
  const { status, metadata } = pool
  if (status?.progressAt === undefined || status.observedGeneration !== metadata.generation) return true
  if (status.updateRevision !== updateRevision) return true
  return isUnderWay && restful.has(conditionOf(status.conditions, 'Progressing')?.reason ?? '')
}

/** A node that comes up is progress twice: when it is ready, and when it has been for minReadySeconds. Never what is to come. */
function latestOf(recorded: string | undefined, readySince: Instant | undefined, { pool, now }: PoolView): string {
  const recordedAt = fromTimestamp(recorded) ?? now
  const cameUp = readySince === undefined ? [] : [readySince, readySince + pool.spec.minReadySeconds * 1_000]
  return toTimestamp(instant(Math.max(recordedAt, ...cameUp.filter(at => at <= now))))
}
