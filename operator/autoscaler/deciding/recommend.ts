// The decision: how many nodes the pool should have, and why. Pure, and reads only: the same memory and the same snapshot have
// the same answer, however often it is asked. The steps are those of docs/scaling.md, each in a file of its own.
import type { AutoscalerReason } from '../../api/reasons.ts'
import type { Terms } from '../../api/rtcautoscaler-status.ts'
import type { Forecasts } from '../learning/forecasts.ts'
import { leadTimeOf } from '../learning/lead-time.ts'
import type { Snapshot } from '../learning/snapshot.ts'
import { policiesEaseInMs } from './behavior.ts'
import { type Course, lowered, raised, towards } from './course.ts'
import { down, whyFrozen } from './down.ts'
import { explain } from './explain.ts'
import { joinLatencyP99Of, latencyText } from './latency.ts'
import type { Memory } from './memory.ts'
import { loadOf, type Need, needOf } from './need.ts'
import type { Bounds } from './schedule.ts'
import { type Fallback, fallbackInMs, freshShare } from './telemetry.ts'
import { up } from './up.ts'

export interface Recommendation {
  /**
   * Replicas that are wanted, within all limits; as many as there are when nothing is to change. It is worked out with
   * spec.paused and mode Recommend too: then it is only shown.
   */
  readonly desired: number
  /** Replicas by the formula, before any limit. */
  readonly recommended: number
  readonly terms: Terms
  /** Each limit that made `desired` another number than `recommended`. */
  readonly limits: readonly AutoscalerReason[]
  /** The reason of ScalingActive. */
  readonly because: AutoscalerReason
  /** `12→15: load 5.9k × 1.31 (minute :58) / (1000 × 0.52), 3 reopened`. */
  readonly why: string
  /** Mean of the nodes that take rooms; 1 is full. */
  readonly pressure: number | undefined
  /** The quality figure that has a goal, and the goal: `820/1500ms`. */
  readonly latency: string | undefined
  readonly joinLatencyP99Ms: number | undefined
  /** Share of the pool that reports, by capacity. */
  readonly freshPercent: number | undefined
  /** On once too few have reported for spec.fallback.afterSeconds. */
  readonly fallback: Fallback
  readonly latencyNotLoadRelated: boolean
  readonly telemetryDegraded: boolean
  readonly forecastErrorPercent: number | undefined
  /** By each way to tell it, also where spec.forecast lets it not count. */
  readonly forecasts: Forecasts
  readonly leadTime: { readonly warmSeconds?: number; readonly coldSeconds?: number }
  /** Time alone may change the answer after so long; 10 s at most. */
  readonly lookAgainMs: number
}

export function recommend(memory: Memory, at: Snapshot): Recommendation {
  const load = loadOf(memory, at) // 1 pressure, 2 capacity, 3 knee, 4 trim, 5 margin, 6 demand
  const need = needOf(memory, at, load) // 7 lead time, 8 forecast, 9 size
  const course = courseOf(memory, at, need) // 10 up, 11 down
  const isUnrelated = memory.causality.unrelatedSince !== undefined // 12 causality: learn.ts has let nothing of it count
  const { warmSeconds, coldSeconds } = leadTimeOf(memory.learning)
  const { demand, expected, sight } = need
  const share = freshShare(demand)
  const joinLatencyP99Ms = joinLatencyP99Of(at.nodes)
  return {
    desired: course.replicas,
    recommended: need.recommended,
    terms: termsOf(need),
    limits: course.limits,
    because: reasonOf(at, need, course, isUnrelated),
    why: explain(at, need, course),
    pressure: demand.open === 0 ? undefined : demand.pressure / demand.open,
    latency: latencyText(at.spec.targets, joinLatencyP99Ms, at.nodes),
    joinLatencyP99Ms,
    freshPercent: share === undefined ? undefined : 100 * share,
    fallback: need.fallback,
    latencyNotLoadRelated: isUnrelated,
    telemetryDegraded: sight !== 'good',
    forecastErrorPercent: expected.errorPercent,
    forecasts: expected.said,
    leadTime: {
      ...(warmSeconds === undefined ? {} : { warmSeconds }),
      ...(coldSeconds === undefined ? {} : { coldSeconds }),
    },
    lookAgainMs: lookAgainMs(memory, at, need, course),
  }
}

/** Limits that have come to nothing are none. */
function courseOf(memory: Memory, at: Snapshot, need: Need): Course {
  const course = steered(memory, at, need)
  return course.replicas === need.recommended ? towards(need.recommended) : course
}

/** From what is wanted to what is done. Behavior begins within the bounds: as with an HPA, outside of them is left at once. */
function steered(memory: Memory, at: Snapshot, need: Need): Course {
  const { bounds, size, sight, now } = need
  const wanted = within(bounds, need.wanted)
  const from = within(bounds, towards(at.replicas)).replicas
  if (wanted.replicas > from) return up(memory, at.spec.behavior.scaleUp, { from, wanted, now })
  if (wanted.replicas === from) return wanted
  const frozenBy = whyFrozen(memory, at, sight, bounds.complaints, now)
  return down(memory, at.spec.behavior.scaleDown, { from, wanted, kept: size.kept, frozenBy, now })
}

const within = ({ min, max, minBy }: Bounds, course: Course): Course =>
  lowered(raised(course, min, minBy === undefined ? 'MinReplicas' : 'Scheduled'), max, 'MaxReplicas')

function reasonOf({ spec, replicas }: Snapshot, need: Need, course: Course, isUnrelated: boolean): AutoscalerReason {
  if (spec.paused) return 'Paused'
  if (spec.mode === 'Recommend') return 'Recommending'
  if (course.replicas > replicas) return 'ScaledUp'
  if (course.replicas < replicas) return 'ScaledDown'
  if (need.bounds.complaints.length > 0) return 'InvalidSchedule'
  if (need.demand.known === 0) return 'NoLoadYet'
  return isUnrelated ? 'LatencyNotLoadRelated' : 'Steady'
}

const termsOf = ({ safe, demand, expected, size }: Need): Terms => ({
  demand: demand.load,
  draining: demand.draining,
  forecast: expected.demand,
  forecastBy: expected.by,
  capacity: size.capacity,
  safePressure: safe.mean,
  knee: safe.knee,
  trim: safe.trim,
  margin: safe.margin,
  warm: size.warm,
  needed: size.needed,
})

const [SOONEST_MS, LATEST_MS] = [100, 10_000]

function lookAgainMs(
  { sight, steps }: Memory,
  at: Snapshot,
  { bounds, fallback, now }: Need,
  { limits }: Course,
): number {
  const { scaleUp, scaleDown } = at.spec.behavior
  const soonest = Math.min(
    bounds.until - at.now,
    fallback.on ? LATEST_MS : fallbackInMs(sight, at, now),
    limits.includes('ScaleUpPolicy') ? policiesEaseInMs(scaleUp, steps, now) : LATEST_MS,
    limits.includes('ScaleDownPolicy') ? policiesEaseInMs(scaleDown, steps, now) : LATEST_MS,
  )
  return Math.min(LATEST_MS, Math.max(SOONEST_MS, soonest))
}
