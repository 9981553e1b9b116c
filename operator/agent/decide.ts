// All judgement of the agent: what the node says it is, and what is done to the SFU. Pure. Called by the agent's loop
// (agent.ts) once for every reading, intent or preStop, and by the simulated SFU fleet of the tests.
import type { Monotonic } from '../ambient/clock.ts'
import type { Heartbeat } from '../api/heartbeat.ts'
import type { Intent } from '../api/intent.ts'
import type { KnownIntent } from '../registry/registration.ts'
import type { DrainNotice } from './adapter.ts'

/** `takenAt` is when the SFU was asked, so that an answer about the time before admission closed is known as such. */
export type SeenSfu =
  | { readonly state: 'answers'; readonly takenAt: Monotonic; readonly sessions: number; readonly rooms: number }
  | { readonly state: 'silent' }

export interface Seen {
  readonly intent: KnownIntent
  readonly sfu: SeenSfu
  /** The pod is being stopped: kubelet waits for our answer, for `graceMs` at most. */
  readonly preStop?: { readonly askedAt: Monotonic; readonly graceMs: number }
}

/** What the agent holds on to from one decision to the next. */
export interface Stance {
  /** `undecided` until the registry was seen once: an agent that restarts in a drain must not claim to be serving. */
  readonly admission: 'undecided' | 'open' | 'closed'
  /** Monotonic moment from which readings are surely later than the closing of admission. */
  readonly closedAt?: Monotonic
  readonly drain?: NonNullable<Intent['drain']>
  /** Revision of the intent obeyed now. */
  readonly ackIntent?: number | undefined
  readonly evictedAt?: Monotonic
  /** Readings in a row, taken after admission was closed, with nobody there. */
  readonly emptyReadings: number
  readonly lastReadingAt?: Monotonic
  readonly noticeGiven: boolean
  /** Out of the registry for good. */
  readonly left: boolean
}

export type Act =
  | { readonly do: 'close-admission' }
  | { readonly do: 'open-admission' }
  | { readonly do: 'notify-drain'; readonly notice: DrainNotice }
  | { readonly do: 'evict' }
  | { readonly do: 'leave' }

export interface Decision {
  readonly stance: Stance
  /** What the heartbeat says; undefined: there must be none. */
  readonly state?: Heartbeat['state']
  readonly acts: readonly Act[]
  /** preStop may be answered: the SFU can be stopped. */
  readonly mayStop: boolean
}

export const initialStance: Stance = { admission: 'undecided', emptyReadings: 0, noticeGiven: false, left: false }

/** Somebody may join again by a link they kept, so the evicting goes on while anybody is left. */
const EVICT_AGAIN_MS = 5_000
/** Left of the grace period for those who were moved, and for the SFU to end by itself. */
const EVICT_BEFORE_KILL_MS = 20_000
/** A join that was under way when the first zero was read shows in the second. */
const EMPTY_READINGS = 2

/** When, after preStop was asked, those who are still there are moved off: late, but with time left to go elsewhere. */
export const evictAfterMs = (graceMs: number): number => Math.max(graceMs - EVICT_BEFORE_KILL_MS, graceMs / 2)

