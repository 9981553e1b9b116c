// Words to describe one moment in the life of a node: what it is, what was seen, and what is decided. For the tests of
// the lifecycle's judgement.
import { type Instant, instant, toTimestamp } from '../../../operator/ambient/clock.ts'
import type { Host, Pod } from '../../../operator/api/core.ts'
import type { Heartbeat } from '../../../operator/api/heartbeat.ts'
import type { Intent } from '../../../operator/api/intent.ts'
import { FINALIZER } from '../../../operator/api/marks.ts'
import { API_VERSION, type Condition, type Uid } from '../../../operator/api/meta.ts'
import type { RTCNode, RTCNodeSpec, RTCNodeStatus } from '../../../operator/api/rtcnode.ts'
import { type RTCNodeClass, RTCNodeClassKind, type RTCNodeClassSpec } from '../../../operator/api/rtcnodeclass.ts'
import type { Disruption, DisruptionKind } from '../../../operator/cluster/disruption.ts'
import { decide } from '../../../operator/lifecycle/decide.ts'
import type { Decision, Observed } from '../../../operator/lifecycle/decision.ts'
import type { AgentSettings } from '../../../operator/lifecycle/start-up-environment.ts'
import { fullyOpen } from '../../../operator/load/admission.ts'
import type { KnownIntent, Registration } from '../../../operator/registry/registration.ts'

/** When the node of these tests was created. */
export const T0: Instant = instant(Date.parse('2030-01-01T00:00:00Z'))
export const at = (seconds: number): Instant => instant(T0 + seconds * 1_000)
export const timeAt = (seconds: number): string => toTimestamp(at(seconds))

export const settings: AgentSettings = { registryEndpoints: ['https://etcd:2379'], registryPrefix: '/sfu' }

export const NODE_UID = 'uid-node' as Uid
export const POD_UID = 'uid-pod' as Uid

export interface NodeTraits {
  readonly spec?: Partial<RTCNodeSpec>
  readonly status?: RTCNodeStatus
  readonly generation?: number
  readonly finalizers?: readonly string[]
  readonly labels?: Readonly<Record<string, string>>
  readonly annotations?: Readonly<Record<string, string>>
  /** Seconds after T0. */
  readonly deletedAt?: number
}

/** A node that has our finalizer and nothing else yet. */
export const aNode = ({
  spec,
  status,
  generation = 1,
  finalizers = [FINALIZER],
  labels,
  annotations,
  deletedAt,
}: NodeTraits = {}): RTCNode => ({
  apiVersion: API_VERSION,
  kind: 'RTCNode',
  metadata: {
    name: 'sfu-1',
    namespace: 'media',
    uid: NODE_UID,
    resourceVersion: '1',
    generation,
    creationTimestamp: timeAt(0),
    finalizers,
    ...(labels === undefined ? {} : { labels }),
    ...(annotations === undefined ? {} : { annotations }),
    ...(deletedAt === undefined ? {} : { deletionTimestamp: timeAt(deletedAt) }),
  },
  spec: { className: 'livekit', cordoned: false, ...spec },
  ...(status === undefined ? {} : { status }),
})

/** What its pool writes on a node that it closes. */
export const poolMark = (reason: string, deadline: string): Readonly<Record<string, string>> => ({
  'rtcnode.io/closed-by-pool': reason,
  'rtcnode.io/drain-deadline': deadline,
})

export const condition = (type: string, status: Condition['status'], reason: string, message = ''): Condition => ({
  type,
  status,
  reason,
  message,
  observedGeneration: 1,
  lastTransitionTime: timeAt(0),
})

export const runningStatus: RTCNodeStatus = {
  phase: 'Running',
  observedGeneration: 1,
  podName: 'sfu-1',
  podUID: POD_UID,
  nodeName: 'host-1',
  conditions: [condition('Ready', 'True', 'Serving'), condition('Registered', 'True', 'Registered')],
}
export const aRunningNode = (traits: NodeTraits = {}): RTCNode => aNode({ status: runningStatus, ...traits })

