// The judge of all fault tests: it keeps by itself what became of every session, and compares with the deadlines that the
// API server showed. It shares no code with the operator, and believes nothing the operator says but those deadlines.
import type { ObjectKey, Uid } from '../../operator/api/meta.ts'

export interface Session {
  readonly node: ObjectKey
  /** The RTCNode's. */
  readonly nodeUID: Uid
  readonly podUID: Uid
  readonly participant: string
  readonly joinedAt: Date
  /** When the agent said that the node drains. */
  toldAt?: Date
  ending?: Ending
}

export interface Ending {
  readonly at: Date
  /**
   * `left`: by themselves. `moved`: told to reconnect elsewhere. `cut`: the SFU went away under them. `fault`: the test
   * itself ended it (a crash), so it says nothing about the operator.
   */
  readonly how: 'left' | 'moved' | 'cut' | 'fault'
  readonly cause: string
}

export interface Ledger {
  readonly sessions: readonly Session[]
  /** Sessions that were moved or cut before the deadline in the status of their RTCNode, or without there being one. */
  readonly cutEarly: number
  /** These sessions, one sentence each, for the message of an assertion. */
  early(): string[]
  /** RTCNodes whose deadline, once written, was seen to change. */
  readonly movedDeadlines: readonly Uid[]
  totals(): {
    joined: number
    present: number
    left: number
    moved: number
    cut: number
    fault: number
    cutEarly: number
  }
}

export interface LedgerWriter extends Ledger {
  join(session: Omit<Session, 'joinedAt' | 'ending'>): Session
  end(session: Session, how: Ending['how'], cause: string): void
  /** As read from `status.drain.deadline`. */
  sawDeadline(nodeUID: Uid, deadline: string): void
}

export function createLedger(): LedgerWriter {
  const sessions: Session[] = []
  const deadlines = new Map<Uid, string[]>()

  /** Judged when asked, because a deadline may be seen a moment after what it allowed. The first one counts. */
  const isEarly = ({ nodeUID, ending }: Session): boolean => {
    if (ending?.how !== 'moved' && ending?.how !== 'cut') return false
    const deadline = deadlines.get(nodeUID)?.[0]
    return deadline === undefined || ending.at.getTime() < Date.parse(deadline)
  }
  const count = (test: (session: Session) => boolean): number => sessions.filter(test).length

  return {
    sessions,
    get cutEarly() {
      return count(isEarly)
    },
    early: () =>
      sessions.filter(isEarly).map(({ node, participant, nodeUID, ending }) => {
        const deadline = deadlines.get(nodeUID)?.[0] ?? 'never written'
        return `${participant} on ${node} ${ending?.how} at ${ending?.at.toISOString()} (${ending?.cause}), deadline ${deadline}`
      }),
    get movedDeadlines() {
      return [...deadlines].filter(([, seen]) => seen.length > 1).map(([nodeUID]) => nodeUID)
    },
    totals: () => ({
      joined: sessions.length,
      present: count(({ ending }) => ending === undefined),
      left: count(({ ending }) => ending?.how === 'left'),
      moved: count(({ ending }) => ending?.how === 'moved'),
      cut: count(({ ending }) => ending?.how === 'cut'),
      fault: count(({ ending }) => ending?.how === 'fault'),
      cutEarly: count(isEarly),
    }),
    join(joining) {
      const session: Session = { ...joining, joinedAt: new Date() }
      sessions.push(session)
      return session
    },
    end(session, how, cause) {
      session.ending ??= { at: new Date(), how, cause }
    },
    sawDeadline(nodeUID, deadline) {
      const seen = deadlines.get(nodeUID) ?? []
      if (seen.at(-1) !== deadline) deadlines.set(nodeUID, [...seen, deadline])
    },
  }
}
