// The process itself as metrics: what prom-client tells of every Node.js program, and which version this is. Called by run.ts.
import { collectDefaultMetrics } from 'prom-client'
import { type MetricDefinition, type MetricRegistry, metricsFrom } from './metrics.ts'

export const runtimeMetricTable = {
  rtcnode_build_info: { kind: 'gauge', help: 'Always 1: the version of the operator.', labels: ['version'] },
} as const satisfies Record<string, MetricDefinition>

/** Those of prom-client's that dashboards and alerts go by; there are more. Documentation: prom-client defines them. */
export const processMetricTable = {
  process_start_time_seconds: { kind: 'gauge', help: 'When the process started, Unix time.', labels: [] },
  process_cpu_seconds_total: { kind: 'counter', help: 'CPU time used.', labels: [] },
  process_resident_memory_bytes: { kind: 'gauge', help: 'Resident memory.', labels: [] },
  nodejs_heap_size_used_bytes: { kind: 'gauge', help: 'Heap in use.', labels: [] },
  nodejs_eventloop_lag_p50_seconds: {
    kind: 'gauge',
    help: 'Median of how late timers came since the scrape before.',
    labels: [],
  },
  nodejs_eventloop_lag_p99_seconds: {
    kind: 'gauge',
    help: '99th percentile of how late timers came since the scrape before.',
    labels: [],
  },
  nodejs_gc_duration_seconds: {
    kind: 'histogram',
    help: 'Pauses for garbage collection, by kind: minor, major, incremental, weakcb.',
    labels: ['kind'],
  },
} as const satisfies Record<string, MetricDefinition>

export function runtimeMetrics(registry: MetricRegistry, version: string): void {
  collectDefaultMetrics({ register: registry })
  metricsFrom(registry, runtimeMetricTable).rtcnode_build_info.set({ version }, 1)
}
