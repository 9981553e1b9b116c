// Words to describe a pool at one moment: what is wanted, its nodes, what the registry says. For the tests of its judgement.
import { type Instant, instant, toTimestamp } from '../../../operator/ambient/clock.ts'
import type { ClosingReason } from '../../../operator/api/closed-by-pool.ts'
import { annotations, FINALIZER, labels } from '../../../operator/api/marks.ts'
import { API_VERSION, type Condition, type Uid } from '../../../operator/api/meta.ts'
import type { RTCNode, RTCNodeStatus } from '../../../operator/api/rtcnode.ts'
import {
  type RTCNodePool,
  RTCNodePoolKind,
  type RTCNodePoolSpec,
  type RTCNodePoolStatus,
} from '../../../operator/api/rtcnodepool.ts'
import type { Disruption, DisruptionKind } from '../../../operator/cluster/disruption.ts'
import { conditionOf } from '../../../operator/kube/conditions.ts'
import { plan } from '../../../operator/pool/plan.ts'
import type { Batch, Member, Plan, PoolView } from '../../../operator/pool/view.ts'
import type { Registration } from '../../../operator/registry/registration.ts'

export const T0: Instant = instant(Date.parse('2030-01-01T00:00:00Z'))
export const at = (seconds: number): Instant => instant(T0 + seconds * 1_000)
export const timeAt = (seconds: number): string => toTimestamp(at(seconds))

/** When the plans of these tests are made, in seconds after T0; nodes are an hour old. */
export const NOW = 10_000
export const [V1, V2, V3] = ['t1-c1', 't2-c1', 't3-c1'] as const
export const DRAIN_SECONDS = 600

export interface PoolTraits {
  readonly spec?: Partial<Omit<RTCNodePoolSpec, 'strategy'>>
  readonly strategy?: Partial<Omit<RTCNodePoolSpec['strategy'], 'rollingUpdate'>>
  readonly surge?: number | string
  readonly unavailable?: number | string
  readonly status?: Partial<RTCNodePoolStatus>
  readonly generation?: number
  readonly deleted?: boolean
}

const template = { metadata: { labels: { app: 'sfu' } }, spec: { className: 'sim' } }

export function aPool(replicas: number, traits: PoolTraits = {}): RTCNodePool {
  const spec = RTCNodePoolKind.spec.parse({
    replicas,
    selector: { matchLabels: { app: 'sfu' } },
    template,
    strategy: {
      ...traits.strategy,
      rollingUpdate: { maxSurge: traits.surge ?? 1, maxUnavailable: traits.unavailable ?? 0 },
    },
    ...traits.spec,
  }) as RTCNodePoolSpec
  return {
    apiVersion: API_VERSION,
    kind: 'RTCNodePool',
    metadata: {
      name: 'eu',
      namespace: 'media',
      uid: 'uid-pool' as Uid,
      resourceVersion: '1',
      generation: traits.generation ?? 1,
      creationTimestamp: timeAt(0),
      ...(traits.deleted ? { deletionTimestamp: timeAt(NOW), finalizers: ['foregroundDeletion'] } : {}),
    },
    spec,
    status: {
      ...(RTCNodePoolKind.initialStatus as object),
      observedGeneration: traits.generation ?? 1,
      currentRevision: V1,
      updateRevision: V1,
      progressAt: timeAt(NOW),
      ...traits.status,
    } as RTCNodePoolStatus,
  }
}

export interface NodeTraits {
  readonly revision?: string
  /** Seconds after T0; default: an hour before NOW. */
  readonly madeAt?: number
  readonly classHash?: string
  readonly phase?: RTCNodeStatus['phase']
  /** Reason of a Ready condition that is not True. */
  readonly unready?: string
  /** Seconds after T0 since when its pod has a host, where its status tells. */
  readonly housedAt?: number
  /** Seconds after T0. */
  readonly readySince?: number
  readonly admits?: boolean
  /** Seconds after T0 of its deadline. */
  readonly closed?: { readonly by: ClosingReason; readonly deadline: number }
  readonly cordoned?: boolean
  /** By a person, with whatever its pool wrote on it when it closed it. */
  readonly opened?: boolean
  readonly deletedAt?: number
  readonly drain?: string
  readonly isProtected?: boolean
  readonly priority?: number | string
  readonly sessions?: number
  readonly rooms?: number
  readonly emptyFor?: number
  readonly registration?: Registration
  readonly hasPod?: boolean
  /** What its host announces. */
  readonly disruption?: DisruptionKind | Disruption | undefined
  /** Its own status says that its host took it along. */
  readonly disrupted?: boolean
  /** Its own status says that its pod came to a host that was about to go already. */
  readonly cameLate?: boolean | undefined
  readonly zone?: string
  readonly host?: string
  readonly version?: number
}

/** Of a host; a deadline in seconds after T0. */
export const aDisruption = (kind: DisruptionKind, deadline?: number): Disruption => ({
  kind,
  reason: 'KarpenterDisruption',
  by: 'Karpenter',
  message: 'Karpenter replaces the host',
  deadline: deadline === undefined ? undefined : at(deadline),
  since: undefined,
})

const condition = (type: string, status: Condition['status'], reason: string, since: number): Condition => ({
  type,
  status,
  reason,
  message: '',
  lastTransitionTime: timeAt(since),
})

export const absent: Registration = { state: 'absent', forMs: 60_000 }
export const stale: Registration = { state: 'stale', forMs: 60_000 }
export const unknown: Registration = { state: 'unknown', because: 'disconnected', forMs: 60_000 }
export const plain: Registration = {
  state: 'plain',
  load: { cpu: 1, mem: 1, streams: 0 },
  revision: 1,
  ageMs: 1,
  leaseId: '1',
}

