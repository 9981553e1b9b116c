// Any moment at all, also absurd ones: what no test author thinks of. For the laws of the lifecycle's judgement.
import * as fc from 'fast-check'
import type { Pod } from '../../../operator/api/core.ts'
import type { Intent } from '../../../operator/api/intent.ts'
import { FINALIZER } from '../../../operator/api/marks.ts'
import type { Condition } from '../../../operator/api/meta.ts'
import { nodeReasons } from '../../../operator/api/reasons.ts'
import { conditionTypes, phases, type RTCNode, type RTCNodeStatus } from '../../../operator/api/rtcnode.ts'
import type { Observed } from '../../../operator/lifecycle/decision.ts'
import { type Admission, fullyOpen } from '../../../operator/load/admission.ts'
import type { KnownIntent, Registration } from '../../../operator/registry/registration.ts'
import { notTriggered, triggered } from '../hosts/said.ts'
import {
  aBeat,
  aClass,
  aDisruption,
  aHost,
  aNode,
  aPod,
  type ClassTraits,
  POD_UID,
  type PodTraits,
  plain,
  timeAt,
} from './build.ts'

export interface Moment {
  readonly node: RTCNode
  readonly seen: Observed
  /** Seconds after the node was created. */
  readonly at: number
}

/** Seconds of a life of some ten minutes. */
const seconds = fc.integer({ min: 0, max: 600 })
const time = seconds.map(timeAt)
const maybe = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(arbitrary, { nil: undefined })
const podUID = fc.constantFrom(POD_UID, POD_UID, POD_UID, 'old')
/** Without the keys that are undefined, as JSON has it. */
const record = <T extends object>(model: { [K in keyof T]: fc.Arbitrary<T[K] | undefined> }): fc.Arbitrary<T> =>
  fc
    .record(model as Record<string, fc.Arbitrary<unknown>>)
    .map(value => Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined)) as T)

const reason = fc.constantFrom(...Object.keys(nodeReasons))
const conditions: fc.Arbitrary<Condition[]> = fc.uniqueArray(
  fc.record({
    type: fc.constantFrom(...conditionTypes),
    status: fc.constantFrom('True', 'False', 'Unknown'),
    reason,
    message: fc.constantFrom('', 'because'),
    lastTransitionTime: time,
  }),
  { selector: ({ type }) => type },
)

const deadline = fc.constantFrom(timeAt(160), timeAt(160), timeAt(300))
const status: fc.Arbitrary<RTCNodeStatus> = record<RTCNodeStatus>({
  phase: fc.constantFrom(...phases),
  observedGeneration: maybe(fc.constant(1)),
  podUID: maybe(podUID),
  nodeName: maybe(fc.constant('host-1')),
  disruption: maybe(record({ kind: fc.constantFrom('Advisory', 'Planned', 'Imminent'), deadline: maybe(time) })),
  drain: maybe(
    record({
      reason: fc.constant('Deleted'),
      startedAt: time,
      deadline,
      skipped: maybe(fc.subarray(['evict', 'deregister', 'remove-intent'], { minLength: 1 })),
    }),
  ),
  load: maybe(record({ sessions: fc.nat(200), streams: maybe(fc.nat(200)), observedAt: time })),
  conditions: maybe(conditions),
})

/** As a pool writes it on a node, or somebody else. */
const mark = record<Record<string, string>>({
  'rtcnode.io/closed-by-pool': fc.constantFrom('ScaleIn', 'RollOut', 'HostGoing', 'x', undefined),
  'rtcnode.io/drain-deadline': fc.oneof(time, time, fc.constantFrom(timeAt(9e9), timeAt(-9e9), 'soon', '', undefined)),
})

const node: fc.Arbitrary<RTCNode> = fc
  .record({
    status: maybe(status),
    generation: fc.integer({ min: 1, max: 5 }),
    finalizers: fc.constantFrom([FINALIZER], [FINALIZER, 'other'], [FINALIZER], [], ['other']),
    deletedAt: maybe(seconds),
    annotations: maybe(mark),
    spec: record<Partial<RTCNode['spec']>>({
      cordoned: fc.boolean(),
      region: maybe(fc.constant('eu')),
      drain: maybe(record<{ deadlineSeconds?: number }>({ deadlineSeconds: maybe(fc.integer({ min: 0, max: 400 })) })),
    }),
  })
  .map(({ status: written, deletedAt, annotations, ...traits }) =>
    aNode({
      ...traits,
      ...(written && { status: written }),
      ...(annotations && { annotations }),
      ...(deletedAt !== undefined && { deletedAt }),
    }),
  )

const waitingReason = fc.constantFrom('ImagePullBackOff', 'CrashLoopBackOff', 'ContainerCreating')
const container: fc.Arbitrary<NonNullable<PodTraits['container']>> = fc.oneof(
  fc.constant({ running: {} }),
  fc.constant({}),
  waitingReason.map(word => ({ waiting: { reason: word } })),
  fc.nat(255).map(exitCode => ({ terminated: { exitCode } })),
)
const pod: fc.Arbitrary<Pod> = record<PodTraits>({
  ready: fc.boolean(),
  since: seconds,
  host: fc.constantFrom('host-1', 'host-1', 'none'),
  uid: podUID,
  owner: fc.constantFrom('uid-node', 'uid-node', 'uid-node', 'uid-node', 'other'),
  phase: fc.constantFrom('Pending', 'Running', 'Running', 'Running', 'Succeeded', 'Failed', 'Unknown'),
  conditions: maybe(fc.constant([])),
  container,
  createdAt: seconds,
  killedAt: maybe(fc.oneof(seconds, fc.constant(180))),
  graceSeconds: maybe(fc.constantFrom(0, 30, 100, 5_000)),
  annotations: maybe(
    fc.constantFrom('60', '', '-1', '1e3', '9999999', 'x').map(text => ({ 'rtcnode.io/drain-deadline-seconds': text })),
  ),
}).map(traits => aPod(traits.host === 'none' ? { ...traits, host: undefined } : traits))

