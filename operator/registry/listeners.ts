// Those who want to be told of something. One that throws is logged and keeps no other from being told. Used by the fleet
// view and the lease.
import type { Logger } from '../telemetry/log.ts'

export interface Listeners<Args extends unknown[]> {
  /** The returned function removes it again. */
  add(listener: (...args: Args) => void): () => void
  tell(...args: Args): void
}

export function listeners<Args extends unknown[]>(what: string, log: Logger): Listeners<Args> {
  const all = new Set<(...args: Args) => void>()
  return {
    add(listener) {
      all.add(listener)
      return () => void all.delete(listener)
    },
    tell(...args) {
      for (const listener of all) {
        try {
          listener(...args)
        } catch (error) {
          log.error(`a listener of the ${what} failed`, { error })
        }
      }
    },
  }
}
