// The metrics of the registry, as a table; the fleet view keeps them.
import type { MetricsOf } from '../telemetry/metrics.ts'

export const registryMetricTable = {
  rtcnode_registry_keys: { kind: 'gauge', help: 'Node keys in the registry, readable or not.', labels: [] },
  rtcnode_registry_rejected_values_total: {
    kind: 'counter',
    help: 'Values of node keys and intents that could not be trusted, by cause.',
    labels: ['cause'],
  },
  rtcnode_registry_resyncs_total: {
    kind: 'counter',
    help: 'How often the whole registry was read, by cause.',
    labels: ['cause'],
  },
  rtcnode_registry_in_sight: { kind: 'gauge', help: '1 while the registry is seen by this replica.', labels: [] },
  rtcnode_registry_freezes_total: {
    kind: 'counter',
    help: 'How often a freeze has begun, by cause: out-of-sight, vanished (many keys at once), silent (many nodes at once).',
    labels: ['cause'],
  },
  rtcnode_registry_frozen: { kind: 'gauge', help: '1 while missing keys may not be taken for dead nodes.', labels: [] },
  rtcnode_registry_certificate_expiry_timestamp_seconds: {
    kind: 'gauge',
    help: 'Unix time when our certificate for the registry ends; NaN without one.',
    labels: [],
  },
  rtcnode_registry_progress_age_seconds: {
    kind: 'gauge',
    help: 'Seconds since the registry was last heard; NaN before it ever was.',
    labels: [],
  },
} as const
export type RegistryMetrics = MetricsOf<typeof registryMetricTable>