/** Deleted at 100 s, with its deadline at 160 s on record. */
export const aDrainingNode = (traits: NodeTraits = {}): RTCNode =>
  aNode({ deletedAt: 100, status: drainingStatus, ...traits })
export const DRAIN = { reason: 'Deleted', startedAt: timeAt(100), deadline: timeAt(160) } as const
export const drainingStatus: RTCNodeStatus = { ...runningStatus, phase: 'Terminating', drain: DRAIN }

export interface ClassTraits {
  readonly drain?: object
  readonly health?: object
  readonly network?: object
  readonly agent?: object
  readonly podSpec?: object
  readonly podMetadata?: object
  readonly sfuContainer?: string
  readonly accepted?: Condition
  readonly generation?: number
}

/** Deadline 60 s, eviction grace 10 s, 3 samples; start-up 120 s, unhealthy after 30 s. */
export const aClass = (traits: ClassTraits = {}): RTCNodeClass => ({
  apiVersion: API_VERSION,
  kind: 'RTCNodeClass',
  metadata: {
    name: 'livekit',
    uid: 'uid-class' as Uid,
    resourceVersion: '1',
    generation: traits.generation ?? 1,
    creationTimestamp: timeAt(-1_000),
  },
  spec: RTCNodeClassKind.spec.parse({
    adapter: 'livekit',
    ...(traits.sfuContainer === undefined ? {} : { sfuContainer: traits.sfuContainer }),
    network: traits.network ?? {},
    podTemplate: {
      ...(traits.podMetadata === undefined ? {} : { metadata: traits.podMetadata }),
      spec: traits.podSpec ?? { containers: [{ name: 'sfu', image: 'sfu:1' }] },
    },
    agent: { image: 'rtcnode:1', ...traits.agent },
    drain: { deadlineSeconds: 60, evictGraceSeconds: 10, emptySamples: 3, ...traits.drain },
    health: { startupTimeoutSeconds: 120, unhealthyAfterSeconds: 30, ...traits.health },
  }) as RTCNodeClassSpec,
  ...(traits.accepted === undefined ? {} : { status: { conditions: [traits.accepted] } }),
})

export interface PodTraits {
  readonly ready?: boolean
  /** Seconds after T0 since when the Ready condition is as it is. */
  readonly since?: number
  readonly host?: string | undefined
  readonly uid?: string
  readonly owner?: string
  readonly phase?: NonNullable<Pod['status']>['phase']
  readonly conditions?: NonNullable<Pod['status']>['conditions']
  readonly container?: NonNullable<NonNullable<Pod['status']>['containerStatuses']>[number]['state']
  readonly createdAt?: number
  readonly annotations?: Readonly<Record<string, string>>
  /** Seconds after T0 when the kubelet kills it, and the grace it was given. */
  readonly killedAt?: number
  readonly graceSeconds?: number
}

/** The pod of the node: bound to a host, its SFU running. */
export function aPod(traits: PodTraits = {}): Pod {
  const { ready = true, since = 10, uid = POD_UID, owner = NODE_UID, phase = 'Running', createdAt = 1 } = traits
  const host = 'host' in traits ? traits.host : 'host-1'
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: 'sfu-1',
      namespace: 'media',
      uid: uid as Uid,
      resourceVersion: '1',
      creationTimestamp: timeAt(createdAt),
      ownerReferences: [
        { apiVersion: API_VERSION, kind: 'RTCNode', name: 'sfu-1', uid: owner as Uid, controller: true },
      ],
      ...(traits.annotations === undefined ? {} : { annotations: traits.annotations }),
      ...(traits.killedAt === undefined ? {} : { deletionTimestamp: timeAt(traits.killedAt) }),
      ...(traits.graceSeconds === undefined ? {} : { deletionGracePeriodSeconds: traits.graceSeconds }),
    },
    spec: { containers: [{ name: 'sfu' }], ...(host === undefined ? {} : { nodeName: host }) },
    status: {
      phase,
      podIP: '10.0.0.1',
      hostIP: '192.0.2.1',
      conditions: traits.conditions ?? [
        { type: 'Ready', status: ready ? 'True' : 'False', lastTransitionTime: timeAt(since), message: 'probe failed' },
      ],
      containerStatuses: [{ name: 'sfu', state: traits.container ?? { running: {} } }],
    },
  }
}

