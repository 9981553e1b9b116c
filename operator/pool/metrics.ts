// Each pool as metrics, from its status as it was last written; gone with the pool.
import { splitKey } from '../api/meta.ts'
import type { RTCNodePool } from '../api/rtcnodepool.ts'
import type { Cache } from '../kube/cache.ts'
import { type MetricDefinition, type MetricRegistry, metricsFrom } from '../telemetry/metrics.ts'

const labels = ['namespace', 'pool'] as const

export const poolMetricTable = {
  rtcnode_pool_desired_nodes: { kind: 'gauge', help: 'RTCNodes that a pool shall have.', labels },
  rtcnode_pool_open_nodes: { kind: 'gauge', help: 'RTCNodes of a pool that take new rooms.', labels },
  rtcnode_pool_ready_nodes: { kind: 'gauge', help: 'RTCNodes of a pool that are ready, closed ones too.', labels },
  rtcnode_pool_draining_nodes: { kind: 'gauge', help: 'RTCNodes of a pool that empty.', labels },
  rtcnode_pool_updated_nodes: { kind: 'gauge', help: 'RTCNodes of the update revision of a pool.', labels },
  rtcnode_pool_headroom_wanted_nodes: {
    kind: 'gauge',
    help: 'For how many RTCNodes room is to be kept on hosts; no series for pools without spec.headroom.',
    labels,
  },
  rtcnode_pool_headroom_ready_nodes: {
    kind: 'gauge',
    help: 'For how many of them there is room.',
    labels,
  },
} as const satisfies Record<string, MetricDefinition>

const valueOf: Readonly<Record<keyof typeof poolMetricTable, (pool: RTCNodePool) => number | undefined>> = {
  rtcnode_pool_desired_nodes: ({ spec }) => spec.replicas,
  rtcnode_pool_open_nodes: ({ status }) => status?.openReplicas ?? 0,
  rtcnode_pool_ready_nodes: ({ status }) => status?.readyReplicas ?? 0,
  rtcnode_pool_draining_nodes: ({ status }) => status?.drainingReplicas ?? 0,
  rtcnode_pool_updated_nodes: ({ status }) => status?.updatedReplicas ?? 0,
  rtcnode_pool_headroom_wanted_nodes: ({ status }) => status?.headroom?.wanted,
  rtcnode_pool_headroom_ready_nodes: ({ status }) => status?.headroom?.ready,
}

export function poolMetrics(registry: MetricRegistry, pools: Cache<RTCNodePool>): void {
  const metrics = metricsFrom(registry, poolMetricTable)
  pools.onChange(({ key, new: pool }) => {
    const { namespace = '', name } = splitKey(key)
    for (const [metric, read] of Object.entries(valueOf)) {
      const gauge = metrics[metric as keyof typeof poolMetricTable]
      const value = pool && read(pool)
      if (value === undefined) gauge.remove({ namespace, pool: name })
      else gauge.set({ namespace, pool: name }, value)
    }
  })
}
