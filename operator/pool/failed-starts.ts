// Nodes of the update revision that did not start: how many in a row, and when the next may be tried. Pure. On record in the
// status, because the nodes themselves are gone soon.
import { fromTimestamp, type Instant, instant, toTimestamp } from '../ambient/clock.ts'
import type { RTCNodePoolStatus } from '../api/rtcnodepool.ts'
import type { Census } from './census.ts'

export type FailedStarts = RTCNodePoolStatus['failedStarts']

/**
 * Counts each node once, however often it is seen: only those given up after the last that is on record, and after a node
 * of that revision became ready, which makes a fresh start.
 */
export function failedStartsOf(
  before: FailedStarts,
  updateRevision: string | undefined,
  { givenUpAt, updatedReadySince }: Census,
): FailedStarts {
  if (updateRevision === undefined) return before
  const recorded = before?.revision === updateRevision ? before : undefined
  const recordedAt = fromTimestamp(recorded?.lastAt)
  const isFresh = recordedAt === undefined || (updatedReadySince !== undefined && updatedReadySince > recordedAt)
  const since = Math.max(recordedAt ?? Number.NEGATIVE_INFINITY, updatedReadySince ?? Number.NEGATIVE_INFINITY)
  let count = isFresh ? 0 : (recorded?.count ?? 0)
  let lastAt = recordedAt ?? instant(0)
  for (const at of givenUpAt) {
    if (at <= since) continue
    count += 1
    if (at > lastAt) lastAt = at
  }
  return count === 0 ? undefined : { revision: updateRevision, count, lastAt: toTimestamp(lastAt) }
}

const FIRST_WAIT_MS = 10_000
const MAX_WAIT_MS = 300_000

/** 10 s after the first failure, 20 s after the second … 5 min. */
export function nextTryAt(failed: FailedStarts): Instant | undefined {
  const lastAt = fromTimestamp(failed?.lastAt)
  if (failed === undefined || lastAt === undefined) return undefined
  return instant(lastAt + Math.min(MAX_WAIT_MS, FIRST_WAIT_MS * 2 ** Math.min(failed.count - 1, 10)))
}