export const beat = (podUID: string, sessions: number, rooms: number | undefined, emptyFor: number): Registration => ({
  state: 'fresh',
  heartbeat: {
    podUID,
    bootId: 'boot',
    seq: 1,
    state: 'serving',
    sessions,
    ...(rooms === undefined ? {} : { rooms }),
  },
  revision: 1,
  ageMs: 1_000,
  leaseId: '1',
  emptySamples: 0,
  emptyForMs: emptyFor * 1_000,
})

/** Running, open and empty, of revision V1, unless it is told otherwise. */
export function aNode(name: string, traits: NodeTraits = {}): Member {
  const { phase = traits.deletedAt === undefined ? 'Running' : 'Terminating', closed, deletedAt } = traits
  const podUID = `pod-${name}`
  const isReady = phase === 'Running' && traits.unready === undefined
  const since = traits.readySince ?? NOW - 3_600
  const cordoned = (closed !== undefined && traits.opened !== true) || traits.cordoned === true
  const marks = {
    ...(closed === undefined
      ? {}
      : { [annotations.closedByPool]: closed.by, [annotations.drainDeadline]: timeAt(closed.deadline) }),
    ...(traits.isProtected ? { [annotations.scaleInProtection]: 'true' } : {}),
    ...(traits.priority === undefined ? {} : { [annotations.deletionPriority]: String(traits.priority) }),
  }
  const node: RTCNode = {
    apiVersion: API_VERSION,
    kind: 'RTCNode',
    metadata: {
      name,
      namespace: 'media',
      uid: `uid-${name}` as Uid,
      resourceVersion: String(traits.version ?? 1),
      generation: 1,
      creationTimestamp: timeAt(traits.madeAt ?? NOW - 3_700),
      labels: { app: 'sfu', [labels.pool]: 'eu', [labels.revision]: traits.revision ?? V1 },
      annotations: marks,
      finalizers: [FINALIZER],
      ...(deletedAt === undefined ? {} : { deletionTimestamp: timeAt(deletedAt) }),
    },
    spec: { className: 'sim', cordoned },
    status: {
      phase,
      ...(phase === 'Pending' ? {} : { podName: name, podUID }),
      ...(traits.classHash === undefined ? {} : { classHash: traits.classHash }),
      ...(traits.host === undefined ? {} : { nodeName: traits.host }),
      ...(traits.drain === undefined
        ? {}
        : { drain: { reason: traits.drain, startedAt: timeAt(deletedAt ?? NOW), deadline: timeAt(NOW + 600) } }),
      conditions: [
        condition('AdmissionOpen', isReady && !cordoned && traits.admits !== false ? 'True' : 'False', 'Told', since),
        condition(
          'Ready',
          isReady ? 'True' : traits.unready === 'TelemetryLost' ? 'Unknown' : 'False',
          isReady ? 'Serving' : (traits.unready ?? 'Pending'),
          since,
        ),
        ...(traits.disrupted ? [condition('Disrupted', 'True', 'KarpenterDisruption', since)] : []),
        ...(traits.housedAt === undefined && traits.cameLate === undefined
          ? []
          : [condition('Scheduled', 'True', traits.cameLate ? 'HostGoing' : 'Scheduled', traits.housedAt ?? since)]),
      ],
    },
  }
  return {
    node,
    registration:
      traits.registration ??
      (phase === 'Pending' ? absent : beat(podUID, traits.sessions ?? 0, traits.rooms, traits.emptyFor ?? 0)),
    hasPod: traits.hasPod ?? true,
    disruption: typeof traits.disruption === 'string' ? aDisruption(traits.disruption) : traits.disruption,
    zone: traits.zone,
  }
}

export const nodes = (count: number, traits: NodeTraits = {}, prefix = 'n'): Member[] =>
  Array.from({ length: count }, (_, i) => aNode(`${prefix}${i + 1}`, traits))

export const aView = (pool: RTCNodePool, members: readonly Member[], rest: Partial<PoolView> = {}): PoolView => ({
  pool,
  members,
  target: { state: 'known', revision: V1, classFound: true },
  current: currentOf(pool),
  revisions: [V1, V2, V3].map((name, i) => ({ name, number: i + 1, template })),
  classRollout: 'RollingUpdate',
  packs: false,
  drainSecondsOf: () => DRAIN_SECONDS,
  evictGraceSecondsOf: () => 30,
  registry: { inSight: true, frozen: false },
  overlapsWith: undefined,
  contestedBy: [],
  createRefused: undefined,
  now: at(NOW),
  ...rest,
})

function currentOf({ status }: RTCNodePool): PoolView['current'] {
  return status?.currentRevision === undefined ? undefined : { revision: status.currentRevision, classFound: true }
}

export const towards = (revision: string): Pick<PoolView, 'target'> => ({
  target: { state: 'known', revision, classFound: true },
})

/** What a plan does, short enough to compare: `create 2`, `close n1 n3`. */
export function told({ batch }: Plan): string {
  if (batch === undefined) return 'nothing'
  if (batch.do === 'create') return `create ${batch.count}${batch.from === 'update' ? '' : ' of the current revision'}`
  return `${batch.do} ${namesIn(batch).sort().join(' ')}`
}

export const namesIn = (batch: Batch | undefined): string[] =>
  batch === undefined || batch.do === 'create' ? [] : batch.nodes.map(({ name }) => name)

export const planFor = (pool: RTCNodePool, members: readonly Member[], rest: Partial<PoolView> = {}): Plan =>
  plan(aView(pool, members, rest))

export const conditionIn = (planned: Plan, type: string): Condition => {
  const found = conditionOf(planned.status.conditions, type)
  if (found === undefined) throw new Error(`no condition ${type} in ${JSON.stringify(planned.status)}`)
  return found
}
