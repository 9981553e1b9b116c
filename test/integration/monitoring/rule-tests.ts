// For each alert, series that make it fire, as the operator exports them: promtool evaluates the rules against them. Values are in
// promtool's notation, one a minute: `0x10 5x50` is ten minutes of 0, then 5.
import { stringify } from 'yaml'

export interface RuleTest {
  readonly alert: string
  /** Series, without what a target's discovery adds → values. */
  readonly series: Readonly<Record<string, string>>
  /** Minutes after which it fires. */
  readonly at: number
}

const inPool = 'namespace="rtc",pool="eu"'
const ofAutoscaler = 'namespace="rtc",autoscaler="eu"'
const always = (value: number): string => `${value}x60`
const perMinute = (value: number): string => `0+${value}x60`

/** All is well; a test's own series go over these. */
export const healthy: Readonly<Record<string, string>> = {
  'leader_election_master_status{name="rtcnode-operator"}': always(1),
  'rtcnode_build_info{version="0.1.0"}': always(1),
  nodejs_eventloop_lag_p99_seconds: always(0.01),
  rtcnode_registry_in_sight: always(1),
  rtcnode_registry_frozen: always(0),
  rtcnode_registry_certificate_expiry_timestamp_seconds: always(80 * 86_400),
  'rtcnode_registry_rejected_values_total{cause="invalid"}': always(3),
  'rtcnode_participants_cut_total{cause="deadline"}': always(7),
  'rtcnode_participants_cut_total{cause="node-lost"}': always(7),
  [`rtcnode_nodes{${inPool},phase="Running",reason="Serving"}`]: always(8),
  [`rtcnode_nodes{${inPool},phase="Pending",reason="PodStarting"}`]: always(1),
  [`rtcnode_drain_overdue_seconds{${inPool}}`]: always(0),
  [`rtcnode_pool_desired_nodes{${inPool}}`]: always(10),
  [`rtcnode_pool_open_nodes{${inPool}}`]: always(9),
  [`rtcnode_load_nodes{${inPool},tier="open"}`]: always(8),
  [`rtcnode_load_nodes{${inPool},tier="shed"}`]: always(2),
  [`rtcnode_autoscaler_join_latency_p99_seconds{${ofAutoscaler}}`]: always(0.4),
  [`rtcnode_autoscaler_join_latency_goal_seconds{${ofAutoscaler}}`]: always(1.5),
  [`rtcnode_autoscaler_recommended_replicas{${ofAutoscaler}}`]: always(10),
  [`rtcnode_autoscaler_max_replicas{${ofAutoscaler}}`]: always(10),
  [`rtcnode_autoscaler_fallback{${ofAutoscaler}}`]: always(0),
  'controller_runtime_reconcile_errors_total{controller="rtcnode"}': perMinute(1),
  'controller_runtime_reconcile_total{controller="rtcnode",result="error"}': perMinute(1),
  'controller_runtime_reconcile_total{controller="rtcnode",result="success"}': perMinute(60),
  'workqueue_queue_duration_seconds_bucket{name="rtcnode",le="0.001"}': perMinute(60),
  'workqueue_queue_duration_seconds_bucket{name="rtcnode",le="30"}': perMinute(60),
  'workqueue_queue_duration_seconds_bucket{name="rtcnode",le="+Inf"}': perMinute(60),
  'rtcnode_informer_stale_seconds{kind="Pod"}': always(50),
  'rtcnode_api_requests_total{verb="patch",resource="rtcnodes/status",code="200"}': perMinute(60),
  'rtcnode_api_requests_total{verb="patch",resource="rtcnodes/status",code="409"}': perMinute(2),
}

