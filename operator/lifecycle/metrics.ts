// The fleet as metrics: few series whatever its size. Counted from the cache at each scrape.
import { type Phase, phases, type RTCNode } from '../api/rtcnode.ts'
import type { Cache } from '../kube/informer.ts'
import { type MetricDefinition, type MetricRegistry, metricsFrom } from '../telemetry/metrics.ts'

export const lifecycleMetricTable = {
  rtcnode_nodes: { kind: 'gauge', help: 'RTCNodes by phase.', labels: ['phase'] },
  rtcnode_sessions: {
    kind: 'gauge',
    help: 'Participants connected, as last written to the status of RTCNodes.',
    labels: [],
  },
} as const satisfies Record<string, MetricDefinition>

export function lifecycleMetrics(registry: MetricRegistry, nodes: Cache<RTCNode>): void {
  const metrics = metricsFrom(registry, lifecycleMetricTable)
  const count = (phase: Phase): number =>
    [...nodes.list()].filter(node => (node.status?.phase ?? 'Pending') === phase).length
  for (const phase of phases) metrics.rtcnode_nodes.follow({ phase }, () => count(phase))
  metrics.rtcnode_sessions.follow({}, () =>
    [...nodes.list()].reduce(
      (sum, { status }) => sum + (status?.drain?.sessionsRemaining ?? status?.load?.sessions ?? 0),
      0,
    ),
  )
}
