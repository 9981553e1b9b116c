// Each autoscaler as metrics: the terms of its last look as gauges, its decisions and what limited them as counters. Kept up
// by the controller at every look, so that they are fresher than the status.
import { type ObjectKey, splitKey } from '../api/meta.ts'
import { autoscalerReasons } from '../api/reasons.ts'
import type { RTCAutoscalerSpec } from '../api/rtcautoscaler-spec.ts'
import { type MetricDefinition, type MetricRegistry, metricsFrom } from '../telemetry/metrics.ts'
import type { Recommendation } from './deciding/core.ts'

const labels = ['namespace', 'autoscaler'] as const
const gauge = (help: string) => ({ kind: 'gauge', help, labels }) as const

export const autoscalerMetricTable = {
  rtcnode_autoscaler_current_replicas: gauge('Replicas of the pool.'),
  rtcnode_autoscaler_desired_replicas: gauge('Replicas that are wanted, within all limits.'),
  rtcnode_autoscaler_recommended_replicas: gauge('Replicas by the formula, before limits.'),
  rtcnode_autoscaler_min_replicas: gauge('spec.minReplicas.'),
  rtcnode_autoscaler_max_replicas: gauge('spec.maxReplicas.'),
  rtcnode_autoscaler_pressure: gauge('Mean pressure of the nodes that take rooms; 1 is full.'),
  rtcnode_autoscaler_join_latency_p99_seconds: gauge('99th percentile of the time to join, over the pool.'),
  rtcnode_autoscaler_join_latency_goal_seconds: gauge('spec.targets.joinLatencyP99Ms, in seconds.'),
  rtcnode_autoscaler_fresh_ratio: gauge('Share of the pool that reports, by capacity.'),
  rtcnode_autoscaler_demand_units: gauge('Load of all nodes (forwarded streams where the SFU tells them).'),
  rtcnode_autoscaler_draining_units: gauge('The part of the demand on nodes that take no new rooms.'),
  rtcnode_autoscaler_forecast_units: gauge('Demand that is prepared for.'),
  rtcnode_autoscaler_forecast_error_ratio: gauge('How far the forecast has been off lately, as a share of demand.'),
  rtcnode_autoscaler_capacity_units: gauge('Units a node bears at pressure 1, learned.'),
  rtcnode_autoscaler_safe_pressure: gauge('The mean pressure that nodes may have: trim × knee − margin.'),
  rtcnode_autoscaler_knee: gauge('The pressure at which the latency goal is just met, learned.'),
  rtcnode_autoscaler_trim: gauge('Factor below 1 while too many joins are late.'),
  rtcnode_autoscaler_margin: gauge('How far below that the mean must stay, because nodes differ.'),
  rtcnode_autoscaler_warm_nodes: gauge('Spare nodes.'),
  rtcnode_autoscaler_warm_start_seconds: gauge('Measured from the wish for a node until it takes rooms.'),
  rtcnode_autoscaler_cold_start_seconds: gauge('The same when a host must be made first.'),
  rtcnode_autoscaler_fallback: gauge('1 while too few nodes have reported for too long.'),
  rtcnode_autoscaler_decisions_total: {
    kind: 'counter',
    help: 'Changes of replicas, by reason: ScaledUp, ScaledDown; Recommending when they were only worked out.',
    labels: [...labels, 'reason'],
  },
  rtcnode_autoscaler_limits_total: {
    kind: 'counter',
    help: 'How often a limit has begun to keep the number from being what the formula says, by limit.',
    labels: [...labels, 'limit'],
  },
} as const satisfies Record<string, MetricDefinition>

type Row = keyof typeof autoscalerMetricTable
type GaugeRow = { [R in Row]: (typeof autoscalerMetricTable)[R]['kind'] extends 'gauge' ? R : never }[Row]

/** The pool's replicas as they are, and what the autoscaler was asked for. */
export interface Setting {
  readonly replicas: number
  readonly spec: RTCAutoscalerSpec
}

