// The metrics of load, as a table; the keeper keeps them.
import type { MetricDefinition, MetricsOf } from '../telemetry/metrics.ts'

export const loadMetricTable = {
  rtcnode_load_nodes: {
    kind: 'gauge',
    help: 'RTCNodes of a pool that has an RTCAutoscaler, by tier: open, prewarm, shed, protect.',
    labels: ['namespace', 'pool', 'tier'],
  },
  rtcnode_load_unknown_beats_total: {
    kind: 'counter',
    help: 'Heartbeats whose load cannot be believed or is not told, by cause: impossible, jump, no-load.',
    labels: ['cause'],
  },
} as const satisfies Record<string, MetricDefinition>
export type LoadMetrics = MetricsOf<typeof loadMetricTable>
