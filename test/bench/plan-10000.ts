// The judgement about a pool of ten thousand nodes: what it costs the operator's one thread each time.
import { instant, toTimestamp } from '../../operator/ambient/clock.ts'
import { labels } from '../../operator/api/marks.ts'
import type { Uid } from '../../operator/api/meta.ts'
import type { RTCNode } from '../../operator/api/rtcnode.ts'
import type { RTCNodePool, RTCNodePoolSpec } from '../../operator/api/rtcnodepool.ts'
import { plan } from '../../operator/pool/plan.ts'
import type { Member, PoolView } from '../../operator/pool/view.ts'
import type { Benchmark } from './figure.ts'
import { median, milliseconds, spread } from './statistics.ts'

const COUNT = 10_000
const RUNS = 100
const now = instant(Date.UTC(2026, 0, 1))
const [update, before] = ['bbbbbbbb-cccccccc', 'dddddddd-cccccccc']

export const plan10000: Benchmark = {
  name: 'plan-10000',
  title: 'The plan of a pool of ten thousand',
  method: `\`plan()\` over ${COUNT} members with full conditions and fresh heartbeats, ${RUNS} times in a row after 20 unmeasured ones: a pool at rest, one that shall shrink by a
tenth, one in the middle of a roll-out. The heap is what one call allocates at the median.`,
  run() {
    const cases = {
      'at rest': viewOf({ replicas: COUNT }, () => update),
      'scale-in by a tenth': viewOf({ replicas: COUNT * 0.9 }, () => update),
      'half rolled out': viewOf({ replicas: COUNT }, index => (index % 2 === 0 ? update : before)),
    }
    const measured = Object.entries(cases).map(([name, view]) => ({ name, ...measure(view) }))
    const slowestMs = Math.max(...measured.map(({ times }) => median(times)))
    return Promise.resolve({
      figures: [
        {
          what: `plan of ${COUNT} nodes, the slowest case`,
          measured: milliseconds(slowestMs),
          goal: '< 20 ms',
          isMet: slowestMs < 20,
        },
      ],
      details: measured.map(
        ({ name, times, bytes }) => `${name}: ${spread(times)}; ${(median(bytes) / 1e6).toFixed(1)} MB of heap a call.`,
      ),
    })
  },
}

function measure(view: PoolView): { times: number[]; bytes: number[] } {
  const times: number[] = []
  const bytes: number[] = []
  for (let run = -20; run < RUNS; run += 1) {
    const heap = process.memoryUsage().heapUsed
    const startedAt = performance.now()
    plan(view)
    const tookMs = performance.now() - startedAt
    if (run < 0) continue
    times.push(tookMs)
    bytes.push(Math.max(0, process.memoryUsage().heapUsed - heap))
  }
  return { times, bytes }
}

function viewOf(spec: Partial<RTCNodePoolSpec>, revisionOf: (index: number) => string): PoolView {
  const pool = poolOf(spec)
  return {
    pool,
    members: Array.from({ length: COUNT }, (_, index) => memberOf(index, revisionOf(index))),
    target: { state: 'known', revision: update, classFound: true },
    current: { revision: update, classFound: true },
    revisions: [before, update].map((name, index) => ({ name, number: index + 1, template: pool.spec.template })),
    classRollout: 'RollingUpdate',
    packs: false,
    drainSecondsOf: () => 3_600,
    evictGraceSecondsOf: () => 30,
    registry: { inSight: true, frozen: false },
    overlapsWith: undefined,
    contestedBy: [],
    createRefused: undefined,
    now,
  }
}

const meta = (name: string) => ({
  name,
  namespace: 'default',
  uid: `uid-${name}` as Uid,
  resourceVersion: '1',
  generation: 1,
  creationTimestamp: toTimestamp(now),
})

const poolOf = (spec: Partial<RTCNodePoolSpec>): RTCNodePool => ({
  apiVersion: 'rtcnode.io/v1alpha1',
  kind: 'RTCNodePool',
  metadata: meta('eu'),
  spec: {
    replicas: COUNT,
    selector: { matchLabels: { fleet: 'eu' } },
    template: { metadata: { labels: { fleet: 'eu' } }, spec: { className: 'livekit' } },
    strategy: {
      type: 'RollingUpdate',
      rollingUpdate: { maxSurge: '25%', maxUnavailable: 0 },
      partition: 0,
      paused: false,
    },
    minReadySeconds: 0,
    progressDeadlineSeconds: 600,
    scaleIn: { emptySeconds: 30 },
    revisionHistoryLimit: 10,
    ...spec,
  },
  status: {
    observedGeneration: 1,
    replicas: COUNT,
    openReplicas: COUNT,
    readyReplicas: COUNT,
    drainingReplicas: 0,
    updatedReplicas: COUNT,
    currentRevision: update,
    updateRevision: update,
    progressAt: toTimestamp(now),
  },
})

function memberOf(index: number, revision: string): Member {
  const name = `eu-${index}`
  const condition = (type: string) => ({
    type,
    status: 'True' as const,
    reason: 'Serving',
    message: 'takes new rooms',
    observedGeneration: 1,
    lastTransitionTime: toTimestamp(instant(now - 60_000)),
  })
  const node: RTCNode = {
    apiVersion: 'rtcnode.io/v1alpha1',
    kind: 'RTCNode',
    metadata: { ...meta(name), labels: { fleet: 'eu', [labels.pool]: 'eu', [labels.revision]: revision } },
    spec: { className: 'livekit', cordoned: false },
    status: {
      phase: 'Running',
      podUID: `pod-${index}`,
      nodeName: `host-${index % 2_000}`,
      conditions: [condition('Ready'), condition('AdmissionOpen'), condition('Registered'), condition('Scheduled')],
    },
  }
  return {
    node,
    registration: {
      state: 'fresh',
      heartbeat: {
        podUID: `pod-${index}`,
        bootId: 'b',
        seq: 1,
        state: 'serving',
        sessions: (index * 7_919) % 400,
        rooms: index % 40,
      },
      revision: 1,
      ageMs: 1_000,
      leaseId: '1',
      emptySamples: 0,
      emptyForMs: 0,
    },
    hasPod: true,
    disruption: undefined,
    zone: `zone-${index % 3}`,
  }
}