/** Undefined: not known, and then there is no such series. */
const valueOf: Readonly<Record<GaugeRow, (it: Recommendation, at: Setting) => number | undefined>> = {
  rtcnode_autoscaler_current_replicas: (_, { replicas }) => replicas,
  rtcnode_autoscaler_desired_replicas: ({ desired }) => desired,
  rtcnode_autoscaler_recommended_replicas: ({ recommended }) => recommended,
  rtcnode_autoscaler_min_replicas: (_, { spec }) => spec.minReplicas,
  rtcnode_autoscaler_max_replicas: (_, { spec }) => spec.maxReplicas,
  rtcnode_autoscaler_pressure: ({ pressure }) => pressure,
  rtcnode_autoscaler_join_latency_p99_seconds: ({ joinLatencyP99Ms }) => thousandth(joinLatencyP99Ms),
  rtcnode_autoscaler_join_latency_goal_seconds: (_, { spec }) => thousandth(spec.targets.joinLatencyP99Ms),
  rtcnode_autoscaler_fresh_ratio: ({ freshPercent }) => hundredth(freshPercent),
  rtcnode_autoscaler_demand_units: ({ terms }) => terms.demand,
  rtcnode_autoscaler_draining_units: ({ terms }) => terms.draining,
  rtcnode_autoscaler_forecast_units: ({ terms }) => terms.forecast,
  rtcnode_autoscaler_forecast_error_ratio: ({ forecastErrorPercent }) => hundredth(forecastErrorPercent),
  rtcnode_autoscaler_capacity_units: ({ terms }) => terms.capacity,
  rtcnode_autoscaler_safe_pressure: ({ terms }) => terms.safePressure,
  rtcnode_autoscaler_knee: ({ terms }) => terms.knee,
  rtcnode_autoscaler_trim: ({ terms }) => terms.trim,
  rtcnode_autoscaler_margin: ({ terms }) => terms.margin,
  rtcnode_autoscaler_warm_nodes: ({ terms }) => terms.warm,
  rtcnode_autoscaler_warm_start_seconds: ({ leadTime }) => leadTime.warmSeconds,
  rtcnode_autoscaler_cold_start_seconds: ({ leadTime }) => leadTime.coldSeconds,
  rtcnode_autoscaler_fallback: ({ fallback }) => (fallback.on ? 1 : 0),
}

const thousandth = (value: number | undefined): number | undefined => (value === undefined ? undefined : value / 1_000)
const hundredth = (value: number | undefined): number | undefined => (value === undefined ? undefined : value / 100)

const decisions = ['ScaledUp', 'ScaledDown', 'Recommending'] as const

export interface AutoscalerMetrics {
  show(key: ObjectKey, recommendation: Recommendation, setting: Setting): void
  decided(key: ObjectKey, reason: (typeof decisions)[number]): void
  /** There is no such autoscaler any more, or it has no pool. */
  forget(key: ObjectKey): void
}

export function autoscalerMetrics(registry: MetricRegistry): AutoscalerMetrics {
  const metrics = metricsFrom(registry, autoscalerMetricTable)
  const rows = Object.entries(valueOf) as [GaugeRow, (typeof valueOf)[GaugeRow]][]
  const limitsNow = new Map<ObjectKey, ReadonlySet<string>>()
  return {
    show(key, recommendation, setting) {
      const its = labelsOf(key)
      for (const reason of decisions) metrics.rtcnode_autoscaler_decisions_total.inc({ ...its, reason }, 0)
      for (const [row, read] of rows) {
        const value = read(recommendation, setting)
        if (value === undefined) metrics[row].remove(its)
        else metrics[row].set(its, value)
      }
      const before = limitsNow.get(key)
      for (const limit of recommendation.limits)
        if (!before?.has(limit)) metrics.rtcnode_autoscaler_limits_total.inc({ ...its, limit })
      limitsNow.set(key, new Set(recommendation.limits))
    },
    decided: (key, reason) => metrics.rtcnode_autoscaler_decisions_total.inc({ ...labelsOf(key), reason }),
    forget(key) {
      const its = labelsOf(key)
      for (const [row] of rows) metrics[row].remove(its)
      for (const reason of decisions) metrics.rtcnode_autoscaler_decisions_total.remove({ ...its, reason })
      for (const limit of Object.keys(autoscalerReasons))
        metrics.rtcnode_autoscaler_limits_total.remove({ ...its, limit })
      limitsNow.delete(key)
    },
  }
}

function labelsOf(key: ObjectKey): Record<(typeof labels)[number], string> {
  const { namespace = '', name } = splitKey(key)
  return { namespace, autoscaler: name }
}
