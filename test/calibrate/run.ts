// What one calibration has seen, as plain data: written to a file with --raw, and turned into a model by model.ts.
import type { Heartbeat } from '../../operator/api/heartbeat.ts'

/** All times are of the wall clock, milliseconds. */
export interface Run {
  readonly cpuLimitCores: number
  readonly startUps: readonly StartUp[]
  readonly steps: readonly PlayedStep[]
  /** One for each heartbeat, oldest first. */
  readonly samples: readonly Sample[]
  readonly joins: readonly TimedJoin[]
  /** Joins that came to nothing, and calls that ended without their people's wish: what overload looks like to them. */
  readonly failedAt: readonly number[]
  readonly cutAt: readonly number[]
}

/** A node that started on a host that was there, with an image that was there. */
export interface StartUp {
  /** From `kubectl apply` until the pod had a host. */
  readonly scheduledSeconds: number
  /** From `kubectl apply` until the first heartbeat that takes rooms. */
  readonly servingSeconds: number
}

/** What was asked for, and when. */
export interface PlayedStep {
  readonly from: number
  readonly to: number
  readonly pressure: number
  readonly joinsPerSecond: number
  /** How long the server took to answer the joins of this step, by its own histogram, which begins at 10 ms. */
  readonly answersMs?: { readonly p50: number; readonly p90: number; readonly p99: number }
}

export interface Sample {
  readonly at: number
  readonly beat: Heartbeat
  /** Share of the machine's CPU that nobody used since the beat before: near 0, the machine and not the limit slowed the SFU. */
  readonly machineIdle: number
}

export interface TimedJoin {
  /** When it was done. */
  readonly at: number
  /** From the first byte sent to a connected media transport. */
  readonly latencyMs: number
}

/** Several ramps as one. They must be of the same CPU limit. */
export function joined(runs: readonly Run[]): Run {
  const [first] = runs
  if (!first || runs.some(run => run.cpuLimitCores !== first.cpuLimitCores)) {
    throw new Error('ramps of different CPU limits make no model together')
  }
  return {
    cpuLimitCores: first.cpuLimitCores,
    startUps: runs.flatMap(run => run.startUps),
    steps: runs.flatMap(run => run.steps),
    samples: runs.flatMap(run => run.samples),
    joins: runs.flatMap(run => run.joins),
    failedAt: runs.flatMap(run => run.failedAt),
    cutAt: runs.flatMap(run => run.cutAt),
  }
}
