// Each RTCNode as metrics, told by the leader at /metrics/nodes, a path of its own: there are as many series as a fleet has nodes,
// and a large fleet may want to be asked less often, or not at all. Nothing is kept between two scrapes.
import type { Heartbeat } from '../api/heartbeat.ts'
import { type Exposition, type MetricDefinition, PROMETHEUS_TEXT } from '../telemetry/metrics.ts'
import { drainNow } from './drain-now.ts'
import { placeOf, type SeenNode, sessionsOn, standingOf } from './fleet-count.ts'
import { type FleetSources, seenNodes } from './metrics.ts'

const labels = ['namespace', 'pool', 'node'] as const
const gauge = (help: string) => ({ kind: 'gauge', help, labels }) as const

export const nodeMetricTable = {
  rtcnode_node_info: {
    kind: 'gauge',
    help: 'Always 1: where the RTCNode stands, why (the reason of its Ready condition), on which host, of which class.',
    labels: [...labels, 'phase', 'reason', 'host', 'class'],
  },
  rtcnode_node_sessions: gauge('Participants connected, by its heartbeat or as last written to its status.'),
  rtcnode_node_streams: gauge('Media tracks forwarded.'),
  rtcnode_node_rooms: gauge('Rooms with somebody in them.'),
  rtcnode_node_cpu_ratio: gauge('CPU in use, as a share of what the pod may use.'),
  rtcnode_node_bandwidth_bytes_per_second: gauge('Media in and out.'),
  rtcnode_node_pressure: gauge('How full it is; 1 is full. For nodes of pools that have an RTCAutoscaler.'),
  rtcnode_node_join_latency_p99_seconds: gauge('99th percentile of the time to join.'),
  rtcnode_node_forward_latency_p99_seconds: gauge('99th percentile of the time a packet spends in the SFU.'),
  rtcnode_node_packet_loss_ratio: gauge('Mean packet loss that the SFU sees.'),
  rtcnode_node_heartbeat_age_seconds: gauge('Since its last heartbeat came. No series when it is stale or missing.'),
  rtcnode_node_drain_deadline_timestamp_seconds: gauge('Until when people may stay on a node that drains.'),
} as const satisfies Record<string, MetricDefinition>

type Row = Exclude<keyof typeof nodeMetricTable, 'rtcnode_node_info'>

/** Undefined: not known, and then there is no such series. */
const valueOf: Readonly<Record<Row, (seen: SeenNode, beat: Heartbeat | undefined) => number | undefined>> = {
  rtcnode_node_sessions: ({ node, registration }) => sessionsOn(node, registration),
  rtcnode_node_streams: (_, beat) => beat?.streams,
  rtcnode_node_rooms: (_, beat) => beat?.rooms,
  rtcnode_node_cpu_ratio: (_, beat) => hundredth(beat?.cpu),
  rtcnode_node_bandwidth_bytes_per_second: (_, beat) =>
    beat?.bandwidthMbps === undefined ? undefined : (beat.bandwidthMbps * 1_000_000) / 8,
  rtcnode_node_pressure: ({ pressure }) => pressure,
  rtcnode_node_join_latency_p99_seconds: (_, beat) => thousandth(beat?.joinLatencyP99Ms),
  rtcnode_node_forward_latency_p99_seconds: (_, beat) => thousandth(beat?.forwardLatencyP99Ms),
  rtcnode_node_packet_loss_ratio: (_, beat) => hundredth(beat?.packetLossPercent),
  rtcnode_node_heartbeat_age_seconds: ({ registration }) =>
    registration.state === 'fresh' || registration.state === 'plain' ? registration.ageMs / 1_000 : undefined,
  rtcnode_node_drain_deadline_timestamp_seconds: ({ node }) => thousandth(drainNow(node)?.deadline),
}

const thousandth = (value: number | undefined): number | undefined => (value === undefined ? undefined : value / 1_000)
const hundredth = (value: number | undefined): number | undefined => (value === undefined ? undefined : value / 100)

/** As text at once: to let prom-client keep a hundred thousand series for one scrape takes six times as long. */
export const nodeExposition = (sources: FleetSources, isLeader: () => boolean): Exposition => ({
  contentType: PROMETHEUS_TEXT,
  metrics: () => Promise.resolve(isLeader() ? textOf(seenNodes(sources)) : ''),
})

function textOf(nodes: readonly SeenNode[]): string {
  const told = nodes.map(seen => ({ seen, its: labelsText(labelsOf(seen)), beat: beatOf(seen) }))
  const infos = told.map(({ seen: { node }, its }) => {
    const { phase, reason } = standingOf(node)
    const host = node.status?.nodeName ?? ''
    return `rtcnode_node_info{${its},${labelsText({ phase, reason, host, class: node.spec.className })}} 1`
  })
  const lines = [...headOf('rtcnode_node_info'), ...infos]
  for (const [row, read] of Object.entries(valueOf) as [Row, (typeof valueOf)[Row]][]) {
    lines.push(...headOf(row))
    for (const { seen, its, beat } of told) {
      const value = read(seen, beat)
      if (value !== undefined) lines.push(`${row}{${its}} ${value}`)
    }
  }
  return `${lines.join('\n')}\n`
}

const headOf = (row: keyof typeof nodeMetricTable): string[] => [
  `# HELP ${row} ${nodeMetricTable[row].help}`,
  `# TYPE ${row} gauge`,
]

const labelsText = (its: Readonly<Record<string, string>>): string =>
  Object.entries(its)
    .map(([label, value]) => `${label}="${escaped(value)}"`)
    .join(',')

/** By the text format 0.0.4. Names of objects have nothing of the kind; what people write into a status might. */
const escaped = (value: string): string =>
  value.replaceAll(/[\\"\n]/g, found => (found === '\n' ? '\\n' : `\\${found}`))

const labelsOf = ({ node }: SeenNode): Record<(typeof labels)[number], string> => ({
  ...placeOf(node),
  node: node.metadata.name,
})

/** A heartbeat of this life of the node. */
const beatOf = ({ node, registration }: SeenNode): Heartbeat | undefined =>
  registration.state === 'fresh' && registration.heartbeat.podUID === node.status?.podUID
    ? registration.heartbeat
    : undefined
