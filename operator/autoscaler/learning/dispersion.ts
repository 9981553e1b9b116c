// How far nodes stray above the pool in pressure: nodes must stay below the knee, not only their mean (the step "Margin" of
// docs/scaling.md). Pure; fed by learning.ts, read by size.ts.
import { kept } from './passage.ts'
import { add, medianOf, newSample, type Sample } from './sample.ts'

export interface Dispersion {
  sigma: number
  /** In the last snapshot that could tell. */
  seen: number
  readonly pressures: Sample
}

/** Until there are two nodes to compare: what rooms of ordinary sizes make. */
const PRIOR_SIGMA = 0.08
export const MAX_SIGMA = 0.5
const HALF_LIFE_MS = 300_000
/** A node that opened just now is empty because of that, and not because rooms differ. */
export const SETTLES_IN_MS = 180_000

export const newDispersion = (): Dispersion => ({ sigma: PRIOR_SIGMA, seen: PRIOR_SIGMA, pressures: newSample() })

/** Before the nodes of a snapshot: what was seen in the last one has held until now. */
export function beginDispersion(dispersion: Dispersion, stepMs: number): void {
  dispersion.sigma = dispersion.seen + (dispersion.sigma - dispersion.seen) * kept(stepMs, HALF_LIFE_MS)
  dispersion.pressures.count = 0
}

/** Of a node that has settled in, and is not yet so full that rooms are kept from it: its remedy is that, not more nodes. */
export function learnDispersion({ pressures }: Dispersion, pressure: number): void {
  if (pressure >= 0) add(pressures, pressure)
}

/**
 * Only what lies above the median counts. Nodes that fill slowly lie far below it; were they counted, each node that is added
 * would seem to call for another one.
 */
export function settleDispersion(dispersion: Dispersion): void {
  const { pressures } = dispersion
  if (pressures.count < 2) return
  const median = medianOf(pressures)
  let [squares, above] = [0, 0]
  for (let index = 0; index < pressures.count; index += 1) {
    const over = (pressures.values[index] as number) - median
    if (over <= 0) continue
    squares += over ** 2
    above += 1
  }
  dispersion.seen = above === 0 ? 0 : Math.min(MAX_SIGMA, Math.sqrt(squares / above))
}

/** The standard deviation of the pressure of nodes, as their upper half shows it; 0.08 until it was measured. */
export const spreadOf = ({ dispersion }: { readonly dispersion: Dispersion }): number => dispersion.sigma
