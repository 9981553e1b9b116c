// Time, as everything else in the program sees it. This folder is the only place that touches the machine's clock,
// its timers, chance and the environment; all other code is handed what it needs, so tests and the simulator can drive it.

/** A wall-clock moment: milliseconds since the Unix epoch. Compare and subtract; never use it to measure a duration. */
export type Instant = number & { readonly __unit: 'instant' }

/** A reading of a clock that never jumps: milliseconds since an arbitrary start. For durations and ages only. */
export type Monotonic = number & { readonly __unit: 'monotonic' }

export interface Clock {
  /** Wall clock. May jump; see `ServerClock` for the one that deadlines are judged by. */
  wall(): Instant
  monotonic(): Monotonic
  /** Resolves after `ms`; rejects with the signal's reason as soon as the signal aborts. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
  /** Calls back once after `ms`. The returned function cancels it. Does not keep the process alive. */
  after(ms: number, callback: () => void): () => void
}

export const instant = (ms: number): Instant => ms as Instant
export const monotonic = (ms: number): Monotonic => ms as Monotonic
export const later = <T extends Instant | Monotonic>(from: T, ms: number): T => (from + ms) as T

/** RFC 3339, the form of every time in a Kubernetes object; seconds precision, as `metav1.Time` keeps it. */
export const toTimestamp = (at: Instant): string => `${new Date(at).toISOString().slice(0, 19)}Z`

/** The instant of an RFC 3339 time; undefined when the text is absent or is no time. */
export function fromTimestamp(text: string | undefined): Instant | undefined {
  if (text === undefined) return undefined
  const ms = Date.parse(text)
  return Number.isNaN(ms) ? undefined : instant(ms)
}

export const systemClock: Clock = {
  wall: () => instant(Date.now()),
  monotonic: () => monotonic(performance.now()),
  sleep: (ms, signal) =>
    new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason as Error)
      const onAbort = (): void => {
        clearTimeout(timer)
        reject(signal?.reason as Error)
      }
      const timer = setTimeout(() => {
        signal?.removeEventListener('abort', onAbort)
        resolve()
      }, ms)
      signal?.addEventListener('abort', onAbort, { once: true })
    }),
  after: (ms, callback) => {
    const timer = setTimeout(callback, ms)
    timer.unref()
    return () => clearTimeout(timer)
  },
}
