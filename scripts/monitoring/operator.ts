// The dashboard of the operator itself: who leads, how its work goes, what it asks of the API server, what it sees of the registry,
// and how the process is.
import type { Dashboard } from './dashboard.ts'

const its = 'instance=~"$instance"'
/** The names are controller-runtime's: others in the cluster have them too. */
const ours = `controller=~"rtc.+",${its}`
const ourQueues = `name=~"rtc.+",${its}`
const perSecond = (counter: string): string => `rate(${counter}[$__rate_interval])`
const p99 = (by: string, histogram: string): string =>
  `histogram_quantile(0.99, sum by (${by}, le) (${perSecond(histogram)}))`

export const operator: Dashboard = {
  uid: 'rtcnode-operator',
  title: 'RTC nodes / Operator',
  description: 'The operator itself: leadership, reconciles, calls to the API server, the registry, and the process.',
  variables: [{ name: 'instance', from: 'rtcnode_build_info', all: 'listed values' }],
  rows: [
    {
      title: 'Now',
      panels: [
        {
          title: 'Replicas',
          says: 'Running, by version.',
          as: 'number',
          queries: [{ expr: `count by (version) (rtcnode_build_info{${its}})`, legend: '{{version}}' }],
        },
        {
          title: 'Leading',
          says: '1 is right. 0: nobody decides anything.',
          as: 'number',
          queries: [{ expr: `sum(leader_election_master_status{name="rtcnode-operator",${its}})`, legend: 'leaders' }],
        },
        {
          title: 'Up for',
          says: 'Since each replica started.',
          unit: 's',
          as: 'number',
          queries: [{ expr: `time() - process_start_time_seconds{${its}}`, legend: '{{instance}}' }],
        },
        {
          title: 'Registry frozen',
          says: '1: missing keys are not taken for dead nodes, nothing is killed or scaled in.',
          as: 'number',
          queries: [{ expr: `max(rtcnode_registry_frozen{${its}})`, legend: 'frozen' }],
        },
      ],
    },
    {
      title: 'Work',
      panels: [
        {
          title: 'Reconciles',
          says: 'By controller. At rest there are few.',
          unit: 'ops',
          as: 'stack',
          queries: [
            {
              expr: `sum by (controller) (${perSecond(`controller_runtime_reconcile_total{${ours}}`)})`,
              legend: '{{controller}}',
            },
          ],
        },
        {
          title: 'Reconciles that failed',
          says: 'They are tried again, later and later. A few conflicts are everyday life.',
          unit: 'ops',
          queries: [
            {
              expr: `sum by (controller) (${perSecond(`controller_runtime_reconcile_errors_total{${ours}}`)})`,
              legend: '{{controller}}',
            },
          ],
        },
        {
          title: 'Time of a reconcile, p99',
          says: 'Most of it is the API server.',
          unit: 's',
          queries: [
            {
              expr: p99('controller', `controller_runtime_reconcile_time_seconds_bucket{${ours}}`),
              legend: '{{controller}}',
            },
          ],
        },
        {
          title: 'Waiting for a worker',
          says: 'Keys that are ready. Above 0 for long: not enough workers, or slow calls.',
          queries: [{ expr: `sum by (name) (workqueue_depth{${ourQueues}})`, legend: '{{name}}' }],
        },
        {
          title: 'Wait for a worker, p99',
          says: 'How late a change is looked at.',
          unit: 's',
          queries: [{ expr: p99('name', `workqueue_queue_duration_seconds_bucket{${ourQueues}}`), legend: '{{name}}' }],
        },
        {
          title: 'Longest at work',
          says: 'The key that is longest in the hands of a worker.',
          unit: 's',
          queries: [
            {
              expr: `max by (name) (workqueue_longest_running_processor_seconds{${ourQueues}})`,
              legend: '{{name}}',
            },
          ],
        },
      ],
    },
    {
      title: 'API server',
      panels: [
        {
          title: 'Calls',
          says: 'By verb and resource. At rest: the Lease, and nothing else.',
          unit: 'reqps',
          as: 'stack',
          queries: [
            {
              expr: `sum by (verb, resource) (${perSecond(`rtcnode_api_requests_total{${its}}`)})`,
              legend: '{{verb}} {{resource}}',
            },
          ],
        },
        {
          title: 'Calls that were refused or failed',
          says: '404 and 409 are everyday life; 403: a right is missing; 429 and 5xx: the server is not well; <error>: no answer.',
          unit: 'reqps',
          queries: [
            {
              expr: `sum by (code) (${perSecond(`rtcnode_api_requests_total{${its},code!~"2.."}`)})`,
              legend: '{{code}}',
            },
          ],
        },
        {
          title: 'Time of a call, p99',
          says: 'By method; watches count until they have begun.',
          unit: 's',
          queries: [{ expr: p99('verb', `rest_client_request_duration_seconds_bucket{${its}}`), legend: '{{verb}}' }],
        },
        {
          title: 'Watches begun anew',
          says: 'timeout: as it should be. expired: all was listed again. failed: cut or refused.',
          as: 'stack',
          queries: [
            {
              expr: `sum by (cause) (increase(rtcnode_informer_watch_restarts_total{${its}}[$__rate_interval]))`,
              legend: '{{cause}}',
            },
          ],
        },
        {
          title: 'Silence of watches',
          says: 'Since the API server last said anything about a kind. Bookmarks come about each minute.',
          unit: 's',
          queries: [{ expr: `max by (kind) (rtcnode_informer_stale_seconds{${its}})`, legend: '{{kind}}' }],
        },
        {
          title: 'Objects in the caches',
          says: 'By kind.',
          queries: [{ expr: `max by (kind) (rtcnode_informer_objects{${its}})`, legend: '{{kind}}' }],
        },
      ],
    },
    {
      title: 'Registry',
      panels: [
        {
          title: 'Last heard',
          says: 'It is asked each 2 s; after 5 s of silence it is out of sight.',
          unit: 's',
          queries: [
            { expr: `max by (instance) (rtcnode_registry_progress_age_seconds{${its}})`, legend: '{{instance}}' },
          ],
        },
        {
          title: 'Keys of nodes',
          says: 'Readable or not.',
          queries: [{ expr: `max(rtcnode_registry_keys{${its}})`, legend: 'keys' }],
        },
        {
          title: 'Values that were rejected',
          says: 'Who writes them is not what is expected, or is hostile. They are unknown, never zero.',
          queries: [
            {
              expr: `max by (cause) (increase(rtcnode_registry_rejected_values_total{${its}}[$__rate_interval]))`,
              legend: '{{cause}}',
            },
          ],
        },
        {
          title: 'Freezes',
          says: 'How often one has begun, by cause.',
          queries: [
            {
              expr: `max by (cause) (increase(rtcnode_registry_freezes_total{${its}}[$__rate_interval]))`,
              legend: '{{cause}}',
            },
          ],
        },
        {
          title: 'Read as a whole',
          says: 'By cause. Once at the start is right.',
          queries: [
            {
              expr: `max by (cause) (increase(rtcnode_registry_resyncs_total{${its}}[$__rate_interval]))`,
              legend: '{{cause}}',
            },
          ],
        },
        {
          title: 'Heartbeats that are not believed',
          says: 'By cause; of nodes whose pool has an RTCAutoscaler.',
          queries: [
            {
              expr: `sum by (cause) (increase(rtcnode_load_unknown_beats_total{${its}}[$__rate_interval]))`,
              legend: '{{cause}}',
            },
          ],
        },
      ],
    },
    {
      title: 'Process',
      panels: [
        {
          title: 'Lag of the event loop',
          says: 'Above half a second leadership is at risk.',
          unit: 's',
          queries: [
            { expr: `nodejs_eventloop_lag_p50_seconds{${its}}`, legend: 'p50 {{instance}}' },
            { expr: `nodejs_eventloop_lag_p99_seconds{${its}}`, legend: 'p99 {{instance}}' },
          ],
        },
        {
          title: 'Garbage collection',
          says: 'Share of time in pauses, by kind.',
          unit: 'percentunit',
          as: 'stack',
          queries: [
            { expr: `sum by (kind) (${perSecond(`nodejs_gc_duration_seconds_sum{${its}}`)})`, legend: '{{kind}}' },
          ],
        },
        {
          title: 'Memory',
          says: 'Resident, and the part that is heap in use.',
          unit: 'bytes',
          queries: [
            { expr: `process_resident_memory_bytes{${its}}`, legend: 'resident {{instance}}' },
            { expr: `nodejs_heap_size_used_bytes{${its}}`, legend: 'heap {{instance}}' },
          ],
        },
        {
          title: 'CPU',
          says: 'Cores in use. One is the most that the program itself can use.',
          queries: [{ expr: perSecond(`process_cpu_seconds_total{${its}}`), legend: '{{instance}}' }],
        },
      ],
    },
  ],
}
