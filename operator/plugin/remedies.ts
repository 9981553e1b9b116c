// What people can do about each reason, and about each condition that does not hold. Data; the explanations look it up. A reason
// that is not here needs nobody: it passes by itself, or nothing is wrong. In commands, NAME is the object, POOL its pool, CLASS its
// class, and -n is added by whoever prints it.
import type { AutoscalerReason, NodeReason, PoolReason } from '../api/reasons.ts'

export const nodeRemedies: Readonly<Partial<Record<NodeReason, string>>> = {
  Pending: 'if this lasts, no operator works: kubectl rtc doctor',
  ClassNotFound: 'create RTCNodeClass CLASS; a node that should have another class must be made anew',
  ClassNotAccepted: 'mend the class, the message is the API server’s: kubectl describe rtcc CLASS',
  PodRefused:
    'the message is the API server’s: raise the quota, label the namespace for Pod Security, or let the operator write pods in this namespace (sfu.namespaces of the chart); it is tried again by itself',
  PodNameTaken: 'delete or rename the pod NAME that belongs to somebody else',
  WaitingForHost: 'make room: more hosts, free ports of the host, smaller requests in the class, or a toleration',
  HostUnavailable:
    'the message is that of who makes hosts: a higher limit or quota, other zones or kinds of hosts; it is tried again by itself',
  ImagePullFailed: 'correct the image in the class, or give its hosts the credentials to pull it',
  ContainerNotCreated: 'the message names what is missing, often a Secret or ConfigMap of this namespace: create it',
  ContainerCrashing: 'read why: kubectl logs NAME --all-containers --previous',
  AddressUnknown: 'give the host an ExternalIP, or set spec.network.addressSource of the class to HostIP',
  AwaitingRegistration:
    'if this lasts, its agent does not reach the registry or not the SFU: kubectl logs NAME -c rtcnode-agent',
  TelemetryLost: 'its agent is silent, calls go on: kubectl logs NAME -c rtcnode-agent; kubectl rtc doctor',
  PodNotReady: 'the readiness probe of the SFU fails while it reports: kubectl describe pod NAME',
  Unhealthy: 'it is given up and replaced when that lasts; look at its host first: kubectl describe pod NAME',
  PodDeleted: 'delete the RTCNode instead of its pod next time: then people have the whole promise',
  StartupTimeout: 'see what was in its way: kubectl get events --field-selector involvedObject.name=NAME',
  HealthTimeout: 'look at the host it ran on; its pool makes another',
  PodLost: 'look for who deletes pods, or for a lost host; its pool makes another',
  Shedding: 'nothing, if its pool grows: kubectl rtc explain pool POOL',
  HostGoing: 'nothing, if its host is to go; its pool makes another first: kubectl rtc explain pool POOL',
}

export const poolRemedies: Readonly<Partial<Record<PoolReason, string>>> = {
  Paused: 'go on with: kubectl patch rtcp NAME --type=merge -p \'{"spec":{"strategy":{"paused":false}}}\'',
  Partitioned: 'go on with a lower spec.strategy.partition, 0 for all nodes',
  HeldBack: 'take rtcnode.io/scale-in-protection off the old nodes when they may go',
  StartsFail:
    'mend what is in the way of the new nodes (below), in template or class; or go back: kubectl rtc rollout undo NAME',
  ProgressDeadlineExceeded:
    'mend what is in the way of the new nodes (below), in template or class; or go back: kubectl rtc rollout undo NAME',
  CreateRefused: 'the message is the API server’s: raise the quota, or see to the admission policy that it names',
  ClassNotFound: 'create RTCNodeClass CLASS, or mend spec.template.spec.className; nodes that serve go on',
  RevisionNotFound: 'name another one: kubectl rtc rollout history NAME; or none: kubectl rtc rollout unpin NAME',
  SelectorOverlap: 'make one of the two pools anew with another selector',
  TooFewOpen: 'see what is in the way of the nodes that do not take rooms (below)',
  NodesUnwell: 'see the nodes below; one that is given up is replaced by itself',
  RegistryFrozen: 'see to etcd: kubectl rtc doctor; nothing shrinks until its keys are back for a full lease time',
  LoadUnknown: 'an agent is silent (TelemetryLost below): its log tells why',
  Protected: 'take rtcnode.io/scale-in-protection off nodes that may go, or leave it',
  SeveralScalers: 'keep one of the autoscalers that the message names',
}

export const autoscalerRemedies: Readonly<Partial<Record<AutoscalerReason, string>>> = {
  Recommending: 'set spec.mode: Apply when you like what it shows',
  Paused: 'set spec.paused: false, or delete the flag pause-scaling from the registry',
  ExternallyManaged: 'delete the HPA or ScaledObject that the message names, or this autoscaler',
  AnotherAutoscaler: 'delete one of the two, or set one to spec.mode: Recommend; the older one scales',
  InvalidSchedule: 'mend the cron line or the time zone that the message names; until then it only grows',
  PoolNotFound: 'create the pool in this namespace, or correct spec.poolName',
  NoLoadYet: 'nodes start, or their agents do not reach the registry: kubectl rtc explain pool POOL',
  LatencyNotLoadRelated:
    'look elsewhere: signalling, TURN, DNS, a remote network, the last roll-out; more nodes would not help',
  ScaleRefused:
    'the message is the API server’s: an admission policy or a right of the operator; tried again by itself',
  StartsFail: 'mend what is in the way of new nodes: kubectl rtc explain pool POOL',
  ScaleUpWindow: 'a shorter spec.behavior.scaleUp.stabilizationWindowSeconds, if growth is late',
  ScaleUpPolicy: 'a larger policy in spec.behavior.scaleUp, if growth is late',
  Tolerance: 'a smaller tolerance in spec.behavior, if the pool is large',
  MaxReplicas: 'raise spec.maxReplicas: people wait',
  MinReplicas: 'lower spec.minReplicas, if idle nodes are too dear',
  PoolSaturated: 'nothing, it grows; if it lasts, nodes do not start or rooms are larger than nodes',
  TelemetryDegraded: 'agents are silent: kubectl rtc top shows TelemetryLost, their logs tell why',
  RegistryFrozen: 'see to etcd: kubectl rtc doctor; after a start of the operator it ends with the window',
  FewReport: 'see to the agents: kubectl rtc top shows TelemetryLost; calls go on',
  RegistryOutOfSight: 'see to etcd: kubectl rtc doctor; calls go on',
}

export interface Names {
  readonly name: string
  readonly pool?: string | undefined
  readonly className?: string | undefined
}

/** With the names put in. */
export const remedyFor = (remedy: string | undefined, { name, pool, className }: Names): string | undefined =>
  remedy
    ?.replaceAll(/\bNAME\b/g, name)
    .replaceAll(/\bPOOL\b/g, pool ?? name)
    .replaceAll(/\bCLASS\b/g, className ?? '')
