// One pod and all that happens to it, played in no time against protect.ts and the memory of its shell: every look that a change
// or the clock causes, and every write that comes of it. For the laws and the examples of protection.
import {
  type Clock,
  type Instant,
  instant,
  type Monotonic,
  monotonic,
  toTimestamp,
} from '../../../../operator/ambient/clock.ts'
import { type ObjectKey, objectKey, type Uid } from '../../../../operator/api/meta.ts'
import {
  costs,
  isProtected,
  type Marks,
  protectedBy,
  sameMarks,
} from '../../../../operator/cluster/protection/marks.ts'
import { protectionMemory } from '../../../../operator/cluster/protection/memory.ts'
import { type People, type Protection, protect } from '../../../../operator/cluster/protection/protect.ts'

export const MINUTE = 60_000
export const HOUR = 60 * MINUTE

export type Change =
  | { readonly is: 'people'; readonly sessions: number }
  | { readonly is: 'closed' }
  | { readonly is: 'open' }
  /** No fresh beat comes any more; `heard`: they come again. */
  | { readonly is: 'silent' }
  | { readonly is: 'heard' }
  /** Somebody wants the host; a notice may tell since when. */
  | { readonly is: 'asked'; readonly tellsSince?: boolean }
  | { readonly is: 'taken back' }
  /** Another operator, which remembers nothing. */
  | { readonly is: 'restarted' }
  | { readonly is: 'deleted' }

export interface Written {
  readonly atMs: number
  readonly before: Marks
  readonly after: Marks
  readonly people: People
  readonly isOver: boolean
}

export interface Life {
  /** Lets time pass, and then this happen. */
  after(ms: number, change?: Change): void
  readonly marks: Marks
  readonly people: People
  readonly last: Protection
  readonly atMs: number
  readonly writes: readonly Written[]
}

const BORN: Instant = instant(Date.parse('2030-01-01T00:00:00Z'))
const key: ObjectKey = objectKey('n', 'rtc')
const pod = 'pod' as Uid

export const newborn: Marks = { ...protectedBy, deletionCost: costs.few, hostAskedForSince: undefined }

/** Serves at once, with nobody on it, and nobody wants its host. Looks are counted: more than a hundred a step are a loop. */
export function life({ maxSeconds = 14_400, marks: first = newborn } = {}): Life {
  let nowMs = 0
  const clock = { monotonic: (): Monotonic => monotonic(nowMs) } as Clock
  let memory = protectionMemory(clock)
  let marks = first
  let sessions = 0
  let isOpen = true
  let isSilent = false
  let emptySince: number | undefined
  let asked: { since: Instant | undefined } | undefined
  let isLeaving = false
  let people: People = { are: 'unknown', forMs: 0 }
  const writes: Written[] = []
  let last: Protection = { marks, isOver: false }
  look()

  function peopleNow(): People {
    const remembered = memory.of(key, pod)
    const isEmptyForGood = !isOpen && !isSilent && sessions === 0
    emptySince = isEmptyForGood ? (emptySince ?? nowMs) : undefined
    if (isSilent) return { are: 'unknown', forMs: remembered.lastedMs('unknown') }
    if (sessions === 0)
      return { are: 'gone', forMs: remembered.lastedMs('gone'), closedForMs: nowMs - (emptySince ?? nowMs) }
    remembered.lastedMs('there')
    return { are: 'there', sessions }
  }

  function look(): Protection {
    const remembered = memory.of(key, pod)
    const now = instant(BORN + nowMs)
    people = peopleNow()
    const seenSince = remembered.asked(asked !== undefined, now)
    last = protect(
      {
        marks,
        people,
        isLeaving,
        askedForSince: asked === undefined ? undefined : (asked.since ?? seenSince),
        unaskedForMs: remembered.unaskedForMs(),
        unwrittenForMs: remembered.unwrittenForMs(),
        maxSeconds,
      },
      now,
    )
    if (!sameMarks(marks, last.marks)) {
      writes.push({ atMs: nowMs, before: marks, after: last.marks, people, isOver: last.isOver })
      marks = last.marks
      remembered.wrote()
      // The cache shows the write: that is a change too.
      return look()
    }
    return last
  }

  function happen(change: Change): void {
    switch (change.is) {
      case 'people':
        sessions = change.sessions
        return
      case 'closed':
        isOpen = false
        return
      case 'open':
        isOpen = true
        return
      case 'silent':
        isSilent = true
        return
      case 'heard':
        isSilent = false
        return
      case 'asked':
        asked ??= { since: change.tellsSince ? instant(BORN + nowMs) : undefined }
        return
      case 'taken back':
        asked = undefined
        return
      case 'restarted':
        memory = protectionMemory(clock)
        return
      case 'deleted':
        isLeaving = true
    }
  }

  return {
    after(ms, change) {
      const until = nowMs + ms
      for (let looks = 0; ; looks += 1) {
        const next = nowMs + (last.lookAgainMs ?? Number.POSITIVE_INFINITY)
        if (next > until) break
        if (looks > 100 + ms / 20_000) throw new Error(`it looks again and again: ${JSON.stringify({ last, people })}`)
        nowMs = next
        look()
      }
      nowMs = until
      if (change !== undefined) happen(change)
      look()
    },
    get marks() {
      return marks
    },
    get people() {
      return people
    },
    get last() {
      return last
    },
    get atMs() {
      return nowMs
    },
    writes,
  }
}

export const isForSafety = ({ before, after }: Written): boolean => isProtected(after) && !isProtected(before)

/** As the marks show a time of such a life. */
export const timeAt = (ms: number): string => toTimestamp(instant(BORN + ms))