export const aHost = (externalIP?: string): Host => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: {
    name: 'host-1',
    uid: 'uid-host' as Uid,
    resourceVersion: '1',
    creationTimestamp: timeAt(-1_000),
    labels: { 'topology.kubernetes.io/region': 'eu-west' },
  },
  spec: {},
  status: { addresses: externalIP === undefined ? [] : [{ type: 'ExternalIP', address: externalIP }] },
})

/** What a host announces; a deadline in seconds after T0. */
export const aDisruption = (
  kind: DisruptionKind,
  { deadline, ...rest }: Partial<Omit<Disruption, 'kind' | 'deadline'>> & { readonly deadline?: number } = {},
): Disruption => ({
  kind,
  reason: 'KarpenterDisruption',
  by: 'Karpenter',
  message: 'Karpenter replaces the host',
  deadline: deadline === undefined ? undefined : at(deadline),
  since: undefined,
  ...rest,
})

export const aBeat = (beat: Partial<Heartbeat> = {}): Heartbeat => ({
  podUID: POD_UID,
  bootId: 'boot-1',
  seq: 1,
  state: 'serving',
  sessions: 0,
  ...beat,
})

export const fresh = (beat: Partial<Heartbeat> = {}, emptySamples = 0): Registration => ({
  state: 'fresh',
  heartbeat: aBeat(beat),
  revision: 1,
  ageMs: 1_000,
  leaseId: '1',
  emptySamples,
  emptyForMs: 0,
})
export const stale = (forSeconds: number): Registration => ({
  state: 'stale',
  podUID: POD_UID,
  forMs: forSeconds * 1_000,
})
export const absent = (forSeconds: number): Registration => ({ state: 'absent', forMs: forSeconds * 1_000 })
export const plain: Registration = {
  state: 'plain',
  load: { cpu: 1, mem: 1, streams: 1 },
  revision: 1,
  ageMs: 1_000,
  leaseId: '1',
}
export const rejected = (forSeconds: number): Registration => ({
  state: 'rejected',
  because: 'sessions: must be a number',
  forMs: forSeconds * 1_000,
})
export const unknown: Registration = { state: 'unknown', because: 'disconnected', forMs: 60_000 }

export const told = (intent: Partial<Intent>, revision = 7): KnownIntent => ({
  state: 'known',
  revision,
  intent: { podUID: POD_UID, admission: 'closed', weight: 0, ...intent },
})
export type Stage = NonNullable<Intent['drain']>['stage']
/** The intent of a drain, as `aDrainingNode` needs it. */
export const toldTo = (stage: Stage, revision = 7): KnownIntent =>
  told({ drain: { reason: DRAIN.reason, deadline: DRAIN.deadline, stage } }, revision)

export const seen = (what: Partial<Observed> = {}): Observed => ({
  nodeClass: aClass(),
  pod: undefined,
  host: undefined,
  disruption: undefined,
  ending: undefined,
  registration: absent(5),
  intent: { state: 'absent' },
  load: fullyOpen,
  loadIsDue: false,
  registryFrozen: false,
  crowd: 1,
  refusal: undefined,
  makersSay: [],
  hostsGoing: [],
  ...what,
})

/** A node that serves: its pod ready, its heartbeat fresh. */
export const seenServing = (what: Partial<Observed> = {}): Observed =>
  seen({ pod: aPod(), registration: fresh(), ...what })

export const decideAt = (seconds: number, node: RTCNode, what: Observed): Decision =>
  decide(node, what, at(seconds), settings)

export const readyOf = ({ status }: Decision): Condition | undefined => conditionIn(status, 'Ready')
export const conditionIn = (status: RTCNodeStatus | undefined, type: string): Condition | undefined =>
  status?.conditions?.find(it => it.type === type)

/** The node after its status was written. */
export const after = (node: RTCNode, { status }: Decision): RTCNode => ({ ...node, status })