/** What one node says and does next, given what its agent sees at `now`. Total: every input has an answer. */
export function decide(before: Stance, seen: Seen, podUID: string, now: Monotonic): Decision {
  const told = obey(before, seen.intent, podUID)
  const draining = told.drain !== undefined || seen.preStop !== undefined
  const admission = draining ? 'closed' : told.admission
  const closing = admission === 'closed' && before.admission !== 'closed'
  const opening = told.explicit && admission === 'open' && before.admission !== 'open'

  const closedAt = admission === 'closed' ? (closing ? now : before.closedAt) : undefined
  const reading = countEmpty(before, seen.sfu, closedAt)
  const evicting = mustEvict(told.drain, seen, now) && somebodyLeft(seen.sfu) && isDue(before.evictedAt, now)
  const leaving = told.drain?.stage === 'leave' && !before.left
  const left = before.left || leaving

  const acts: Act[] = []
  if (closing) acts.push({ do: 'close-admission' })
  if (opening) acts.push({ do: 'open-admission' })
  if (draining && !before.noticeGiven) acts.push({ do: 'notify-drain', notice: noticeOf(told.drain) })
  if (evicting) acts.push({ do: 'evict' })
  if (leaving) acts.push({ do: 'leave' })

  const evictedAt = evicting ? now : before.evictedAt
  const stance: Stance = {
    admission,
    ...reading,
    ...(closedAt !== undefined && { closedAt }),
    ...(told.drain && { drain: told.drain }),
    ...(told.ackIntent !== undefined && { ackIntent: told.ackIntent }),
    ...(evictedAt !== undefined && { evictedAt }),
    noticeGiven: draining,
    left,
  }
  const mayStop = seen.preStop !== undefined && maySfuStop(stance, seen.preStop, now)
  if (left || admission === 'undecided') return { stance, acts, mayStop }
  return { stance, state: draining ? 'draining' : admission === 'closed' ? 'closed' : 'serving', acts, mayStop }
}

/**
 * Only an explicit intent for this very pod changes anything. A missing intent is not an open one, and what a dead
 * registry cannot tell has not changed; a node that nobody has ever told anything serves.
 */
function obey(
  before: Stance,
  seen: KnownIntent,
  podUID: string,
): Pick<Stance, 'admission' | 'drain' | 'ackIntent'> & { explicit: boolean } {
  if (seen.state === 'known' && seen.intent.podUID === podUID) {
    const { admission, drain } = seen.intent
    return { admission, ...(drain && { drain }), ackIntent: seen.revision, explicit: true }
  }
  const seesNoIntent = seen.state === 'absent' || seen.state === 'known'
  if (before.admission === 'undecided' && seesNoIntent) return { admission: 'open', explicit: false }
  return { ...before, explicit: false }
}

function countEmpty(
  before: Stance,
  sfu: SeenSfu,
  closedAt: Monotonic | undefined,
): Pick<Stance, 'emptyReadings' | 'lastReadingAt'> {
  if (sfu.state === 'silent') return { emptyReadings: 0 }
  const lastReadingAt = sfu.takenAt
  const isEmpty = closedAt !== undefined && sfu.takenAt >= closedAt && sfu.sessions === 0 && sfu.rooms === 0
  if (!isEmpty) return { emptyReadings: 0, lastReadingAt }
  const isNew = before.lastReadingAt === undefined || sfu.takenAt > before.lastReadingAt
  return { emptyReadings: before.emptyReadings + (isNew ? 1 : 0), lastReadingAt }
}

const mustEvict = (drain: Stance['drain'], { preStop }: Seen, now: Monotonic): boolean =>
  drain?.stage === 'evict' || (preStop !== undefined && now - preStop.askedAt >= evictAfterMs(preStop.graceMs))

/** A silent SFU may have people on it. */
const somebodyLeft = (sfu: SeenSfu): boolean => sfu.state === 'silent' || sfu.sessions > 0 || sfu.rooms > 0

const isDue = (evictedAt: Monotonic | undefined, now: Monotonic): boolean =>
  evictedAt === undefined || now - evictedAt >= EVICT_AGAIN_MS

const noticeOf = (drain: Stance['drain']): DrainNotice =>
  drain ? { reason: drain.reason, deadline: drain.deadline } : { reason: 'PodStopping' }

const maySfuStop = (stance: Stance, preStop: NonNullable<Seen['preStop']>, now: Monotonic): boolean =>
  stance.emptyReadings >= EMPTY_READINGS ||
  stance.drain?.stage === 'leave' ||
  now - preStop.askedAt >= evictAfterMs(preStop.graceMs) + EVICT_AGAIN_MS
