// Many writes at once, in waves: all of a wave are let end, and what one of them failed of stops the next wave.
import { isConflict, isNotFound } from '../kube/errors.ts'

export interface Waves<T> {
  readonly done: readonly T[]
  /** What stopped it before its end: the first of the last wave. */
  readonly failure?: Error | undefined
}

export const MAX_WAVE = 500

/** Waves of 1, 2, 4 … `MAX_WAVE`: a server that says no is asked once, not a thousand times. */
export async function inGrowingWaves<T>(count: number, attempt: () => Promise<T>): Promise<Waves<T>> {
  const done: T[] = []
  for (let begun = 0, size = 1; begun < count; begun += size, size = Math.min(MAX_WAVE, size * 2)) {
    const wave = await settled(Array.from({ length: Math.min(size, count - begun) }, attempt))
    done.push(...wave.done)
    const [failure] = wave.failures
    if (failure !== undefined) return { done, failure }
  }
  return { done }
}

/** An object that changed or went since it was judged is passed over: its news are on their way here. */
export async function toEach<T>(objects: readonly T[], write: (object: T) => Promise<unknown>): Promise<Waves<T>> {
  const done: T[] = []
  for (let from = 0; from < objects.length; from += MAX_WAVE) {
    const wave = await settled(
      objects.slice(from, from + MAX_WAVE).map(async object => {
        await write(object)
        return object
      }),
    )
    done.push(...wave.done)
    const failure = wave.failures.find(it => !isConflict(it) && !isNotFound(it))
    if (failure !== undefined) return { done, failure }
  }
  return { done }
}

const asError = (reason: unknown): Error => (reason instanceof Error ? reason : new Error(String(reason)))

async function settled<T>(attempts: readonly Promise<T>[]): Promise<{ done: T[]; failures: Error[] }> {
  const results = await Promise.allSettled(attempts)
  return {
    done: results.filter(it => it.status === 'fulfilled').map(it => it.value),
    failures: results.filter(it => it.status === 'rejected').map(({ reason }) => asError(reason)),
  }
}
