// Every alert, as a table: the rules of the chart are made of it (rules.ts), each has a page in docs/runbooks, and a test makes each
// one fire. Thresholds are for people who are woken: what mends itself, or cuts nobody, waits for the morning.
import { startTroubles } from '../../operator/api/reasons.ts'

export interface Alert {
  readonly name: string
  readonly group: 'fleet' | 'pools' | 'scaling' | 'registry' | 'operator'
  /** critical: calls are cut or refused, or soon will be. warning: look within the day. info: worth knowing. */
  readonly severity: 'critical' | 'warning' | 'info'
  /** How long it must have been so. */
  readonly for: string
  readonly expr: string
  /** One line; may name labels as Prometheus' templates do. */
  readonly summary: string
  readonly description: string
}

const ours = 'rtcnode|rtcnodeclass|rtcnodepool|rtcautoscaler'
const inPool = 'pool {{ $labels.namespace }}/{{ $labels.pool }}'
const ofAutoscaler = 'autoscaler {{ $labels.namespace }}/{{ $labels.autoscaler }}'

export const alerts: readonly Alert[] = [
  {
    name: 'RTCNodeParticipantsCut',
    group: 'fleet',
    severity: 'critical',
    for: '0m',
    expr: 'sum by (cause) (increase(rtcnode_participants_cut_total{cause!~"deadline|host-going"}[10m])) > 0',
    summary: 'People were cut from their calls ({{ $labels.cause }})',
    description:
      'In the last 10 minutes {{ $value | printf "%.0f" }} people were cut by a fault: {{ $labels.cause }}. The log of the operator names the nodes.',
  },
  {
    name: 'RTCNodeParticipantsCutByDeadline',
    group: 'fleet',
    severity: 'info',
    for: '0m',
    expr: 'sum(increase(rtcnode_participants_cut_total{cause=~"deadline|host-going"}[1h])) > 0',
    summary: 'People were moved off because the deadline of a drain had come, or the end of their host',
    description:
      'In the last hour {{ $value | printf "%.0f" }} people were told to reconnect elsewhere, because their node had to go. Deadlines may be too short.',
  },
  {
    name: 'RTCNodeHeartbeatsMissing',
    group: 'fleet',
    severity: 'warning',
    for: '5m',
    expr: 'sum by (namespace, pool) (rtcnode_nodes{reason=~"TelemetryLost|Unhealthy"}) / sum by (namespace, pool) (rtcnode_nodes{phase="Running"}) > 0.1',
    summary: `More than a tenth of the nodes of ${inPool} send no heartbeat`,
    description:
      '{{ $value | humanizePercentage }} of the running nodes are not heard of. They are neither spare capacity nor removable.',
  },
  {
    name: 'RTCNodeStartsFail',
    group: 'fleet',
    severity: 'warning',
    for: '5m',
    expr: `sum by (namespace, pool, reason) (rtcnode_nodes{phase="Pending",reason=~"${startTroubles.join('|')}"}) > 0`,
    summary: `Nodes of ${inPool} do not start: {{ $labels.reason }}`,
    description:
      '{{ $value }} nodes wait for something that does not come by itself. `kubectl get rtcn -o wide` tells what, in words.',
  },
  {
    name: 'RTCNodeDrainOverdue',
    group: 'fleet',
    severity: 'warning',
    for: '2m',
    expr: 'max by (namespace, pool) (rtcnode_drain_overdue_seconds) > 120',
    summary: `A drain in ${inPool} is past its deadline`,
    description:
      'A node should have been gone {{ $value | humanizeDuration }} ago. Something holds its RTCNode or its pod.',
  },
  {
    name: 'RTCNodePoolClosed',
    group: 'pools',
    severity: 'critical',
    for: '2m',
    expr: 'rtcnode_pool_open_nodes == 0 and rtcnode_pool_desired_nodes > 0',
    summary: `No node of ${inPool} takes rooms`,
    description: 'Running calls go on; nobody can begin one there.',
  },
  {
    name: 'RTCNodePoolShort',
    group: 'pools',
    severity: 'warning',
    for: '15m',
    expr: 'rtcnode_pool_open_nodes < 0.8 * rtcnode_pool_desired_nodes',
    summary: `Fewer nodes of ${inPool} take rooms than are wanted`,
    description: 'Only {{ $value }} do, for a quarter of an hour: nodes do not start, or are not well.',
  },
  {
    name: 'RTCNodePoolSaturated',
    group: 'pools',
    severity: 'critical',
    for: '3m',
    expr: 'sum by (namespace, pool) (rtcnode_load_nodes{tier=~"shed|protect"}) > 0.5 * sum by (namespace, pool) (rtcnode_load_nodes)',
    summary: `Most nodes of ${inPool} are full`,
    description: '{{ $value }} nodes take no new rooms until their load falls.',
  },
  {
    name: 'RTCNodeJoinsSlow',
    group: 'scaling',
    severity: 'warning',
    for: '10m',
    expr: 'rtcnode_autoscaler_join_latency_p99_seconds > rtcnode_autoscaler_join_latency_goal_seconds',
    summary: `Joining takes longer than its goal, says ${ofAutoscaler}`,
    description: 'One join in a hundred takes {{ $value | humanizeDuration }} or more.',
  },
  {
    name: 'RTCNodeAutoscalerAtMaximum',
    group: 'scaling',
    severity: 'warning',
    for: '10m',
    expr: 'rtcnode_autoscaler_recommended_replicas > rtcnode_autoscaler_max_replicas',
    summary: `The load needs more nodes than ${ofAutoscaler} may ask for`,
    description: 'It would ask for {{ $value }} nodes; spec.maxReplicas does not let it.',
  },
  {
    name: 'RTCNodeAutoscalerBlind',
    group: 'scaling',
    severity: 'warning',
    for: '2m',
    expr: 'rtcnode_autoscaler_fallback == 1',
    summary: `Too few nodes report for ${ofAutoscaler} to decide by load`,
    description: 'It holds the pool, or grows it to spec.fallback.replicas, until half of the pool reports.',
  },
  {
    name: 'RTCNodeRegistryOutOfSight',
    group: 'registry',
    severity: 'critical',
    for: '1m',
    expr: 'min by (namespace, pod) (rtcnode_registry_in_sight) == 0',
    summary: 'The operator does not see the registry',
    description: 'Calls go on, but no node can be drained, scaled in or told anything.',
  },
  {
    name: 'RTCNodeRegistryFrozen',
    group: 'registry',
    severity: 'warning',
    for: '5m',
    expr: 'min by (namespace) (rtcnode_registry_frozen) == 1',
    summary: 'Nothing is killed or scaled in, because the registry cannot be trusted',
    description: 'Many nodes vanished from the registry or fell silent in it at once, or it is out of sight.',
  },
  {
    name: 'RTCNodeRegistryValuesRejected',
    group: 'registry',
    severity: 'warning',
    for: '5m',
    expr: 'sum by (cause) (rate(rtcnode_registry_rejected_values_total[5m])) > 0',
    summary: 'Somebody writes values into the registry that cannot be trusted ({{ $labels.cause }})',
    description: 'They are taken for unknown, never for zero. {{ $value | printf "%.2f" }} a second.',
  },
  {
    name: 'RTCNodeRegistryCertificateExpires',
    group: 'registry',
    severity: 'warning',
    for: '15m',
    expr: 'min by (namespace, pod) (rtcnode_registry_certificate_expiry_timestamp_seconds) - time() < 14 * 86400',
    summary: 'The certificate that the operator shows the registry expires soon',
    description: 'In {{ $value | humanizeDuration }}. It should have been renewed by now.',
  },
  {
    name: 'RTCNodeOperatorWithoutLeader',
    group: 'operator',
    severity: 'critical',
    for: '2m',
    expr: 'sum by (namespace) (leader_election_master_status{name="rtcnode-operator"}) == 0 or absent(leader_election_master_status{name="rtcnode-operator"})',
    summary: 'No replica of the operator leads',
    description: 'Calls go on, but nothing is started, drained or scaled.',
  },
  {
    name: 'RTCNodeReconcilesFail',
    group: 'operator',
    severity: 'warning',
    for: '10m',
    expr: `sum by (namespace, controller) (rate(controller_runtime_reconcile_errors_total{controller=~"${ours}"}[5m])) / sum by (namespace, controller) (rate(controller_runtime_reconcile_total{controller=~"${ours}"}[5m])) > 0.1`,
    summary: 'Reconciles of {{ $labels.controller }} fail',
    description: '{{ $value | humanizePercentage }} of them, for ten minutes. The log of the leader tells why.',
  },
  {
    name: 'RTCNodeQueueSlow',
    group: 'operator',
    severity: 'warning',
    for: '10m',
    expr: `histogram_quantile(0.99, sum by (namespace, name, le) (rate(workqueue_queue_duration_seconds_bucket{name=~"${ours}"}[5m]))) > 10`,
    summary: 'Changes wait long until {{ $labels.name }} looks at them',
    description: 'One in a hundred waits {{ $value | humanizeDuration }} or more.',
  },
  {
    name: 'RTCNodeWatchSilent',
    group: 'operator',
    severity: 'warning',
    for: '2m',
    expr: 'max by (namespace, pod, kind) (rtcnode_informer_stale_seconds) > 300',
    summary: 'The operator hears nothing of {{ $labels.kind }}',
    description: 'The API server has said nothing about this kind for {{ $value | humanizeDuration }}.',
  },
  {
    name: 'RTCNodeApiForbidden',
    group: 'operator',
    severity: 'warning',
    for: '5m',
    expr: 'sum by (namespace, verb, resource) (increase(rtcnode_api_requests_total{code="403",resource!~"scaledobjects|horizontalpodautoscalers|nodeclaims"}[10m])) > 0',
    summary: 'The operator may not {{ $labels.verb }} {{ $labels.resource }}',
    description:
      'A right is missing, or an admission rule refuses. The log of the leader has the words of the API server.',
  },
  {
    name: 'RTCNodeApiFails',
    group: 'operator',
    severity: 'warning',
    for: '10m',
    expr: 'sum by (namespace) (rate(rtcnode_api_requests_total{code=~"5..|429|<error>"}[5m])) / sum by (namespace) (rate(rtcnode_api_requests_total[5m])) > 0.05',
    summary: 'Calls of the operator to the API server fail',
    description: '{{ $value | humanizePercentage }} of them, for ten minutes.',
  },
  {
    name: 'RTCNodeEventLoopSlow',
    group: 'operator',
    severity: 'warning',
    for: '5m',
    expr: '(nodejs_eventloop_lag_p99_seconds and on (instance) rtcnode_build_info) > 0.5',
    summary: 'The operator does not keep up',
    description:
      'Its timers come {{ $value | humanizeDuration }} late. Above the renew deadline of the Lease it loses leadership.',
  },
]
