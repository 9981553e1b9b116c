// The dashboard of scaling decisions: what was wanted, by which terms, and what limited it. The terms are those of docs/scaling.md.
import type { Dashboard } from './dashboard.ts'

const its = 'namespace=~"$namespace",autoscaler=~"$autoscaler"'
const of = '{{namespace}}/{{autoscaler}}'

const terms = (metrics: Record<string, string>) =>
  Object.entries(metrics).map(([legend, term]) => ({
    expr: `rtcnode_autoscaler_${term}{${its}}`,
    legend: `${legend} ${of}`,
  }))

export const scaling: Dashboard = {
  uid: 'rtcnode-scaling',
  title: 'RTC nodes / Scaling decisions',
  description: 'Each RTCAutoscaler: how many nodes it wants, by which terms, and what limits it.',
  variables: [
    { name: 'namespace', from: 'rtcnode_autoscaler_desired_replicas', all: 'any value' },
    { name: 'autoscaler', from: 'rtcnode_autoscaler_desired_replicas{namespace=~"$namespace"}', all: 'any value' },
  ],
  rows: [
    {
      title: 'Decisions',
      panels: [
        {
          title: 'Replicas',
          says: 'by formula → within all limits (wanted) → as the pool has them.',
          queries: terms({
            current: 'current_replicas',
            wanted: 'desired_replicas',
            'by formula': 'recommended_replicas',
            minimum: 'min_replicas',
            maximum: 'max_replicas',
          }),
        },
        {
          title: 'Changes',
          says: 'How often replicas were changed, by direction.',
          as: 'stack',
          queries: [
            {
              expr: `sum by (reason) (increase(rtcnode_autoscaler_decisions_total{${its}}[$__rate_interval]))`,
              legend: '{{reason}}',
            },
          ],
        },
        {
          title: 'Limits',
          says: 'How often a limit has begun to keep the number from being what the formula says. docs/scaling.md tells what to do about each.',
          as: 'stack',
          queries: [
            {
              expr: `sum by (limit) (increase(rtcnode_autoscaler_limits_total{${its}}[$__rate_interval]))`,
              legend: '{{limit}}',
            },
          ],
        },
      ],
    },
    {
      title: 'Load',
      panels: [
        {
          title: 'Demand, and what the nodes bear',
          says: 'In units: forwarded streams, or people where the SFU does not tell streams. Forecast: what is prepared for.',
          queries: [
            ...terms({ demand: 'demand_units', 'of it on closed nodes': 'draining_units', forecast: 'forecast_units' }),
            {
              expr: `rtcnode_autoscaler_current_replicas{${its}} * rtcnode_autoscaler_capacity_units * rtcnode_autoscaler_safe_pressure`,
              legend: `bear ${of}`,
            },
          ],
        },
        {
          title: 'Pressure',
          says: 'Mean of the nodes that take rooms, what it may be (safe), and where latency begins to rise (knee, learned).',
          unit: 'percentunit',
          queries: terms({ pressure: 'pressure', safe: 'safe_pressure', knee: 'knee' }),
        },
        {
          title: 'Join latency, p99',
          says: 'Against its goal.',
          unit: 's',
          queries: terms({ latency: 'join_latency_p99_seconds', goal: 'join_latency_goal_seconds' }),
        },
      ],
    },
    {
      title: 'Learned',
      panels: [
        {
          title: 'Capacity of a node',
          says: 'Units that a node bears at pressure 1.',
          queries: terms({ capacity: 'capacity_units' }),
        },
        {
          title: 'Trim and margin',
          says: 'safe = trim × knee − margin. Trim falls below 1 while too many joins are late; margin is for nodes that differ.',
          queries: terms({ trim: 'trim', margin: 'margin' }),
        },
        {
          title: 'Spare nodes and lead time',
          says: 'Spare nodes are kept for what comes within the time that a node takes to start.',
          queries: [
            ...terms({ 'spare nodes': 'warm_nodes', 'start, seconds': 'warm_start_seconds' }),
            ...terms({ 'start with a new host, seconds': 'cold_start_seconds' }).map(query => ({
              ...query,
              rare: 'no host had to be made yet',
            })),
          ],
        },
        {
          title: 'What is known',
          says: 'Below 90 % reporting nothing is taken away; on in the fallback (1), too few report for too long.',
          unit: 'percentunit',
          queries: [
            ...terms({ reporting: 'fresh_ratio', fallback: 'fallback' }),
            ...terms({ 'forecast error': 'forecast_error_ratio' }).map(query => ({
              ...query,
              rare: 'no forecast has come due yet',
            })),
          ],
        },
      ],
    },
  ],
}
