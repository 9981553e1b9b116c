// A bound on work: the work is handed a signal that aborts at the deadline or with the caller's own signal.
import type { Clock } from '../ambient/clock.ts'

export interface Bound {
  ms: number
  /** Thrown to the caller when time is up. */
  reason: () => Error
  clock: Clock
  signal?: AbortSignal
}

/** Settles with the work, or rejects as soon as the bound or the caller's signal aborts, even if the work ignores that. */
export async function boundedBy<T>(bound: Bound, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  bound.signal?.throwIfAborted()
  const controller = new AbortController()
  const { promise: cut, reject } = Promise.withResolvers<never>()
  const abort = (reason: Error): void => {
    controller.abort(reason)
    reject(reason)
  }
  const onAbort = (): void => abort(bound.signal?.reason as Error)
  bound.signal?.addEventListener('abort', onAbort, { once: true })
  const cancel = bound.clock.after(bound.ms, () => abort(bound.reason()))
  try {
    return await Promise.race([work(controller.signal), cut])
  } finally {
    cancel()
    bound.signal?.removeEventListener('abort', onAbort)
  }
}
