// The dashboard of one RTCNode. Its series come from /metrics/nodes.
import type { Dashboard, Panel } from './dashboard.ts'

const its = 'namespace=~"$namespace",node="$node"'

const lines = (title: string, says: string, metrics: Record<string, string>, unit?: string): Panel => ({
  title,
  says,
  ...(unit === undefined ? {} : { unit }),
  queries: Object.entries(metrics).map(([legend, metric]) => ({ expr: `${metric}{${its}}`, legend })),
})

export const oneNode: Dashboard = {
  uid: 'rtcnode-node',
  title: 'RTC nodes / One node',
  description: 'One RTCNode: where it stands, who is on it, how full it is and how well it serves.',
  variables: [
    { name: 'namespace', from: 'rtcnode_node_info', all: 'any value' },
    { name: 'node', from: 'rtcnode_node_info{namespace=~"$namespace"}' },
  ],
  rows: [
    {
      title: 'Now',
      panels: [
        {
          title: 'Stands',
          says: 'Phase, reason, host and class. `kubectl describe rtcn` tells the rest.',
          as: 'words',
          queries: [{ expr: `rtcnode_node_info{${its}}`, legend: '{{phase}}: {{reason}}, on {{host}} ({{class}})' }],
        },
        { ...lines('People', 'Participants connected.', { people: 'rtcnode_node_sessions' }), as: 'number' },
        { ...lines('Pressure', '1 is full.', { pressure: 'rtcnode_node_pressure' }, 'percentunit'), as: 'number' },
        {
          ...lines('Last heartbeat', 'They come each 3 s.', { ago: 'rtcnode_node_heartbeat_age_seconds' }, 's'),
          as: 'number',
        },
        {
          title: 'Drain ends in',
          says: 'Until then people may stay. Empty when the node does not drain.',
          unit: 's',
          as: 'number',
          queries: [{ expr: `rtcnode_node_drain_deadline_timestamp_seconds{${its}} - time()`, legend: 'left' }],
        },
      ],
    },
    {
      title: 'Load',
      panels: [
        lines('People and rooms', 'Connected now.', { people: 'rtcnode_node_sessions', rooms: 'rtcnode_node_rooms' }),
        lines('Streams', 'Media tracks forwarded.', { streams: 'rtcnode_node_streams' }),
        lines('Bandwidth', 'Media in and out.', { 'in and out': 'rtcnode_node_bandwidth_bytes_per_second' }, 'Bps'),
        lines(
          'CPU and pressure',
          'Pressure is the largest of all shares that count, with the joins that are too new to show.',
          { CPU: 'rtcnode_node_cpu_ratio', pressure: 'rtcnode_node_pressure' },
          'percentunit',
        ),
      ],
    },
    {
      title: 'Quality',
      panels: [
        lines('Join latency, p99', 'Of the last 30 s.', { join: 'rtcnode_node_join_latency_p99_seconds' }, 's'),
        lines(
          'Forwarding latency, p99',
          'Time a packet spends in the SFU.',
          { forward: 'rtcnode_node_forward_latency_p99_seconds' },
          's',
        ),
        lines('Packet loss', 'Mean, as the SFU sees it.', { loss: 'rtcnode_node_packet_loss_ratio' }, 'percentunit'),
      ],
    },
  ],
}
