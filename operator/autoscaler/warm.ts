// What rooms may bring while a node starts (the step "Warm" of docs/scaling.md). Rooms arrive one by one but bring very different
// numbers of people: a compound Poisson process, of which mean and variance follow from the sizes seen. Pure; asked by size.ts.
import { roomArrivals } from './arrivals.ts'
import type { Learning } from './learning.ts'

/**
 * `m + 2√v` with m = λH·E[w] and v = λH·E[w²], where w is the pressure that one room makes: in full nodes. Two deviations,
 * so that one burst in forty is larger. 0: the SFU does not tell its rooms.
 */
export function burstOf(learning: Learning, leadSeconds: number): number {
  const arrivals = roomArrivals(learning)
  if (arrivals === undefined) return 0
  const rooms = arrivals.perSecond * leadSeconds
  return rooms * arrivals.meanPressure + 2 * Math.sqrt(rooms * arrivals.meanSquarePressure)
}
