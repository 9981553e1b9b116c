// What the agent counts about itself; served at its /metrics.
import type { MetricsOf, MetricTable } from '../telemetry/metrics.ts'

export const agentMetrics = {
  rtcnode_agent_heartbeats_total: {
    kind: 'counter',
    help: 'Heartbeats put into the registry, by result.',
    labels: ['result'],
  },
  rtcnode_agent_sfu_reads_total: { kind: 'counter', help: 'Readings of the SFU, by result.', labels: ['result'] },
  rtcnode_agent_sessions: { kind: 'gauge', help: 'Participants connected at the last reading.', labels: [] },
  rtcnode_agent_lease_held: { kind: 'gauge', help: '1 while the registration is bound to a live lease.', labels: [] },
  rtcnode_agent_certificate_expiry_timestamp_seconds: {
    kind: 'gauge',
    help: 'Unix time when our certificate for the registry ends; NaN without one.',
    labels: [],
  },
  rtcnode_agent_participants_moved_total: {
    kind: 'counter',
    help: 'Participants told to reconnect elsewhere.',
    labels: [],
  },
} as const satisfies MetricTable

export type AgentMetrics = MetricsOf<typeof agentMetrics>
