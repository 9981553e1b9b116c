// The dashboard of the fleet: what there is, who is on it, what empties, and who was cut.
import type { Dashboard } from './dashboard.ts'

const its = 'namespace=~"$namespace",pool=~"$pool"'

export const fleet: Dashboard = {
  uid: 'rtcnode-fleet',
  title: 'RTC nodes / Fleet',
  description: 'All RTCNodes: what there is, who is on it, what empties, and who was cut.',
  variables: [
    { name: 'namespace', from: 'rtcnode_nodes', all: 'any value' },
    { name: 'pool', from: 'rtcnode_nodes{namespace=~"$namespace"}', all: 'any value' },
  ],
  rows: [
    {
      title: 'Now',
      panels: [
        {
          title: 'Nodes',
          says: 'RTCNodes of any phase.',
          as: 'number',
          queries: [{ expr: `sum(rtcnode_nodes{${its}})`, legend: 'nodes' }],
        },
        {
          title: 'Taking rooms',
          says: 'RTCNodes on which new rooms may be placed.',
          as: 'number',
          queries: [{ expr: `sum(rtcnode_nodes{${its},reason="Serving"}) or vector(0)`, legend: 'nodes' }],
        },
        {
          title: 'Room left',
          says: 'How many empty nodes would hold what the nodes that take rooms can still take. Of pools with an RTCAutoscaler.',
          as: 'number',
          queries: [{ expr: `sum(rtcnode_open_capacity_nodes{${its}})`, legend: 'nodes' }],
        },
        {
          title: 'People',
          says: 'Participants connected.',
          as: 'number',
          queries: [{ expr: `sum(rtcnode_sessions{${its}})`, legend: 'people' }],
        },
        {
          title: 'Draining',
          says: 'RTCNodes that take no new rooms and wait until their people have left.',
          as: 'number',
          queries: [{ expr: `sum(rtcnode_drains{${its}}) or vector(0)`, legend: 'nodes' }],
        },
        {
          title: 'People cut',
          says: 'Whose call was ended by us or by a fault, in the time shown; of all pools. 0 is the promise.',
          as: 'number',
          queries: [{ expr: 'sum(increase(rtcnode_participants_cut_total[$__range]))', legend: 'people' }],
        },
      ],
    },
    {
      title: 'Nodes',
      panels: [
        {
          title: 'By phase',
          says: 'Pending nodes start, Terminating ones empty.',
          as: 'stack',
          queries: [{ expr: `sum by (phase) (rtcnode_nodes{${its}})`, legend: '{{phase}}' }],
        },
        {
          title: 'By reason',
          says: 'Why nodes stand where they stand: the reason of their Ready condition. docs/api.md tells what each means.',
          as: 'stack',
          queries: [{ expr: `sum by (reason) (rtcnode_nodes{${its}})`, legend: '{{reason}}' }],
        },
        {
          title: 'Pools: wanted and open',
          says: 'Open below wanted for long means that nodes do not start or are not well.',
          queries: [
            { expr: `rtcnode_pool_desired_nodes{${its}}`, legend: '{{pool}} wanted' },
            { expr: `rtcnode_pool_open_nodes{${its}}`, legend: '{{pool}} open' },
          ],
        },
      ],
    },
    {
      title: 'People and load',
      panels: [
        {
          title: 'People',
          says: 'Participants connected, by pool.',
          as: 'stack',
          queries: [{ expr: `sum by (namespace, pool) (rtcnode_sessions{${its}})`, legend: '{{namespace}}/{{pool}}' }],
        },
        {
          title: 'Room left',
          says: 'In empty nodes. Near 0, the next crowd waits for nodes to start.',
          queries: [{ expr: `rtcnode_open_capacity_nodes{${its}}`, legend: '{{namespace}}/{{pool}}' }],
        },
        {
          title: 'Nodes by tier of load',
          says: 'shed: takes no new rooms until its load falls. protect: people join only as fast as it can bear.',
          as: 'stack',
          queries: [{ expr: `sum by (tier) (rtcnode_load_nodes{${its}})`, legend: '{{tier}}' }],
        },
      ],
    },
    {
      title: 'Drains',
      panels: [
        {
          title: 'Draining now',
          says: 'By reason. ScaleIn and RollOut: closed by their pool, which may still reopen them.',
          as: 'stack',
          queries: [{ expr: `sum by (reason) (rtcnode_drains{${its}})`, legend: '{{reason}}' }],
        },
        {
          title: 'Length of drains',
          says: 'From closing a node until it was gone or reopened, over the time shown; of all pools.',
          unit: 's',
          queries: [0.5, 0.95].map(share => ({
            expr: `histogram_quantile(${share}, sum by (le) (rate(rtcnode_drain_duration_seconds_bucket[$__range])))`,
            legend: `p${share * 100}`,
          })),
        },
        {
          title: 'How drains ended',
          says: 'empty and reopened cut nobody. deadline, given-up and lost do.',
          as: 'stack',
          queries: [
            {
              expr: 'sum by (outcome) (increase(rtcnode_drain_duration_seconds_count[$__rate_interval]))',
              legend: '{{outcome}}',
            },
          ],
        },
        {
          title: 'Drains past their deadline',
          says: 'How late the latest is. Above some minutes, something holds the RTCNode.',
          unit: 's',
          queries: [
            {
              expr: `max by (namespace, pool) (rtcnode_drain_overdue_seconds{${its}})`,
              legend: '{{namespace}}/{{pool}}',
            },
          ],
        },
        {
          title: 'People cut, by cause',
          says: 'deadline: they were still there when a drain had to end. The others are faults. Of all pools.',
          as: 'stack',
          queries: [
            {
              expr: 'sum by (cause) (increase(rtcnode_participants_cut_total[$__rate_interval]))',
              legend: '{{cause}}',
            },
          ],
        },
      ],
    },
  ],
}
