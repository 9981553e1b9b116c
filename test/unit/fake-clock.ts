// A clock that tests drive by hand. Timers fire in order of their time, each one followed by a turn of the event loop, so
// that what a timer sets off has happened before the next one fires.
import { setImmediate as turn } from 'node:timers/promises'
import { type Clock, type Instant, instant, type Monotonic, monotonic } from '../../operator/ambient/clock.ts'

export interface FakeClock extends Clock {
  /** Lets time pass and everything happen that falls due. */
  advance(ms: number): Promise<void>
  /** Sets the wall clock, as an administrator or NTP does; monotonic time goes on. */
  setWall(at: Instant): void
  /** Time passes while the process does not run: no timer fires until the next `advance`. */
  freezeFor(ms: number): void
  /** Timers that wait. */
  readonly pending: number
}

interface Timer {
  at: number
  fire: () => void
}

export function fakeClock(startAt: Instant = instant(Date.UTC(2026, 0, 1))): FakeClock {
  const timers = new Set<Timer>()
  let now = 1_000
  let wallOffset = startAt - now

  function after(ms: number, callback: () => void): () => void {
    const timer: Timer = { at: now + Math.max(0, ms), fire: callback }
    timers.add(timer)
    return () => void timers.delete(timer)
  }

  const nextDue = (until: number): Timer | undefined =>
    [...timers].filter(it => it.at <= until).toSorted((a, b) => a.at - b.at)[0]

  return {
    wall: () => instant(now + wallOffset),
    monotonic: (): Monotonic => monotonic(now),
    after,
    sleep: (ms, signal) =>
      new Promise((resolve, reject) => {
        if (signal?.aborted) return reject(signal.reason as Error)
        const onAbort = (): void => {
          cancel()
          reject(signal?.reason as Error)
        }
        const cancel = after(ms, () => {
          signal?.removeEventListener('abort', onAbort)
          resolve()
        })
        signal?.addEventListener('abort', onAbort, { once: true })
      }),
    async advance(ms) {
      const until = now + ms
      await turn()
      for (let timer = nextDue(until); timer; timer = nextDue(until)) {
        timers.delete(timer)
        now = Math.max(now, timer.at)
        timer.fire()
        await turn()
      }
      now = until
      await turn()
    },
    setWall: at => {
      wallOffset = at - now
    },
    freezeFor: ms => {
      now += ms
    },
    get pending() {
      return timers.size
    },
  }
}
