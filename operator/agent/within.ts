// A bound on one piece of work with the SFU. Not AbortSignal.timeout: that one fires even when the work is long done, and
// does not follow the clock that is handed in. Called by the loop.
import type { Clock } from '../ambient/clock.ts'

/** Hands the work a signal that aborts after `ms`, or with `signal`. Rejects as the work does. */
export async function within<T>(
  ms: number,
  { clock, signal }: { clock: Clock; signal: AbortSignal },
  work: (signal: AbortSignal) => T | Promise<T>,
): Promise<T> {
  const bound = new AbortController()
  const cancelTimer = clock.after(ms, () => bound.abort(new Error(`no answer within ${ms} ms`)))
  const onAbort = (): void => bound.abort(signal.reason)
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    return await work(bound.signal)
  } finally {
    cancelTimer()
    signal.removeEventListener('abort', onAbort)
  }
}
