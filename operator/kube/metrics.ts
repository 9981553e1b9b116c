// The metrics of the controller runtime, named as in controller-runtime and client-go so that stock dashboards work.
import {
  durationBuckets,
  type MetricDefinition,
  type MetricRegistry,
  type MetricsOf,
  metricsFrom,
} from '../telemetry/metrics.ts'

export const kubeMetricTable = {
  rest_client_requests_total: {
    kind: 'counter',
    help: 'Requests to the API server by status code, method and host; code is <error> when no answer came.',
    labels: ['code', 'method', 'host'],
  },
  rest_client_request_duration_seconds: {
    kind: 'histogram',
    help: 'Seconds until the API server had answered, by verb and host.',
    labels: ['verb', 'host'],
    buckets: durationBuckets,
  },
  rtcnode_api_requests_total: {
    kind: 'counter',
    help: 'Requests to the API server by verb (get, list, watch, create, update, patch, delete), by resource with its subresource, and by status code; code is <error> when no answer came.',
    labels: ['verb', 'resource', 'code'],
  },
  workqueue_depth: { kind: 'gauge', help: 'Keys that are ready and wait for a worker.', labels: ['name'] },
  workqueue_adds_total: { kind: 'counter', help: 'Keys that became ready.', labels: ['name'] },
  workqueue_retries_total: { kind: 'counter', help: 'Keys put back after a failure.', labels: ['name'] },
  workqueue_queue_duration_seconds: {
    kind: 'histogram',
    help: 'Seconds that a ready key waited for a worker.',
    labels: ['name'],
    buckets: durationBuckets,
  },
  workqueue_work_duration_seconds: {
    kind: 'histogram',
    help: 'Seconds that a worker spent on a key.',
    labels: ['name'],
    buckets: durationBuckets,
  },
  workqueue_unfinished_work_seconds: {
    kind: 'gauge',
    help: 'Seconds spent so far on keys in progress, summed over workers.',
    labels: ['name'],
  },
  workqueue_longest_running_processor_seconds: {
    kind: 'gauge',
    help: 'Seconds that the key longest in progress has taken so far.',
    labels: ['name'],
  },
  controller_runtime_reconcile_total: {
    kind: 'counter',
    help: 'Reconciles by result: success, error, requeue_after.',
    labels: ['controller', 'result'],
  },
  controller_runtime_reconcile_errors_total: {
    kind: 'counter',
    help: 'Reconciles that failed.',
    labels: ['controller'],
  },
  controller_runtime_reconcile_time_seconds: {
    kind: 'histogram',
    help: 'Seconds a reconcile took.',
    labels: ['controller'],
    buckets: durationBuckets,
  },
  controller_runtime_max_concurrent_reconciles: {
    kind: 'gauge',
    help: 'Workers of the controller.',
    labels: ['controller'],
  },
  controller_runtime_active_workers: {
    kind: 'gauge',
    help: 'Workers that are busy with a key.',
    labels: ['controller'],
  },
  leader_election_master_status: { kind: 'gauge', help: '1 while this process leads.', labels: ['name'] },
  rtcnode_informer_stale_seconds: {
    kind: 'gauge',
    help: 'Seconds since the API server last said anything about this kind; bookmarks come about each minute, and watches of events, which have none, end within two.',
    labels: ['kind'],
  },
  rtcnode_informer_objects: { kind: 'gauge', help: 'Objects held in the cache.', labels: ['kind'] },
  rtcnode_informer_lists_total: {
    kind: 'counter',
    help: 'Complete lists by result: success, error.',
    labels: ['kind', 'result'],
  },
  rtcnode_informer_watch_restarts_total: {
    kind: 'counter',
    help: 'Watches that ended, by cause: timeout (their own, each 5 to 10 minutes, of events each 2), expired (all is listed again), failed.',
    labels: ['kind', 'cause'],
  },
  rtcnode_events_dropped_total: {
    kind: 'counter',
    help: 'Kubernetes events not written: rate (too many for one object), queue (too many at once), error.',
    labels: ['cause'],
  },
} as const satisfies Record<string, MetricDefinition>

export type KubeMetrics = MetricsOf<typeof kubeMetricTable>

/** Registers the runtime's metrics. Once per registry; hand the result to every part of the runtime. */
export const kubeMetrics = (registry: MetricRegistry): KubeMetrics => metricsFrom(registry, kubeMetricTable)
