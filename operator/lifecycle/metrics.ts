// The fleet as metrics, told by the leader: a few series for each pool whatever its size, counted at each scrape; and what
// tally.ts counts. What is told of each single node is in node-metrics.ts.
import type { Clock } from '../ambient/clock.ts'
import { keyOf } from '../api/meta.ts'
import type { RTCNode } from '../api/rtcnode.ts'
import type { Cache } from '../kube/cache.ts'
import type { ServerClock } from '../kube/server-clock.ts'
import type { Loads } from '../load/loads.ts'
import type { FleetView } from '../registry/fleet.ts'
import {
  type MetricDefinition,
  type MetricRegistry,
  metricsFrom,
  oncePerScrape,
  type Series,
} from '../telemetry/metrics.ts'
import { countFleet, type PoolCount, type SeenNode } from './fleet-count.ts'

const labels = ['namespace', 'pool'] as const

export const lifecycleMetricTable = {
  rtcnode_nodes: {
    kind: 'gauge',
    help: 'RTCNodes by phase and by the reason of their Ready condition; pool is empty for nodes without one.',
    labels: [...labels, 'phase', 'reason'],
  },
  rtcnode_sessions: {
    kind: 'gauge',
    help: 'Participants connected, by heartbeats; where none is fresh, as last written to the status.',
    labels,
  },
  rtcnode_open_capacity_nodes: {
    kind: 'gauge',
    help: 'Room that is left on the nodes that take rooms, in empty nodes. For pools that have an RTCAutoscaler.',
    labels,
  },
  rtcnode_drains: {
    kind: 'gauge',
    help: 'RTCNodes that empty, deleted or closed by their pool, by reason.',
    labels: [...labels, 'reason'],
  },
  rtcnode_drain_overdue_seconds: {
    kind: 'gauge',
    help: 'How long the deadline of a drain has passed without its RTCNode being gone, of the one that is most late; 0 when none is.',
    labels,
  },
} as const satisfies Record<string, MetricDefinition>

/** A minute to a day: people finish their meetings. */
const drainBuckets = [10, 30, 60, 120, 300, 600, 1_200, 1_800, 3_600, 7_200, 14_400, 43_200, 86_400]

export const tallyMetricTable = {
  rtcnode_drain_duration_seconds: {
    kind: 'histogram',
    help: 'Seconds from closing a node until it was gone or reopened, by outcome: empty, deadline (those left were moved off), given-up (nobody answered), lost (it went with people on it), reopened.',
    labels: ['outcome'],
    buckets: drainBuckets,
  },
  rtcnode_participants_cut_total: {
    kind: 'counter',
    help: 'Participants whose call was ended by us or by a fault, as last heard, by cause: deadline (of a drain), host-going (its host goes), evicted (through the API, as kubectl drain does), preempted, tainted, kubelet (it shuts down, or lacks memory or disk), pod-deleted (by somebody else), sfu-restart, node-lost.',
    labels: ['cause'],
  },
} as const satisfies Record<string, MetricDefinition>

export interface FleetSources {
  readonly nodeCache: Cache<RTCNode>
  readonly fleet: Pick<FleetView, 'registration'>
  readonly loads: Pick<Loads, 'of'>
  readonly clock: Clock
  readonly serverClock: ServerClock
}

export function seenNodes({ nodeCache, fleet, loads }: FleetSources): SeenNode[] {
  return [...nodeCache.list()].map(node => {
    const key = keyOf(node)
    const load = loads.of(key)
    return { node, registration: fleet.registration(key), pressure: load?.heard ? load.reading?.pressure : undefined }
  })
}

export function lifecycleMetrics(registry: MetricRegistry, sources: FleetSources): void {
  const metrics = metricsFrom(registry, lifecycleMetricTable)
  const { clock, serverClock } = sources
  const counts = oncePerScrape(() => countFleet(seenNodes(sources), serverClock.now() ?? clock.wall()))
  const perPool = (read: (count: PoolCount) => number | undefined) => (): Series<(typeof labels)[number]>[] =>
    counts().flatMap(count => {
      const value = read(count)
      return value === undefined ? [] : [[{ namespace: count.namespace, pool: count.pool }, value]]
    })
  metrics.rtcnode_nodes.followAll(() =>
    counts().flatMap(({ namespace, pool, nodes }) =>
      [...nodes].map(([standing, count]): Series<'namespace' | 'pool' | 'phase' | 'reason'> => {
        const [phase = '', reason = ''] = standing.split('/')
        return [{ namespace, pool, phase, reason }, count]
      }),
    ),
  )
  metrics.rtcnode_drains.followAll(() =>
    counts().flatMap(({ namespace, pool, drains }) =>
      [...drains].map(
        ([reason, count]): Series<'namespace' | 'pool' | 'reason'> => [{ namespace, pool, reason }, count],
      ),
    ),
  )
  metrics.rtcnode_sessions.followAll(perPool(({ sessions }) => sessions))
  metrics.rtcnode_open_capacity_nodes.followAll(perPool(({ openCapacity }) => openCapacity))
  metrics.rtcnode_drain_overdue_seconds.followAll(perPool(({ drainOverdueSeconds }) => drainOverdueSeconds))
}
