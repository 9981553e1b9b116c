// Whether latency that is bad can have its cause in load (the step "Causality" of docs/scaling.md). If not, more nodes would not
// help: nothing is learned from it, so neither knee nor trim gives way, and people are told. Pure; fed by learn.ts.
import { expectedQuality } from '../learning/curve.ts'
import type { Learning } from '../learning/learning.ts'
import { kept } from '../learning/passage.ts'
import type { Snapshot } from '../learning/snapshot.ts'
import { ALLOWED_LATE, lateAt } from '../learning/trim.ts'

/** Moments over the nodes of one moment, fading: what all nodes have in common, a busy hour or an outage, is not in them. */
export interface Causality {
  pressureVariance: number
  qualityVariance: number
  covariance: number
  /** Since when latency is bad and load does not explain it, on the memory's own clock; undefined: it does, or all is well. */
  unrelatedSince: number | undefined
  /** The moment judged last, on the memory's own clock. */
  judgedMs: number
}

export const newCausality = (): Causality => ({
  pressureVariance: 0,
  qualityVariance: 0,
  covariance: 0,
  unrelatedSince: undefined,
  judgedMs: Number.NaN,
})

const HALF_LIFE_MS = 300_000
/** Below this, latency is flat in every SFU that was measured. */
const LOW_PRESSURE = 0.4
/** Less than this is no correlation. */
const CORRELATED = 0.2
/** Quality is latency ÷ goal. What was bad is well again a little below the goal, else it would flap there. */
const [BAD, WELL] = [1, 0.9]
/** A curve that has been wrong for so long is no witness any more. */
const DOUBTED_MS = 3_600_000

export function learnCausality(causality: Causality, learning: Learning, at: Snapshot, now: number): void {
  const section = crossSection(at)
  // By a second look at the same moment the curve has learned from the first, and would be asked about what it was taught.
  if (section.nodes === 0 || now === causality.judgedMs) return
  causality.judgedMs = now
  fade(causality, section, now - learning.passage.ms)
  const bad = causality.unrelatedSince === undefined ? BAD : WELL
  const isBad = section.quality > bad || section.lateShare > bad * ALLOWED_LATE
  const isUnrelated = isBad && isWhereItShouldBeGood(causality, learning, section, now) && !explains(causality, section)
  causality.unrelatedSince = isUnrelated ? (causality.unrelatedSince ?? now) : undefined
}

/** Most nodes have little load, or no more than latency has been good at before. */
function isWhereItShouldBeGood(
  { unrelatedSince }: Causality,
  learning: Learning,
  section: Section,
  now: number,
): boolean {
  if (section.low * 2 > section.nodes) return true
  const expected = expectedQuality(learning, section.pressure)
  return expected !== undefined && expected <= WELL && now - (unrelatedSince ?? now) < DOUBTED_MS
}

/** Nodes with more load are worse, and by so much that without load they would be well. */
function explains(
  { pressureVariance, qualityVariance, covariance }: Causality,
  { pressure, quality }: Section,
): boolean {
  const correlation = covariance / Math.sqrt(pressureVariance * qualityVariance)
  return correlation >= CORRELATED && quality - (covariance / pressureVariance) * pressure <= BAD
}

interface Section {
  readonly nodes: number
  /** Nodes with little load. */
  readonly low: number
  /** Means over the nodes. */
  readonly pressure: number
  readonly quality: number
  readonly pressureVariance: number
  readonly qualityVariance: number
  readonly covariance: number
  /** Of all joins. */
  readonly lateShare: number
}

function crossSection({ nodes }: Snapshot): Section {
  let [count, low, joins, late] = [0, 0, 0, 0]
  let [p, q, pp, qq, pq] = [0, 0, 0, 0, 0]
  for (const { supply, heard, reading } of nodes) {
    if (supply !== 'open' || !heard || reading?.quality === undefined) continue
    const { pressure, quality } = reading
    count += 1
    if (pressure < LOW_PRESSURE) low += 1
    p += pressure
    q += quality
    pp += pressure * pressure
    qq += quality * quality
    pq += pressure * quality
    joins += reading.joins
    late += reading.joins * lateAt(quality)
  }
  const n = Math.max(1, count)
  return {
    nodes: count,
    low,
    pressure: p / n,
    quality: q / n,
    pressureVariance: Math.max(0, pp / n - (p / n) ** 2),
    qualityVariance: Math.max(0, qq / n - (q / n) ** 2),
    covariance: pq / n - (p / n) * (q / n),
    lateShare: joins > 0 ? late / joins : 0,
  }
}

function fade(causality: Causality, section: Section, stepMs: number): void {
  const old = kept(stepMs, HALF_LIFE_MS)
  causality.pressureVariance = old * causality.pressureVariance + (1 - old) * section.pressureVariance
  causality.qualityVariance = old * causality.qualityVariance + (1 - old) * section.qualityVariance
  causality.covariance = old * causality.covariance + (1 - old) * section.covariance
}
