// What schedules will ask for soon: the pool rises when one begins, and its hosts take minutes to make, so they have to be asked for
// before. Pure; run.ts hands it to those who make room on hosts (operator/cluster/announced).
import { type Instant, toTimestamp } from '../../ambient/clock.ts'
import type { Announcement } from '../../api/rtcnodepool.ts'
import { type Bounds, boundsOf, lookUpBounds, type Scheduled } from './schedule.ts'

/** A pool doubles in half a minute unless people say otherwise: what a schedule asks for, it has by then. */
const FOLLOWED_WITHIN_MS = 120_000

/**
 * The most nodes above `replicas` that are asked for when a schedule begins within `leadMs` (or ends that kept them down), or that
 * were when one has just begun and the pool does not have yet. Undefined: none.
 */
export function announcedNodes(
  spec: Scheduled,
  replicas: number,
  now: Instant,
  leadMs: number,
): Announcement | undefined {
  let bounds = boundsOf(spec, now)
  let most = now - bounds.since < FOLLOWED_WITHIN_MS ? announcement(bounds, replicas) : undefined
  while (bounds.until <= now + leadMs) {
    const next = lookUpBounds(spec, bounds.until)
    const announced = asks(next) > asks(bounds) ? announcement(next, replicas) : undefined
    if (announced !== undefined && announced.nodes > (most?.nodes ?? 0)) most = announced
    bounds = next
  }
  return most
}

const asks = ({ min, ideal }: Bounds): number => Math.max(min, ideal)

function announcement(bounds: Bounds, replicas: number): Announcement | undefined {
  const { min, ideal, minBy, idealBy, since } = bounds
  const nodes = asks(bounds) - replicas
  const schedule = ideal > min ? idealBy : minBy
  return nodes > 0 ? { ...(schedule !== undefined && { schedule }), startsAt: toTimestamp(since), nodes } : undefined
}
