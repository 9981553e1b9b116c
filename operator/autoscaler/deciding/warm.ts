// What rooms may bring while a node starts (the step "Warm" of docs/scaling.md). Rooms arrive one by one but bring very different
// numbers of people: a compound Poisson process, of which the variance follows from the sizes seen. Pure; asked by size.ts.
import { roomArrivals } from '../learning/arrivals.ts'
import type { Learning } from '../learning/learning.ts'

/**
 * `2√v` with v = λH·E[w²], where w is the pressure that one room makes: in full nodes. Two deviations, so that one burst in forty
 * is larger. Their mean λH·E[w] is not in it: as much leaves meanwhile, and when less does, that is a trend, which is
 * forecast. 0: the SFU does not tell its rooms.
 */
export function burstOf(learning: Learning, leadSeconds: number): number {
  const arrivals = roomArrivals(learning)
  return arrivals === undefined ? 0 : 2 * Math.sqrt(arrivals.perSecond * leadSeconds * arrivals.meanSquarePressure)
}
