// The whole of the pure core, for whoever drives it: the controller, the simulator and the tests. No I/O, no clock, no chance.
// `learn` folds a snapshot into the memory, `recommend` only reads: it may be asked at any moment, any number of times.
import { type Instant, instant } from '../ambient/clock.ts'
import type { AutoscalerReason } from '../api/reasons.ts'
import type { Terms } from '../api/rtcautoscaler.ts'
import type { Snapshot } from './snapshot.ts'

export interface Change {
  readonly at: Instant
  readonly from: number
  readonly to: number
}

export interface Recommendation {
  /** Replicas that are wanted, within all limits; as many as there are when nothing is to change. */
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
  /** The worst quality figure against its goal, `820/1500ms`. */
  readonly latency: string | undefined
  readonly joinLatencyP99Ms: number | undefined
  /** Share of the pool that reports, by capacity. */
  readonly freshPercent: number | undefined
  /** `on` once too few have reported for spec.fallback.afterSeconds. */
  readonly fallback: { readonly on: boolean; readonly because: 'EnoughReport' | 'FewReport' | 'RegistryOutOfSight' }
  readonly latencyNotLoadRelated: boolean
  readonly telemetryDegraded: boolean
  readonly forecastErrorPercent: number | undefined
  readonly leadTime: { readonly warmSeconds?: number; readonly coldSeconds?: number }
  /** Time alone may change the answer after so long; 10 s at most. */
  readonly lookAgainMs: number
}

export const LEARNED_VERSION = 1

export interface Memory {
  at: Instant
}

export const newMemory = (now: Instant): Memory => ({ at: now })

export function learn(memory: Memory, at: Snapshot): void {
  memory.at = at.now
}

export function noteChange(memory: Memory, change: Change): void {
  memory.at = change.at
}

export const saved = (memory: Memory): string => JSON.stringify(memory.at)

export function restored(data: string, version: number, now: Instant): Memory | undefined {
  return version === LEARNED_VERSION && Number.isFinite(Number(data)) ? { at: instant(Math.min(Number(data), now)) } : undefined
}

const LOOK_AGAIN_MS = 10_000

// By the prior knee alone, until the steps of recommend.ts take its place.
export function recommend(_memory: Memory, at: Snapshot): Recommendation {
  const { minReplicas, maxReplicas } = at.spec
  let pressure = 0
  let known = 0
  for (const { supply, reading } of at.nodes) {
    if (supply !== 'open' || reading === undefined) continue
    pressure += reading.pressure
    known += 1
  }
  const needed = known === 0 ? at.replicas : Math.ceil(pressure / 0.65)
  const desired = Math.min(maxReplicas, Math.max(minReplicas, needed))
  return {
    desired,
    recommended: needed,
    terms: { demand: pressure, capacity: 1, safePressure: 0.65, needed },
    limits: desired === needed ? [] : [desired < needed ? 'MaxReplicas' : 'MinReplicas'],
    because: known === 0 ? 'NoLoadYet' : desired > at.replicas ? 'ScaledUp' : desired < at.replicas ? 'ScaledDown' : 'Steady',
    why: `${at.replicas}→${desired}: load ${pressure.toFixed(1)} / (1 × 0.65)`,
    pressure: known === 0 ? undefined : pressure / known,
    latency: undefined,
    joinLatencyP99Ms: undefined,
    freshPercent: undefined,
    fallback: { on: false, because: 'EnoughReport' },
    latencyNotLoadRelated: false,
    telemetryDegraded: false,
    forecastErrorPercent: undefined,
    leadTime: {},
    lookAgainMs: LOOK_AGAIN_MS,
  }
}
