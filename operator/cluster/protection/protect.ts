// Whether a pod is protected from those who remove hosts. No I/O, no clock: what is known goes in, the marks that the pod shall
// bear come out. Towards safety nothing waits; away from it everything does.
import { fromTimestamp, type Instant, instant, toTimestamp } from '../../ambient/clock.ts'
import { costs, isProtected, isReleased, type Marks, protectedBy, released, sameMarks } from './marks.ts'

/** Who is on the node, by fresh beats of this very pod. Every `…Ms`: for how long this has been so without a break. */
export type People =
  | { readonly are: 'there'; readonly sessions: number }
  /** `closedForMs`: for how long it was surely closed too, so that nobody can come; 0 while it is open. */
  | { readonly are: 'gone'; readonly forMs: number; readonly closedForMs: number }
  /** No such beat. It never counts as nobody. */
  | { readonly are: 'unknown'; readonly forMs: number }

export interface Known {
  readonly marks: Marks
  readonly people: People
  /** The RTCNode is being deleted: its pod goes by itself as soon as it is empty. */
  readonly isLeaving: boolean
  /** Since when the host is asked for; undefined while nobody does. */
  readonly askedForSince: Instant | undefined
  /** For how long nobody has asked for it, as far as it was watched. */
  readonly unaskedForMs: number
  /** Since the last write to the pod; where none is known, since it is watched. */
  readonly unwrittenForMs: number
  readonly maxSeconds: number
}

export interface Protection {
  /** Equal to those the pod bears: nothing to write. */
  readonly marks: Marks
  /** When time alone could change the answer. */
  readonly lookAgainMs?: number
  /** The protection has lasted its time: somebody may be there, and the host may go all the same. */
  readonly isOver: boolean
}

/** An open node may get people at any moment: only one that nobody has come to for so long gives its host away. */
export const IDLE_OPEN_MS = 60_000
/** To a closed one nobody comes; a few beats in a row. */
export const IDLE_CLOSED_MS = 10_000
/** A beat or two may be late, and an operator that has just started has heard none. */
export const UNKNOWN_MS = 60_000
/** Between two writes to one pod, unless they are for its safety. */
export const WRITE_EVERY_MS = 30_000
/** Many an ask is taken back at once; only one that lasts is written down. */
export const ASK_LASTS_MS = 60_000
/** Whoever asks, gives up and asks again, asks for the same thing: an ask is forgotten so long after it was taken back. */
export const FORGET_MS = 3_600_000
/** How often a growing crowd is looked at; the cost is coarse. */
const CROWD_LOOK_MS = 300_000
const ROOM_LOOK_MS = 30_000
/** From so many people on, a pod costs as much as it can. */
const MANY = 64

/** Total: every input has an answer. */
export function protect(known: Known, now: Instant): Protection {
  const asked = askedOf(known, now)
  const isOver = asked.isOver && known.people.are !== 'gone'
  const wanted = wantedMarks(known, asked, isOver)
  const lookAgain = [...looksAtPeople(known), ...asked.looks]
  if (sameMarks(known.marks, wanted)) return answer(known.marks, isOver, lookAgain)
  const isForSafety = isProtected(wanted) && !isProtected(known.marks)
  const restMs = isForSafety ? 0 : WRITE_EVERY_MS - known.unwrittenForMs
  return restMs > 0 ? answer(known.marks, isOver, [...lookAgain, restMs]) : answer(wanted, isOver, lookAgain)
}

function answer(marks: Marks, isOver: boolean, lookAgain: readonly number[]): Protection {
  const next = Math.min(...lookAgain.filter(ms => ms > 0))
  return { marks, isOver, ...(Number.isFinite(next) && { lookAgainMs: next }) }
}

function wantedMarks(known: Known, { since }: Asked, isOver: boolean): Marks {
  const { marks } = known
  const shall = isOver ? 'release' : verdict(known)
  const hostAskedForSince = since === undefined ? undefined : toTimestamp(since)
  switch (shall) {
    case 'protect':
      return { ...protectedBy, deletionCost: costFor(known), hostAskedForSince }
    case 'release':
      // With nobody there the host is free to go, and how long it was held is of no interest any more.
      return isOver
        ? { ...released, deletionCost: costFor(known), hostAskedForSince }
        : { ...released, deletionCost: undefined, hostAskedForSince: undefined }
    case 'keep':
      return { ...marks, hostAskedForSince: isReleased(marks) ? marks.hostAskedForSince : hostAskedForSince }
  }
}

function verdict({ people, isLeaving }: Known): 'protect' | 'release' | 'keep' {
  switch (people.are) {
    case 'there':
      return 'protect'
    case 'unknown':
      return people.forMs >= UNKNOWN_MS ? 'protect' : 'keep'
    case 'gone': {
      const isIdle = people.forMs >= IDLE_OPEN_MS || people.closedForMs >= IDLE_CLOSED_MS
      return isIdle && !isLeaving ? 'release' : 'keep'
    }
  }
}

/** Only rises while the pod is protected, so that a crowd that comes and goes costs one write and not many. */
function costFor({ marks, people }: Known): string {
  const isMany = (people.are === 'there' && people.sessions >= MANY) || marks.deletionCost === costs.many
  return isMany ? costs.many : costs.few
}

function looksAtPeople({ people, marks }: Known): number[] {
  switch (people.are) {
    case 'there':
      // That a room closes, or that a crowd grows, is no news that anybody calls us for.
      return [people.sessions === 0 ? ROOM_LOOK_MS : CROWD_LOOK_MS]
    case 'unknown':
      return isProtected(marks) ? [] : [UNKNOWN_MS - people.forMs]
    case 'gone':
      if (isReleased(marks)) return []
      return [IDLE_OPEN_MS - people.forMs, ...(people.closedForMs > 0 ? [IDLE_CLOSED_MS - people.closedForMs] : [])]
  }
}

interface Asked {
  /** To be on record; undefined: nothing is, or it is too young. */
  readonly since: Instant | undefined
  readonly isOver: boolean
  readonly looks: readonly number[]
}

/** How long the host has been asked for, over all asks that were taken back in between; and whether that is long enough. */
function askedOf({ marks, askedForSince, unaskedForMs, maxSeconds }: Known, now: Instant): Asked {
  const recorded = fromTimestamp(marks.hostAskedForSince)
  if (askedForSince === undefined && (recorded === undefined || unaskedForMs >= FORGET_MS)) {
    return { since: undefined, isOver: false, looks: [] }
  }
  const since = instant(Math.min(now, askedForSince ?? now, recorded ?? now))
  const lastedMs = now - since
  const maxMs = maxSeconds * 1_000
  // While nobody asks, the time does not run out; what has run out stays so until it is forgotten.
  const isOver = lastedMs >= maxMs && (askedForSince !== undefined || isReleased(marks))
  const isWorthRecording = recorded !== undefined || lastedMs >= ASK_LASTS_MS || isOver
  const looks = askedForSince === undefined ? [FORGET_MS - unaskedForMs] : [maxMs - lastedMs, ASK_LASTS_MS - lastedMs]
  return { since: isWorthRecording ? since : undefined, isOver, looks }
}
