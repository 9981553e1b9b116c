// Time as the API server tells it, so that no deadline moves when the operator's own clock is wrong. The transport feeds
// it with the Date header of every answer; whoever judges a deadline reads it.
import { type Clock, type Instant, instant, type Monotonic } from '../ambient/clock.ts'

export interface ServerClock {
  /** The server's time, never ahead of it and about a second behind; undefined until the server has answered once. */
  now(): Instant | undefined
}

/** What an answer tells about the server's time. */
export interface Hearing {
  /** The Date header: whole seconds, cut off. */
  date: Instant
  /** Our reading before the request was sent. */
  sentAt: Monotonic
  /** Our reading when the answer's head had arrived. */
  receivedAt: Monotonic
}

/** A server clock set back by less is bridged: the estimate then runs ahead by at most this. */
export const SET_BACK_MS = 5_000
const HEADER_PRECISION_MS = 1_000

/**
 * The offset (server time minus monotonic time) believed after one more hearing. Total and pure.
 *
 * At `receivedAt` the server's time was at least `date`, so every hearing gives a lower bound and the greatest is kept:
 * slow answers teach nothing, quick ones sharpen it. At `sentAt` it was less than `date` + 1 s, so an estimate that
 * was ahead of that by more than SET_BACK_MS can only mean that the server's clock was set back: begin anew.
 */
export function believe(offsetMs: number | undefined, { date, sentAt, receivedAt }: Hearing): number {
  const atLeastMs = date - receivedAt
  if (offsetMs === undefined) return atLeastMs
  const wasSetBack = sentAt + offsetMs > date + HEADER_PRECISION_MS + SET_BACK_MS
  return wasSetBack ? atLeastMs : Math.max(offsetMs, atLeastMs)
}

export interface ListeningServerClock extends ServerClock {
  /** Takes the Date header of an answer; anything that is no date is ignored. */
  hear(dateHeader: string | undefined, sentAt: Monotonic): void
}

export function serverClock(clock: Clock): ListeningServerClock {
  let offsetMs: number | undefined
  return {
    now: () => (offsetMs === undefined ? undefined : instant(clock.monotonic() + offsetMs)),
    hear(dateHeader, sentAt) {
      const date = Date.parse(dateHeader ?? '')
      if (Number.isNaN(date)) return
      offsetMs = believe(offsetMs, { date: instant(date), sentAt, receivedAt: clock.monotonic() })
    },
  }
}
