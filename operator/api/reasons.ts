// Every reason our kinds give, in one place: the same word goes into the condition, the event, the metric and the log.

/** Why an RTCNode is where it is; the reason of its Ready condition. */
export const nodeReasons = {
  // Pending
  Pending: 'Waiting for the operator.',
  ClassNotFound: 'The class it names does not exist.',
  ClassNotAccepted: 'The class it names cannot make a pod the API server accepts.',
  PodCreated: 'The pod exists and waits for the scheduler.',
  PodRefused: 'The API server refused the pod (quota, Pod Security or validation).',
  PodNameTaken: 'Another pod has the name of this node.',
  WaitingForHost: 'No host has room for the pod, and nobody makes one.',
  HostRequested: 'No host has room for the pod; one is being made.',
  HostUnavailable: 'No host has room for the pod, and those who make hosts cannot make one.',
  ImagePullFailed: 'An image of the pod cannot be pulled.',
  ContainerNotCreated: 'A container of the pod cannot be created, for example because a Secret it names is missing.',
  ContainerCrashing: 'A container of the pod starts and ends again and again.',
  PodStarting: 'The pod has a host; its containers are starting.',
  AddressUnknown: 'The host does not have the address that the class asks for.',
  AwaitingRegistration: 'The pod is ready; its agent has not registered yet.',
  // Running
  Serving: 'Registered and taking new rooms.',
  Shedding: 'Registered; takes no new rooms until its load falls.',
  Cordoned: 'Registered; takes no new rooms because spec.cordoned is true.',
  HostGoing: 'Its host is about to go, so it takes no new rooms and its pool replaces it.',
  TelemetryLost: 'The pod is ready but its heartbeat is missing; nothing is done to it.',
  PodNotReady: 'The heartbeat is fresh but the pod is not ready.',
  Unhealthy: 'Heartbeat and pod are both unwell; deleted when that lasts.',
  PodDeleted: 'Somebody deleted the pod; people may finish within its grace period.',
  // why an RTCNode was deleted
  Deleted: 'Somebody deleted the RTCNode.',
  StartupTimeout: 'It did not become Running in time.',
  HealthTimeout: 'Heartbeat and pod were unwell for too long.',
  PodLost: 'The pod is gone.',
  ScaleIn: 'Its pool has one node too many.',
  RollOut: 'Its pool replaces it by a newer revision.',
  // Terminating
  ClosingAdmission: 'Waiting for the agent to stop taking new rooms.',
  WaitingForSessions: 'People are still in calls; they may stay until the deadline.',
  Evicting: 'The deadline has come; those who are left are told to reconnect elsewhere.',
  Deregistering: 'Empty; leaving the registry.',
  DeletingPod: 'Empty and out of the registry; the pod is being deleted.',
  CleaningUp: 'The pod is gone; removing what is left.',
} as const
export type NodeReason = keyof typeof nodeReasons

/** Why a node that starts may not be Running before somebody helps. */
export const startTroubles = [
  'ClassNotFound',
  'ClassNotAccepted',
  'PodRefused',
  'PodNameTaken',
  'WaitingForHost',
  'HostUnavailable',
  'ImagePullFailed',
  'ContainerNotCreated',
  'ContainerCrashing',
  'AddressUnknown',
  'StartupTimeout',
] as const satisfies readonly NodeReason[]

/** The pod of a node that starts has no host yet. */
export const hostTroubles = [
  'WaitingForHost',
  'HostRequested',
  'HostUnavailable',
] as const satisfies readonly NodeReason[]

/** Why a node that ran is not well any more. */
export const unwellReasons = [
  'TelemetryLost',
  'PodNotReady',
  'Unhealthy',
  'PodDeleted',
  'HealthTimeout',
  'PodLost',
] as const satisfies readonly NodeReason[]

/** The reason of an RTCNodeClass's Accepted condition. */
export const classReasons = {
  Accepted: 'The API server accepts the pod this class makes.',
  PodInvalid: 'The API server refuses the pod this class makes.',
  NotChecked: 'The API server could not say whether it accepts the pod this class makes.',
} as const
export type ClassReason = keyof typeof classReasons