const forMs = fc.oneof(fc.nat(700_000), fc.constantFrom(0, 9_999, 10_000, 29_999, 30_000))
const registration: fc.Arbitrary<Registration> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc
      .record({
        beat: fc.record({
          podUID,
          state: fc.constantFrom('serving', 'closed', 'draining'),
          sessions: fc.constantFrom(0, 0, 1, 100),
        }),
        ackIntent: maybe(fc.nat(12)),
        emptySamples: fc.nat(4),
      })
      .map(
        ({ beat, ackIntent, emptySamples }): Registration => ({
          state: 'fresh',
          heartbeat: aBeat({ ...beat, ...(ackIntent !== undefined && { ackIntent }) }),
          revision: 1,
          ageMs: 1_000,
          leaseId: '1',
          emptySamples,
          emptyForMs: 0,
        }),
      ),
  },
  fc.constant(plain),
  fc.record({ state: fc.constant('stale'), podUID, forMs }),
  fc.record({ state: fc.constant('absent'), forMs }),
  fc.record({ state: fc.constant('rejected'), because: fc.constant('sessions'), forMs }),
  fc.record({ state: fc.constant('unknown'), because: fc.constantFrom('not-synced', 'disconnected'), forMs }),
)

const drain = fc.record({
  reason: fc.constantFrom('Deleted', 'PodDeleted', 'Disrupted'),
  deadline,
  stage: fc.constantFrom('wait', 'evict', 'leave'),
})
const intent: fc.Arbitrary<KnownIntent> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      state: fc.constant('known'),
      revision: fc.integer({ min: 1, max: 12 }),
      intent: record<Intent>({
        podUID,
        admission: fc.constantFrom('open', 'closed'),
        weight: fc.constantFrom(0, 1),
        joinsPerSecond: maybe(fc.constantFrom(1, 4)),
        tier: maybe(fc.constantFrom('prewarm', 'shed', 'protect')),
        drain: maybe(drain),
      }),
    }),
  },
  fc.constant({ state: 'absent' } as const),
  fc.record({ state: fc.constant('unreadable'), revision: fc.integer({ min: 1, max: 12 }) }),
  fc.constant({ state: 'unknown' } as const),
)

const load: fc.Arbitrary<Admission> = fc.constantFrom<Admission>(
  fullyOpen,
  fullyOpen,
  { admission: 'open', weight: 0.25, tier: 'prewarm' },
  { admission: 'closed', weight: 0, tier: 'shed' },
  { admission: 'closed', weight: 0, joinsPerSecond: 4, tier: 'protect' },
)

const nodeClass = record<ClassTraits>({
  drain: record({ deadlineSeconds: fc.constantFrom(0, 60, 604_800), emptySamples: fc.constantFrom(1, 3) }),
  network: fc.constantFrom({}, { addressSource: 'ExternalIP' }, { mode: 'HostNetwork' }),
  podSpec: fc.constantFrom({ containers: [{ name: 'sfu' }] }, { containers: [{ name: 'sfu' }] }, {}),
}).map(aClass)

const observed: fc.Arbitrary<Observed> = fc.record({
  nodeClass: fc.option(nodeClass, { nil: undefined, freq: 8 }),
  pod: fc.option(pod, { nil: undefined, freq: 5 }),
  host: maybe(fc.constantFrom(aHost(), aHost('203.0.113.7'))),
  disruption: fc.constantFrom(
    undefined,
    undefined,
    undefined,
    aDisruption('Advisory'),
    aDisruption('Planned'),
    aDisruption('Planned', { deadline: 330 }),
    aDisruption('Imminent'),
    aDisruption('Imminent', { deadline: 200 }),
  ),
  ending: fc.constantFrom(undefined, undefined, aDisruption('Planned', { reason: 'EvictionByEvictionAPI' })),
  registration,
  intent,
  load,
  loadIsDue: fc.boolean(),
  registryFrozen: fc.boolean(),
  crowd: fc.constantFrom(1, 1_000),
  refusal: fc.option(
    fc.record({
      reason: fc.constantFrom('PodRefused', 'PodNameTaken'),
      message: fc.constant('quota'),
      retryInMs: fc.integer({ min: 1, max: 60_000 }),
    }),
    { nil: undefined, freq: 2 },
  ),
  makersSay: fc.constantFrom([], [], [triggered(3_000)], [notTriggered(9)]),
  hostsGoing: fc.constantFrom([], ['host-1']),
})

export const moments: fc.Arbitrary<Moment> = fc.record({ node, seen: observed, at: seconds })

/** The same moment a little later, when nothing has happened but that time went by. */
export function aMomentLater({ node: same, seen, at: before }: Moment, ms: number): Moment {
  const aged = seen.registration
  return {
    node: same,
    at: before + ms / 1_000,
    seen: {
      ...seen,
      registration: 'forMs' in aged ? { ...aged, forMs: aged.forMs + ms } : aged,
      refusal: seen.refusal && { ...seen.refusal, retryInMs: seen.refusal.retryInMs - ms },
    },
  }
}
