// Nodes of the update revision that did not start, or not for long: how many in a row, and when the next may be tried. Pure. On
// record in the status, because the nodes themselves are gone soon.
import { fromTimestamp, type Instant, instant, toTimestamp } from '../ambient/clock.ts'
import type { RTCNodePoolStatus } from '../api/rtcnodepool.ts'
import type { Census } from './census.ts'

export type FailedStarts = RTCNodePoolStatus['failedStarts']

/** A node that lasts so long after it was made shows that its revision does; before that none is known to. */
const PROOF_MS = 600_000

/**
 * Counts each node once, however often it is seen: only those given up after the last that is on record, and after a node
 * of that revision became ready, which makes a fresh start.
 *
 * A node that did start and was lost soon counts too while none of its revision has lasted. Only one of all that were made
 * before the loss on record: a host that takes ten along is one mishap, but when those made in their place are lost as well,
 * it is the revision. Such a record ends when one has lasted.
 */
export function failedStartsOf(
  before: FailedStarts,
  updateRevision: string | undefined,
  census: Census,
  now: Instant,
): FailedStarts {
  if (updateRevision === undefined) return before
  const recorded = before?.revision === updateRevision ? before : undefined
  const recordedAt = fromTimestamp(recorded?.lastAt)
  const [readySince, lastFailed] = [census.updatedReadySince ?? NEVER, recordedAt ?? NEVER]
  const lastsInMs = untilProof(census, now)
  const isOver = recorded?.soonLost ? lastsInMs <= 0 : readySince > lastFailed
  const since = isOver ? readySince : Math.max(lastFailed, readySince)
  const failed = census.givenUpAt.filter(at => at > since)
  // Times have no fractions: what is made in place of the lost at once is made in the same second.
  const soonLost = census.lost.filter(
    ({ madeAt, at }) => lastsInMs > 0 && madeAt >= lastFailed && at - madeAt < PROOF_MS,
  )
  const count = (isOver ? 0 : (recorded?.count ?? 0)) + failed.length + Math.min(1, soonLost.length)
  if (count === 0) return undefined
  const lastAt = instant(Math.max(recordedAt ?? 0, ...failed, ...soonLost.map(({ at }) => at)))
  const wereLost = soonLost.length > 0 || (recorded?.soonLost === true && !isOver)
  return { revision: updateRevision, count, lastAt: toTimestamp(lastAt), ...(wereLost ? { soonLost: true } : {}) }
}

const NEVER = Number.NEGATIVE_INFINITY

const untilProof = ({ updatedSince }: Census, now: Instant): number =>
  updatedSince === undefined ? Number.POSITIVE_INFINITY : updatedSince + PROOF_MS - now

/** When a record of nodes that were lost soon will end, if all goes well, or else when another may be tried. */
export function untilNextTry(failed: FailedStarts, census: Census, now: Instant): number | undefined {
  if (failed?.soonLost !== true) return undefined
  if (census.updatedSince !== undefined) return untilProof(census, now)
  const waitMs = (nextTryAt(failed) ?? now) - now
  return waitMs > 0 ? waitMs : undefined
}

/** Those made in place of the lost are lost as well. */
const areShortLived = (failed: NonNullable<FailedStarts>): boolean => failed.soonLost === true && failed.count >= 2

/**
 * To roll on would trade nodes that serve for nodes that die. But those that were lost may have been mishaps, so one is tried
 * now and then, and while it is there nothing more is made or closed until it has lasted.
 */
export function stopsRollout(failed: FailedStarts, { updated }: Census, now: Instant): boolean {
  return failed !== undefined && areShortLived(failed) && (updated > 0 || now < (nextTryAt(failed) ?? now))
}

const FIRST_WAIT_MS = 10_000
const MAX_WAIT_MS = 300_000

/** 10 s after the first failure, 20 s after the second … 5 min. Undefined: nothing speaks against many at once. */
export function nextTryAt(failed: FailedStarts): Instant | undefined {
  const lastAt = fromTimestamp(failed?.lastAt)
  if (failed === undefined || lastAt === undefined || (failed.soonLost && !areShortLived(failed))) return undefined
  return instant(lastAt + Math.min(MAX_WAIT_MS, FIRST_WAIT_MS * 2 ** Math.min(failed.count - 1, 10)))
}
