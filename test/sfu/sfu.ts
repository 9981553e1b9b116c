// One simulated SFU process: people on it, and what it answers its agent. No network: the agent's adapter calls it.
import { type SfuAdapter, type SfuLoad, type SfuReading, SfuUnreachableError } from '../../operator/agent/adapter.ts'
import type { LedgerWriter, Session } from './ledger.ts'

export interface SimulatedSfu {
  readonly adapter: SfuAdapter
  /** People really connected. */
  readonly present: readonly string[]
  /** What it tells: the same, unless it never empties. */
  readonly reported: number
  readonly isHanging: boolean
  join(participants: readonly string[]): void
  leave(participants: readonly string[]): void
  /** Ends everybody's session, for a reason that is not theirs. */
  endAll(how: 'moved' | 'cut' | 'fault', cause: string): void
  /** All sessions are lost; it starts anew at once. */
  crash(): void
  /** It answers nobody; calls go on. */
  hang(isHanging: boolean): void
  /** It always reports at least one person, whom nobody can move. */
  neverEmpty(isSo: boolean): void
  setLoad(load: SfuLoad): void
}

type Identity = Pick<Session, 'node' | 'nodeUID' | 'podUID'>

/** `onChange` is called whenever the first has come or the last has gone. */
export function simulatedSfu(identity: Identity, ledger: LedgerWriter, onChange: () => void): SimulatedSfu {
  const sessions = new Map<string, Session>()
  let boot = 1
  let isHanging = false
  let isNeverEmpty = false
  let load: SfuLoad = {}

  const reported = (): number => Math.max(sessions.size, isNeverEmpty ? 1 : 0)
  const answer = (): void => {
    if (isHanging) throw new SfuUnreachableError('simulated', 'it hangs')
  }
  function changing(change: () => void): void {
    const wasEmpty = sessions.size === 0
    change()
    if (wasEmpty !== (sessions.size === 0)) onChange()
  }
  const endAll = (how: 'moved' | 'cut' | 'fault', cause: string): void =>
    changing(() => {
      for (const session of sessions.values()) ledger.end(session, how, cause)
      sessions.clear()
    })

  return {
    adapter: {
      name: 'simulated',
      async read(): Promise<SfuReading> {
        answer()
        const sessionCount = reported()
        return {
          bootId: `boot-${boot}`,
          sessions: sessionCount,
          load: {
            rooms: Math.ceil(sessionCount / 4),
            streams: sessionCount * 4,
            cpu: Math.min(95, sessionCount / 4),
            ...load,
          },
        }
      },
      async notifyDrain() {
        answer()
        for (const session of sessions.values()) session.toldAt ??= new Date()
      },
      async evict() {
        answer()
        const moved = sessions.size
        endAll('moved', 'its agent moved it off')
        return { moved }
      },
    },
    get present() {
      return [...sessions.keys()]
    },
    get reported() {
      return reported()
    },
    get isHanging() {
      return isHanging
    },
    join: participants =>
      changing(() => {
        for (const participant of participants) {
          if (sessions.has(participant)) throw new Error(`${participant} is on ${identity.node} already`)
          sessions.set(participant, ledger.join({ ...identity, participant }))
        }
      }),
    leave: participants =>
      changing(() => {
        for (const participant of participants) {
          const session = sessions.get(participant)
          if (session) ledger.end(session, 'left', 'of their own accord')
          sessions.delete(participant)
        }
      }),
    endAll,
    crash() {
      endAll('fault', 'the SFU crashed, as the test asked')
      boot += 1
      onChange()
    },
    hang(hangs) {
      isHanging = hangs
    },
    neverEmpty(isSo) {
      isNeverEmpty = isSo
      onChange()
    },
    setLoad(next) {
      load = { ...load, ...next }
    },
  }
}
