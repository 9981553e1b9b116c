// A bounded wait for a condition, polled. Everything in the test cluster that waits for something outside waits here.

/** Thrown by `until` when the condition did not come true in time; `cause` is the last error the probe threw, if any. */
export class NotInTime extends Error {
  readonly what: string
  readonly withinMs: number

  constructor(what: string, withinMs: number, cause: unknown) {
    super(`${what}: not within ${withinMs} ms${cause instanceof Error ? ` (last: ${cause.message})` : ''}`, { cause })
    this.name = 'NotInTime'
    this.what = what
    this.withinMs = withinMs
  }
}

export interface UntilOptions {
  withinMs: number
  /** Pause between two probes, default 50. */
  everyMs?: number
  signal?: AbortSignal
}

/**
 * Probes until the probe gives something truthy, and returns that. A probe that throws counts as "not yet".
 * The probe is handed a signal that aborts at the end of the wait, so that it cannot outlive it.
 */
export async function until<T>(
  what: string,
  probe: (signal: AbortSignal) => T | Promise<T>,
  { withinMs, everyMs = 50, signal }: UntilOptions,
): Promise<Exclude<T, undefined | null | false>> {
  const bound = AbortSignal.timeout(withinMs)
  const stop = signal ? AbortSignal.any([bound, signal]) : bound
  let lastError: unknown
  while (!stop.aborted) {
    try {
      const found = await probe(stop)
      if (found) return found as Exclude<T, undefined | null | false>
    } catch (error) {
      if (!stop.aborted) lastError = error
    }
    await pause(everyMs, stop)
  }
  signal?.throwIfAborted()
  throw new NotInTime(what, withinMs, lastError)
}

/** Resolves after `ms`, or at once when the signal aborts. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve()
  return new Promise(resolve => {
    const done = () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, ms)
    signal.addEventListener('abort', done)
  })
}
