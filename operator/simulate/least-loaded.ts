// Which node takes the next room: the one with the lowest score, found in a tournament of all. A change costs as many steps as
// the number of nodes has bits, so a thousand nodes and millions of rooms are no matter.

export interface LeastLoaded {
  /** Infinity: takes none. */
  set(slot: number, score: number): void
  /** The slot with the lowest score; undefined when none takes any. */
  best(): number | undefined
}

export function leastLoaded(): LeastLoaded {
  let size = 64
  /** The winners of the pairs below, the final at 1; leaves begin at `size`. */
  let scores = new Float64Array(2 * size).fill(Number.POSITIVE_INFINITY)
  const at = (index: number): number => scores[index] as number

  const doubled = (): void => {
    const leaves = scores.subarray(size)
    const larger = new Float64Array(4 * size).fill(Number.POSITIVE_INFINITY)
    larger.set(leaves, 2 * size)
    size *= 2
    scores = larger
    for (let index = size - 1; index > 0; index -= 1) scores[index] = Math.min(at(2 * index), at(2 * index + 1))
  }

  return {
    set(slot, score) {
      for (let missing = slot >= size; missing; missing = slot >= size) doubled()
      let index = size + slot
      scores[index] = score
      while (index > 1) {
        index >>= 1
        const winner = Math.min(at(2 * index), at(2 * index + 1))
        if (at(index) === winner) return
        scores[index] = winner
      }
    },
    best() {
      const score = at(1)
      if (score === Number.POSITIVE_INFINITY) return undefined
      let index = 1
      while (index < size) index = at(2 * index) === score ? 2 * index : 2 * index + 1
      return index - size
    },
  }
}