/** What a pool does; the reason of its Progressing condition and of its events. */
export const poolReasons = {
  // Progressing
  Complete: 'All replicas are there and of the update revision.',
  HostsGoing: 'Nodes on hosts that are about to go are being replaced.',
  ScalingOut: 'Nodes are being reopened, made or started.',
  ScalingIn: 'Nodes that are one too many are closed, and leave when they are empty.',
  RollingOut: 'Nodes of older revisions are being replaced.',
  Paused: 'A roll-out waits, because spec.strategy.paused is true.',
  Partitioned: 'The roll-out has gone as far as spec.strategy.partition lets it.',
  HeldBack: 'Nodes of older revisions are protected by rtcnode.io/scale-in-protection.',
  StartsFail: 'Nodes of the update revision do not start, or are lost soon after; another is tried later.',
  ProgressDeadlineExceeded: 'It got no further for progressDeadlineSeconds; what serves is left alone.',
  CreateRefused: 'The API server refused an RTCNode (quota or admission).',
  ClassNotFound: 'The class it names does not exist.',
  RevisionNotFound: 'There is no revision of the number that spec.strategy.pinnedRevision names.',
  SelectorOverlap: 'Another pool of the namespace selects the same nodes.',
  Deleting: 'The pool is being deleted; its nodes drain.',
  // Available
  EnoughOpen: 'Enough nodes take rooms.',
  TooFewOpen: 'Fewer nodes take rooms than replicas less maxUnavailable.',
  // Degraded
  NodesUnwell: 'Some node is unwell or does not start.',
  AllWell: 'No node is unwell.',
  // ScalingInhibited
  RegistryFrozen: 'The registry is out of sight, or many nodes vanished from it or fell silent in it at once.',
  LoadUnknown: 'It is not known how many people are on some nodes.',
  Protected: 'Too many nodes are protected by rtcnode.io/scale-in-protection.',
  NotInhibited: 'Nothing keeps the pool from shrinking.',
  // Contested
  SeveralScalers: 'More than one autoscaler is to set spec.replicas.',
  OneScaler: 'No more than one autoscaler is to set spec.replicas.',
  // events
  Closed: 'A node was closed: no new rooms, people may finish.',
  Reopened: 'A closed node takes rooms again.',
  Created: 'Nodes were made.',
  Deleted: 'A closed node was deleted, because it was empty or its deadline had come.',
  Adopted: 'A node that matches the selector and had no owner was taken over.',
  Released: 'A node that matches the selector no more was let go.',
  Announced: 'A schedule of its autoscaler begins soon and asks for more nodes; room on hosts is made for them.',
} as const
export type PoolReason = keyof typeof poolReasons

/** What an autoscaler does; the reasons of its conditions and of its events. */
export const autoscalerReasons = {
  // ScalingActive
  Steady: 'The pool has the size that its load needs.',
  ScaledUp: 'Replicas were raised.',
  ScaledDown: 'Replicas were lowered.',
  Recommending: 'Replicas are worked out and shown only, because spec.mode is Recommend.',
  Paused: 'Replicas are left alone, because spec.paused is true or the flag pause-scaling is set in the registry.',
  ExternallyManaged: 'An HPA or a ScaledObject sets the replicas of the pool.',
  AnotherAutoscaler: 'An older RTCAutoscaler scales the pool.',
  InvalidSchedule: 'A schedule has a cron line or a time zone that cannot be read.',
  PoolNotFound: 'There is no such pool in the namespace.',
  PoolDeleting: 'The pool is being deleted.',
  NoLoadYet: 'No node of the pool has told its load yet.',
  LatencyNotLoadRelated: 'Latency is bad while load is low and does not follow it; more nodes would not help.',
  // AbleToScale
  PoolFound: 'The pool is there.',
  ScaleRefused: 'The API server refused the new number.',
  StartsFail: 'Nodes of the pool do not start; no others are asked for in their place.',
  // ScalingLimited
  WithinLimits: 'No limit applies.',
  MinReplicas: 'The formula says fewer than the minimum.',
  MaxReplicas: 'The formula says more than the maximum.',
  ScaleUpPolicy: 'spec.behavior.scaleUp lets replicas rise no faster.',
  ScaleDownPolicy: 'spec.behavior.scaleDown lets replicas fall no faster.',
  ScaleUpWindow: 'Replicas rise when the need has lasted for the window.',
  ScaleDownWindow: 'A larger need in the window still counts.',
  Tolerance: 'The change would be smaller than the tolerance.',
  TelemetryDegraded: 'Part of the pool does not report; nothing is taken away.',
  RegistryFrozen:
    'Many nodes vanished from the registry or fell silent in it at once, or the operator has just started; nothing is taken away.',
  TooFullAfter: 'The nodes that would stay would be too full.',
  Scheduled: 'A schedule asks for more.',
  // Fallback
  FewReport: 'Less than half of the pool reports.',
  RegistryOutOfSight: 'The registry cannot be seen.',
  EnoughReport: 'Enough of the pool reports.',
  // others
  LoadRelated: 'Latency is at its goal, or follows load.',
  NotManaged: 'Nothing else sets the replicas of the pool.',
  PoolSaturated: 'Most nodes of the pool take no new rooms; it is enlarged by a quarter.',
} as const
export type AutoscalerReason = keyof typeof autoscalerReasons
