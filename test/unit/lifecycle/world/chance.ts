// Chance from a seed, so that a schedule can be run again.

export interface Chance {
  /** In [0, 1). */
  next(): number
  below(bound: number): number
  hits(probability: number): boolean
  oneOf<T>(items: readonly T[]): T | undefined
}

/** Mulberry32 (public domain, Tommy Ettinger): 32 bits of state, ample for a schedule. */
export function chanceFrom(seed: number): Chance {
  let state = (seed * 0x9e37_79b1) | 0
  const next = (): number => {
    state = (state + 0x6d2b_79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  const below = (bound: number): number => Math.floor(next() * bound)
  return { next, below, hits: probability => next() < probability, oneOf: items => items[below(items.length)] }
}

/** Picks a name by its weight. */
export function weighted<K extends string>(weights: Readonly<Record<K, number>>): (chance: Chance) => K {
  const entries = Object.entries(weights) as [K, number][]
  const total = entries.reduce((sum, [, weight]) => sum + weight, 0)
  return chance => {
    let left = chance.next() * total
    for (const [name, weight] of entries) {
      left -= weight
      if (left < 0) return name
    }
    return entries[0]![0]
  }
}
