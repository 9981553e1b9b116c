// Chance for the simulator: numbers by distribution, from seeds alone. Who wants the same rooms for all policies gives each
// step seeds of its own.
import { seededRandom } from '../ambient/seeded-random.ts'
import { normalQuantile } from './normal.ts'

export interface Chance {
  /** A number in [0, 1). */
  uniform(): number
  /** A standard normal deviate, from a table of 4,096: no tail beyond 3.7. */
  normal(): number
  exponential(mean: number): number
  /** How many of a great many rare things happen, where `mean` do on average. */
  poisson(mean: number): number
}

const TABLE_SIZE = 4_096
const deviates = Float64Array.from({ length: TABLE_SIZE }, (_, index) => normalQuantile((index + 0.5) / TABLE_SIZE))

/** Where a normal deviate is close enough to a Poisson one, and far cheaper. */
const MANY = 30

export function chanceOf(...seeds: readonly number[]): Chance {
  const { next: uniform } = seededRandom(mixed(seeds))
  const normal = (): number => deviates[Math.floor(uniform() * TABLE_SIZE)] ?? 0
  return {
    uniform,
    normal,
    exponential: mean => -mean * Math.log(1 - uniform()),
    poisson(mean) {
      if (mean > MANY) return Math.max(0, Math.round(mean + Math.sqrt(mean) * normal()))
      const limit = Math.exp(-mean)
      let count = 0
      for (let product = uniform(); product > limit; product *= uniform()) count += 1
      return count
    },
  }
}

/** Seeds that differ by one give unlike runs: each is multiplied and folded in (the mixing steps of MurmurHash3). */
function mixed(seeds: readonly number[]): number {
  let state = 0x9e3779b9
  for (const seed of seeds) {
    state = Math.imul(state ^ seed, 0x85ebca6b)
    state = Math.imul(state ^ (state >>> 13), 0xc2b2ae35)
    state ^= state >>> 16
  }
  return state
}
