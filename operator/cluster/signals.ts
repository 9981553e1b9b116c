// How the end of a host is announced: the table of all signals that are understood. Read by sightings.ts, extended by Helm
// values (rules.ts), and docs/hosts.md is made of it.
import type { DisruptionKind } from './disruption.ts'

export type TaintEffect = 'NoSchedule' | 'PreferNoSchedule' | 'NoExecute'

/** What is looked for. */
export type Signal =
  | { readonly source: 'taint'; readonly key: string; readonly effect?: TaintEffect }
  /** Of the host; `says` is part of its message. */
  | { readonly source: 'condition'; readonly type: string; readonly status: string; readonly says?: string }
  /** Of the Karpenter NodeClaim behind the host: a condition that is True, or that it is being deleted. */
  | { readonly source: 'nodeClaim'; readonly condition: string }
  /** An Event about the host. */
  | { readonly source: 'event'; readonly reason: string }
  /** Of the host itself. */
  | { readonly source: 'host'; readonly is: 'Unschedulable' | 'Deleting' | 'Gone' }
  /** The reason of the condition DisruptionTarget of a pod: it goes, though its host may stay. */
  | { readonly source: 'pod'; readonly reason: string }

export const DELETING = 'Deleting'

/** How the deadline is read: so long after it was announced, or from where somebody wrote it. */
export type DeadlineRule = { readonly afterSeconds: number } | 'TerminationTimestamp' | 'PodDeletion'

export interface Rule {
  readonly signal: Signal
  readonly kind: DisruptionKind
  readonly reason: string
  readonly by: string
  /** What it means; a sentence whose subject is `by`. */
  readonly says: string
  /** How much time there is, for people. */
  readonly lead: string
  /** Absent: nobody says when. An Advisory has none. */
  readonly deadline?: DeadlineRule
  /** The value of the taint is when it was put on, in seconds since 1970. */
  readonly valueIsTime?: true
  /** Where nobody has written when it was announced, it counts from when it was first seen. */
  readonly countsFromSight?: true
  /** An event counts for so long: it is not taken back when what it tells of is over. */
  readonly countsForSeconds?: number
}

/** The annotation of a NodeClaim that has a deadline. */
export const TERMINATION_TIMESTAMP = 'karpenter.sh/nodeclaim-termination-timestamp'

const taint = (key: string, effect?: TaintEffect): Signal => ({
  source: 'taint',
  key,
  ...(effect !== undefined && { effect }),
})
const condition = (type: string, status = 'True', says?: string): Signal => ({
  source: 'condition',
  type,
  status,
  ...(says !== undefined && { says }),
})
const nodeClaim = (type: string): Signal => ({ source: 'nodeClaim', condition: type })
const event = (reason: string): Signal => ({ source: 'event', reason })
const host = (is: 'Unschedulable' | 'Deleting' | 'Gone'): Signal => ({ source: 'host', is })
const pod = (reason: string): Signal => ({ source: 'pod', reason })

const autoscaler = 'Cluster Autoscaler'
const karpenter = 'Karpenter'
const terminationHandler = 'AWS Node Termination Handler'
const maintainer = 'whoever maintains the host'
const kubernetes = 'Kubernetes'
const podsGrace = 'the grace of the pod'
const unknownLead = 'nobody says'

/**
 * Where two of one kind are seen, the upper one names the reason. So those who say why come before those who only say that,
 * such as a cordon.
 */