export const ruleTests: readonly RuleTest[] = [
  {
    alert: 'RTCNodeParticipantsCut',
    series: { 'rtcnode_participants_cut_total{cause="node-lost"}': '0x10 5x50' },
    at: 12,
  },
  {
    alert: 'RTCNodeParticipantsCutByDeadline',
    series: { 'rtcnode_participants_cut_total{cause="deadline"}': '0x10 5x50' },
    at: 12,
  },
  {
    alert: 'RTCNodeHeartbeatsMissing',
    series: { [`rtcnode_nodes{${inPool},phase="Running",reason="TelemetryLost"}`]: always(2) },
    at: 6,
  },
  {
    alert: 'RTCNodeStartsFail',
    series: { [`rtcnode_nodes{${inPool},phase="Pending",reason="ImagePullFailed"}`]: always(1) },
    at: 6,
  },
  {
    alert: 'RTCNodeDrainOverdue',
    series: { [`rtcnode_drain_overdue_seconds{${inPool}}`]: '0x5 60+60x50' },
    at: 12,
  },
  { alert: 'RTCNodePoolClosed', series: { [`rtcnode_pool_open_nodes{${inPool}}`]: always(0) }, at: 5 },
  { alert: 'RTCNodePoolShort', series: { [`rtcnode_pool_open_nodes{${inPool}}`]: always(7) }, at: 16 },
  { alert: 'RTCNodePoolSaturated', series: { [`rtcnode_load_nodes{${inPool},tier="shed"}`]: always(9) }, at: 5 },
  {
    alert: 'RTCNodeJoinsSlow',
    series: { [`rtcnode_autoscaler_join_latency_p99_seconds{${ofAutoscaler}}`]: always(2) },
    at: 12,
  },
  {
    alert: 'RTCNodeAutoscalerAtMaximum',
    series: { [`rtcnode_autoscaler_recommended_replicas{${ofAutoscaler}}`]: always(14) },
    at: 12,
  },
  { alert: 'RTCNodeAutoscalerBlind', series: { [`rtcnode_autoscaler_fallback{${ofAutoscaler}}`]: always(1) }, at: 4 },
  { alert: 'RTCNodeRegistryOutOfSight', series: { rtcnode_registry_in_sight: always(0) }, at: 3 },
  { alert: 'RTCNodeRegistryFrozen', series: { rtcnode_registry_frozen: always(1) }, at: 6 },
  {
    alert: 'RTCNodeRegistryValuesRejected',
    series: { 'rtcnode_registry_rejected_values_total{cause="invalid"}': perMinute(6) },
    at: 8,
  },
  {
    alert: 'RTCNodeRegistryCertificateExpires',
    series: { rtcnode_registry_certificate_expiry_timestamp_seconds: always(10 * 86_400) },
    at: 20,
  },
  {
    alert: 'RTCNodeOperatorWithoutLeader',
    series: { 'leader_election_master_status{name="rtcnode-operator"}': always(0) },
    at: 4,
  },
  {
    alert: 'RTCNodeOperatorWithoutLeader',
    series: { 'leader_election_master_status{name="rtcnode-operator"}': '1x5 stale' },
    at: 10,
  },
  {
    alert: 'RTCNodeReconcilesFail',
    series: {
      'controller_runtime_reconcile_errors_total{controller="rtcnode"}': perMinute(30),
      'controller_runtime_reconcile_total{controller="rtcnode",result="error"}': perMinute(30),
    },
    at: 14,
  },
  {
    alert: 'RTCNodeQueueSlow',
    series: { 'workqueue_queue_duration_seconds_bucket{name="rtcnode",le="0.001"}': always(0) },
    at: 14,
  },
  { alert: 'RTCNodeWatchSilent', series: { 'rtcnode_informer_stale_seconds{kind="Pod"}': perMinute(60) }, at: 10 },
  {
    alert: 'RTCNodeApiForbidden',
    series: { 'rtcnode_api_requests_total{verb="create",resource="pods",code="403"}': perMinute(1) },
    at: 10,
  },
  {
    alert: 'RTCNodeApiFails',
    series: { 'rtcnode_api_requests_total{verb="create",resource="pods",code="503"}': perMinute(30) },
    at: 14,
  },
  { alert: 'RTCNodeEventLoopSlow', series: { nodejs_eventloop_lag_p99_seconds: always(2) }, at: 8 },
]

/** What a target's discovery adds, where the series does not say it itself. */
const target = { namespace: 'rtcnode-system', pod: 'rtcnode-0', instance: '10.0.0.7:8080', job: 'rtcnode' }

export interface SeriesName {
  readonly metric: string
  readonly labels: Readonly<Record<string, string>>
}

export function seriesName(text: string): SeriesName {
  const [, metric = '', inside = ''] = /^(\w+)(?:\{(.*)\})?$/.exec(text) ?? []
  const labels = [...inside.matchAll(/(\w+)="([^"]*)"/g)].map(([, name = '', value = '']) => [name, value])
  return { metric, labels: Object.fromEntries(labels) as Record<string, string> }
}

function asScraped(text: string): string {
  const { metric, labels } = seriesName(text)
  const all = Object.entries({ ...target, ...labels }).map(([name, value]) => `${name}="${value}"`)
  return `${metric}{${all.join(',')}}`
}

/** For `promtool test rules`: each alert fires by its own series, and no other one does. In the healthy run none does, ever. */
export function ruleTestFile(ruleFile: string): string {
  const firing = 'count by (alertname) (ALERTS{alertstate="firing"})'
  const caseOf = (series: Readonly<Record<string, string>>, at: readonly number[], alert?: string) => ({
    name: alert ?? 'healthy',
    interval: '1m',
    input_series: Object.entries({ ...healthy, ...series }).map(([name, values]) => ({
      series: asScraped(name),
      values,
    })),
    promql_expr_test: at.map(minutes => ({
      expr: firing,
      eval_time: `${minutes}m`,
      exp_samples: alert === undefined ? [] : [{ labels: `{alertname="${alert}"}`, value: 1 }],
    })),
  })
  return stringify({
    rule_files: [ruleFile],
    evaluation_interval: '1m',
    tests: [caseOf({}, [1, 5, 15, 30, 60]), ...ruleTests.map(({ alert, series, at }) => caseOf(series, [at], alert))],
  })
}
