// Chance, handed in wherever jitter or a fresh name is needed, so that a seed replays a run.

export interface Random {
  /** A number in [0, 1). */
  next(): number
  /** A fresh RFC 9562 UUID. */
  uuid(): string
}

export const systemRandom: Random = {
  next: () => Math.random(),
  uuid: () => crypto.randomUUID(),
}

/** `ms` spread evenly over ±`share` of itself, so that many clients do not move in step. */
export const jittered = (ms: number, share: number, random: Random): number =>
  ms * (1 - share + 2 * share * random.next())
