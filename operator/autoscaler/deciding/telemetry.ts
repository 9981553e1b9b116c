// How far the pool can be seen, and what that allows. Little is seen: nothing is taken away. Very little, for long: fallback,
// which can only raise. A duration, not a number of failed looks, so that it means the same at every rate. (KEP-5679 says why.)

import type { Snapshot } from '../learning/snapshot.ts'
import type { Demand } from './demand.ts'

/** good: the load is known. partial: too little to take anything away. poor: too little to tell the load. */
export type Sight = 'good' | 'partial' | 'poor'

export interface SightMemory {
  /** On the memory's own clock, milliseconds; undefined: it is not poor. */
  poorSince: number | undefined
}

/** Shares of capacity that report. */
const GOOD_SHARE = 0.9
const POOR_SHARE = 0.5
/** Half of the pool is half of it in whatever order its capacities are summed. */
const ROUNDING = 1e-9

export const newSight = (): SightMemory => ({ poorSince: undefined })

/** Undefined: there is no node that could report. */
export const freshShare = ({ capacity, heardCapacity }: Demand): number | undefined =>
  capacity > 0 ? heardCapacity / capacity : undefined

export function sightOf(at: Snapshot, demand: Demand): Sight {
  if (!at.registry.inSight) return 'poor'
  const share = (freshShare(demand) ?? 1) + ROUNDING
  return share < POOR_SHARE ? 'poor' : share < GOOD_SHARE ? 'partial' : 'good'
}

export function noteSight(memory: SightMemory, sight: Sight, now: number): void {
  memory.poorSince = sight === 'poor' ? (memory.poorSince ?? now) : undefined
}

export interface Fallback {
  readonly on: boolean
  readonly because: 'EnoughReport' | 'FewReport' | 'RegistryOutOfSight'
}

export function fallbackOf(memory: SightMemory, at: Snapshot, sight: Sight, now: number): Fallback {
  if (sight !== 'poor') return { on: false, because: 'EnoughReport' }
  const because = at.registry.inSight ? 'FewReport' : 'RegistryOutOfSight'
  return { on: fallbackInMs(memory, at, now) <= 0, because }
}

/** Infinity: not as things are. */
export const fallbackInMs = ({ poorSince }: SightMemory, { spec }: Snapshot, now: number): number =>
  poorSince === undefined ? Number.POSITIVE_INFINITY : poorSince + 1_000 * spec.fallback.afterSeconds - now