export const builtInRules: readonly Rule[] = [
  // Going or gone.
  {
    signal: host('Gone'),
    kind: 'Imminent',
    reason: 'HostGone',
    by: kubernetes,
    says: 'has deleted the host, and deletes its pods',
    lead: 'none; pods are collected within a minute',
  },
  {
    signal: taint('node.kubernetes.io/out-of-service'),
    kind: 'Imminent',
    reason: 'HostOutOfService',
    by: 'an administrator',
    says: 'has declared the host dead; its pods are deleted by force',
    lead: 'none',
  },
  {
    signal: taint('node.cloudprovider.kubernetes.io/shutdown'),
    kind: 'Imminent',
    reason: 'HostShutDown',
    by: 'the cloud',
    says: 'has shut the machine down',
    lead: 'none',
  },
  {
    signal: taint('aws-node-termination-handler/spot-itn'),
    kind: 'Imminent',
    reason: 'SpotInterruption',
    by: terminationHandler,
    says: 'has word that AWS takes the spot machine back',
    lead: '2 min',
    deadline: { afterSeconds: 120 },
  },
  {
    signal: event('SpotInterrupted'),
    kind: 'Imminent',
    reason: 'SpotInterruption',
    by: karpenter,
    says: 'has word that the cloud takes the spot machine back',
    lead: '2 min',
    deadline: { afterSeconds: 120 },
    countsForSeconds: 600,
  },
  {
    signal: taint('cloud.google.com/impending-node-termination'),
    kind: 'Imminent',
    reason: 'SpotInterruption',
    by: 'GKE',
    says: 'takes the spot machine back, or maintains it',
    lead: '30 s, of which pods have 15 s; up to 120 s where it is configured',
    deadline: { afterSeconds: 30 },
  },
  {
    signal: taint('remediator.kubernetes.azure.com/unschedulable'),
    kind: 'Imminent',
    reason: 'SpotInterruption',
    by: 'AKS',
    says: 'takes the spot machine back, or repairs it',
    lead: '30 s',
    deadline: { afterSeconds: 30 },
  },
  {
    signal: nodeClaim('InstanceTerminating'),
    kind: 'Imminent',
    reason: 'InstanceTerminating',
    by: karpenter,
    says: 'ends the machine',
    lead: 'none',
  },
  {
    signal: condition('GracefulNodeShutdownInProgress'),
    kind: 'Imminent',
    reason: 'HostShuttingDown',
    by: 'the kubelet',
    says: 'ends its pods, because the machine shuts down',
    lead: 'shutdownGracePeriod of the kubelet',
  },
  {
    signal: condition('Ready', 'False', 'shutting down'),
    kind: 'Imminent',
    reason: 'HostShuttingDown',
    by: 'the kubelet',
    says: 'ends its pods, because the machine shuts down',
    lead: 'shutdownGracePeriod of the kubelet',
  },
  {
    signal: condition('MaintenanceInProgress'),
    kind: 'Imminent',
    reason: 'HostMaintenance',
    by: maintainer,
    says: 'is at work on it',
    lead: 'none',
  },
  // Going, with time to move.
  {
    signal: taint('ToBeDeletedByClusterAutoscaler'),
    kind: 'Planned',
    reason: 'ClusterAutoscalerRemoval',
    by: autoscaler,
    says: 'removes the host: it evicts pods after 5 s, and gives them the grace they ask for, but no more than 10 min',
    // Each eviction has its own end. One that is refused for 2 min is given up, so the taint alone moves nobody.
    lead: 'up to 10 min from the eviction of a pod; taken back when pods are held for 2 min',
    valueIsTime: true,
  },
  {
    signal: nodeClaim(DELETING),
    kind: 'Planned',
    reason: 'NodeClaimDeleted',
    by: karpenter,
    says: 'takes the host down, because its NodeClaim was deleted or has expired',
    lead: `terminationGracePeriod of the NodeClaim; then pods are deleted whatever protects them, ${podsGrace} before the end`,
    deadline: 'TerminationTimestamp',
  },
  {
    signal: nodeClaim('DisruptionReason'),
    kind: 'Planned',
    reason: 'KarpenterDisruption',
    by: karpenter,
    says: 'replaces or removes the host, because it is Drifted, Underutilized or Empty',
    lead: 'until its replacement is ready; none for an empty one',
    deadline: 'TerminationTimestamp',
  },
  {
    signal: taint('karpenter.sh/disrupted'),
    kind: 'Planned',
    reason: 'KarpenterDisruption',
    by: karpenter,
    says: 'replaces or removes the host',
    lead: 'until its replacement is ready; none where the host is empty, has expired or is interrupted',
  },
  {
    signal: nodeClaim('Expired'),
    kind: 'Planned',
    reason: 'KarpenterExpired',
    by: karpenter,
    says: 'replaces the host, because it has reached its greatest age',
    lead: unknownLead,
    deadline: 'TerminationTimestamp',
  },
  {
    signal: event('TerminationGracePeriodExpiring'),
    kind: 'Planned',
    reason: 'NodeClaimDeleted',
    by: karpenter,
    says: 'takes the host down, and its terminationGracePeriod runs out',
    lead: 'terminationGracePeriod of the NodeClaim',
    countsForSeconds: 900,
  },
  {
    signal: taint('aws-node-termination-handler/asg-lifecycle-termination'),
    kind: 'Planned',
    reason: 'ScalingGroupTermination',
    by: terminationHandler,
    says: 'has word that the scaling group ends the machine',
    lead: 'the lifecycle hook of the group, up to 48 h',
  },
  {
    signal: taint('aws-node-termination-handler/scheduled-maintenance'),
    kind: 'Planned',
    reason: 'ScheduledMaintenance',
    by: terminationHandler,
    says: 'has word that AWS maintains the machine',
    lead: 'hours to days',
  },
  {
    signal: condition('DrainInProgress'),
    kind: 'Planned',
    reason: 'HostDrain',
    by: maintainer,
    says: 'drains it',
    lead: unknownLead,
  },
  {
    signal: condition('Drained'),
    kind: 'Planned',
    reason: 'HostDrain',
    by: maintainer,
    says: 'has drained it',
    lead: unknownLead,
  },
  {
    signal: host('Deleting'),
    kind: 'Planned',
    reason: 'HostDeleting',
    by: kubernetes,
    says: 'deletes the host once its finalizers are done',
    lead: unknownLead,
  },
  {
    signal: host('Unschedulable'),
    kind: 'Planned',
    reason: 'Cordoned',
    by: 'somebody',
    says: 'has cordoned the host; a drain or an upgrade comes after that most often',
    lead: 'nobody says; upgrades: GKE up to 1 h, EKS 15 min, AKS 30 min',
  },
  // It may go.
  {
    signal: taint('DeletionCandidateOfClusterAutoscaler'),
    kind: 'Advisory',
    reason: 'ClusterAutoscalerCandidate',
    by: autoscaler,
    says: 'has not needed the host for a while',
    lead: 'up to 10 min; often taken back',
    valueIsTime: true,
  },
  // An event cannot be taken back, so it must not close anything after its taint is.
  {
    signal: event('ScaleDown'),
    kind: 'Advisory',
    reason: 'ClusterAutoscalerRemoval',
    by: autoscaler,
    says: 'began to remove the host within the last minute',
    lead: 'by the taint that comes with it',
    countsForSeconds: 60,
  },
  {
    signal: nodeClaim('Drifted'),
    kind: 'Advisory',
    reason: 'KarpenterDrifted',
    by: karpenter,
    says: 'will replace the host, because it is not as its pool wants it',
    lead: 'until its turn comes, by the budgets of the NodePool',
  },
  {
    signal: taint('aws-node-termination-handler/rebalance-recommendation'),
    kind: 'Advisory',
    reason: 'RebalanceRecommendation',
    by: terminationHandler,
    says: 'has word that the spot machine may be taken back',
    lead: 'no promise',
  },
  {
    signal: event('SpotRebalanceRecommendation'),
    kind: 'Advisory',
    reason: 'RebalanceRecommendation',
    by: karpenter,
    says: 'has word that the spot machine may be taken back',
    lead: 'no promise',
    countsForSeconds: 3_600,
  },
  {
    signal: condition('MaintenancePlanned'),
    kind: 'Advisory',
    reason: 'MaintenancePlanned',
    by: maintainer,
    says: 'will maintain it',
    lead: unknownLead,
  },
  {
    signal: taint('node.kubernetes.io/unreachable', 'NoExecute'),
    kind: 'Advisory',
    reason: 'HostUnreachable',
    by: kubernetes,
    says: 'hears nothing of the host; media may well go on, and the pods of SFUs tolerate it',
    lead: 'none; heartbeats decide',
  },
  {
    signal: taint('node.kubernetes.io/not-ready', 'NoExecute'),
    kind: 'Advisory',
    reason: 'HostNotReady',
    by: kubernetes,
    says: 'hears that the host is not ready; media may well go on, and the pods of SFUs tolerate it',
    lead: 'none; heartbeats decide',
  },
  // A pod goes, and its host may stay.
  {
    signal: pod('TerminationByKubelet'),
    kind: 'Imminent',
    reason: 'TerminationByKubelet',
    by: 'the kubelet',
    says: 'ends the pod, because the machine shuts down or lacks memory or disk',
    lead: 'shutdownGracePeriod of the kubelet; none for want of memory or disk',
  },
  ...Object.entries({
    EvictionByEvictionAPI: 'evicts the pod, as a drain does',
    PreemptionByScheduler: 'evicts the pod for one of higher priority',
    DeletionByTaintManager: 'deletes the pod, because it does not tolerate a taint',
    DeletionByPodGC: 'deletes the pod, because its host is gone',
  }).map(
    ([reason, says]): Rule => ({
      signal: pod(reason),
      kind: 'Planned',
      reason,
      by: kubernetes,
      says,
      lead: podsGrace,
      deadline: 'PodDeletion',
    }),
  ),
]

/** Equal: one and the same thing is looked for; a taint is one thing, whatever its effect. Also how people are told of it. */
export function nameOf(signal: Signal): string {
  switch (signal.source) {
    case 'taint':
      return `taint ${signal.key}`
    case 'condition':
      return `condition ${signal.type}=${signal.status}${signal.says === undefined ? '' : ` “${signal.says}”`}`
    case 'nodeClaim':
      return signal.condition === DELETING ? 'deleted NodeClaim' : `NodeClaim condition ${signal.condition}`
    case 'event':
      return `event ${signal.reason}`
    case 'host':
      return hostStates[signal.is]
    case 'pod':
      return `pod condition DisruptionTarget, reason ${signal.reason}`
  }
}

const hostStates = {
  Unschedulable: 'spec.unschedulable',
  Deleting: 'deletionTimestamp',
  Gone: 'deleted host',
} as const

export const sentenceOf = ({ by, says }: Rule): string => `${by.charAt(0).toUpperCase()}${by.slice(1)} ${says}`
