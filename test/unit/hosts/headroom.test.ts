// The room that is kept on hosts for a pool: how much, by what, and that it comes to rest.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { toTimestamp } from '../../../operator/ambient/clock.ts'
import type { Pod } from '../../../operator/api/core.ts'
import { annotations, labels } from '../../../operator/api/marks.ts'
import type { Uid } from '../../../operator/api/meta.ts'
import type { RTCAutoscaler } from '../../../operator/api/rtcautoscaler.ts'
import type { RTCAutoscalerStatus } from '../../../operator/api/rtcautoscaler-status.ts'
import type { PoolHeadroom, RTCNodePool } from '../../../operator/api/rtcnodepool.ts'
import { type Place, placeFor } from '../../../operator/cluster/headroom/balloon.ts'
import type { CapacityBuffer } from '../../../operator/cluster/headroom/buffer.ts'
import { type Act, type HeadroomView, planHeadroom } from '../../../operator/cluster/headroom/plan.ts'
import { FALLS_AFTER_MS, wantedPlaces } from '../../../operator/cluster/headroom/size.ts'
import { podFor } from '../../../operator/lifecycle/pod.ts'
import { aClass, aNode, settings } from '../lifecycle/build.ts'
import { aPool } from '../pool/objects.ts'
import { at } from './said.ts'

type Nodes = NonNullable<RTCNodePool['spec']['headroom']>['nodes']

function poolWith(nodes: Nodes | undefined, replicas = 10, before?: PoolHeadroom): RTCNodePool {
  const pool = aPool()
  return {
    ...pool,
    spec: { ...pool.spec, replicas, ...(nodes !== undefined && { headroom: { nodes } }) },
    status: { ...pool.status!, ...(before !== undefined && { headroom: before }) },
  }
}

const autoscaler = (status: Partial<RTCAutoscalerStatus>, maxReplicas = 100): RTCAutoscaler =>
  ({ spec: { poolName: 'eu', maxReplicas }, status }) as unknown as RTCAutoscaler
const growing = (by: number) => ({ demand: 1_000, forecast: 1_000 + by, capacity: 125, safePressure: 0.8 })
const told = (wanted: number, seconds: number): PoolHeadroom => ({
  wanted,
  ready: wanted,
  by: 'Balloons',
  changedAt: toTimestamp(at(seconds)),
})

test('how much: what people say, else what demand grows by while a host is made', () => {
  const of = (pool: RTCNodePool, status?: Partial<RTCAutoscalerStatus>, max?: number) =>
    wantedPlaces(pool, status && autoscaler(status, max), pool.status?.headroom, at(0))
  assert.equal(of(poolWith(undefined)), 0)
  assert.equal(of(poolWith(3)), 3)
  assert.equal(of(poolWith(0)), 0)
  assert.equal(of(poolWith('auto')), 1, 'a tenth, where nobody works out more')
  assert.equal(of(poolWith('auto', 25)), 3)
  assert.equal(of(poolWith('auto', 0)), 0, 'a pool of none needs none')
  assert.equal(of(poolWith('auto'), { terms: growing(320), leadTime: { coldSeconds: 180 } }), 4, '320 over 100 a node')
  assert.equal(of(poolWith('auto'), { terms: growing(0), leadTime: { coldSeconds: 180 } }), 1, 'one for a burst')
  assert.equal(
    of(poolWith('auto'), { terms: growing(40), leadTime: { warmSeconds: 15 } }),
    4,
    'stretched from 15 s to 150',
  )
  assert.equal(
    of(poolWith('auto'), { terms: growing(4_000), leadTime: { coldSeconds: 180 } }),
    5,
    'never more than half',
  )
  assert.equal(
    of(poolWith('auto'), { terms: growing(320), leadTime: {} }, 12),
    2,
    'no more than the autoscaler may ask for',
  )
  assert.equal(of(poolWith('auto'), { terms: growing(320), leadTime: {} }, 10), 0)
  assert.equal(of(poolWith('auto'), { terms: { ...growing(320), capacity: 0 } }), 1, 'nonsense is not known')
})

test('how much: it rises at once, and falls one by one, late', () => {
  const quiet = autoscaler({ terms: growing(0), leadTime: { coldSeconds: 180 } })
  const busy = autoscaler({ terms: growing(320), leadTime: { coldSeconds: 180 } })
  const before = told(3, 0)
  const wanted = (by: RTCAutoscaler, ms: number) => wantedPlaces(poolWith('auto'), by, before, at(ms / 1_000))
  assert.equal(wanted(busy, 1_000), 4)
  assert.equal(wanted(quiet, FALLS_AFTER_MS - 1_000), 3)
  assert.equal(wanted(quiet, FALLS_AFTER_MS), 2)
})

const pause1 = { image: 'pause:1', priorityClassName: 'rtcnode-headroom' }
const podSpec = (traits: Parameters<typeof aClass>[0] = {}) => podFor(aNode(), aClass(traits), settings).spec

test('what keeps a place asks a host for all that a node asks for, and holds nothing back', () => {
  const sfu = {
    name: 'sfu',
    image: 'sfu:1',
    command: ['x'],
    env: [{ name: 'A', value: 'b' }],
    volumeMounts: [{ name: 'v', mountPath: '/v' }],
    resources: { requests: { cpu: '2' }, limits: { 'nvidia.com/gpu': '1' } },
  }
  const spec = podSpec({
    network: { mode: 'HostNetwork', ports: [{ name: 'rtc', port: 7_882, protocol: 'UDP' }] },
    podSpec: {
      nodeSelector: { disk: 'fast' },
      tolerations: [{ key: 'sfu', operator: 'Exists' }],
      volumes: [{ name: 'v', emptyDir: {} }],
      initContainers: [{ name: 'once', image: 'once:1', resources: { requests: { cpu: '9' } } }],
      containers: [sfu],
    },
  })
  const place = placeFor(aPool(), spec, pause1)
  assert.deepEqual(place.spec['tolerations'], [{ key: 'sfu', operator: 'Exists' }])
  const { nodeSelector, hostNetwork, priorityClassName, terminationGracePeriodSeconds, volumes } = place.spec
  assert.deepEqual(
    { nodeSelector, hostNetwork, priorityClassName, terminationGracePeriodSeconds, volumes },
    {
      nodeSelector: { disk: 'fast' },
      hostNetwork: true,
      priorityClassName: 'rtcnode-headroom',
      terminationGracePeriodSeconds: 0,
      volumes: undefined,
    },
  )
  const [agent, own] = place.spec['containers'] as Record<string, unknown>[]
  assert.deepEqual([agent?.['name'], own?.['name'], own?.['image']], ['rtcnode-agent', 'sfu', 'pause:1'])
  assert.deepEqual(own?.['resources'], sfu.resources)
  assert.deepEqual(own?.['ports'], [{ name: 'rtc', containerPort: 7_882, protocol: 'UDP', hostPort: 7_882 }])
  for (const field of ['command', 'env', 'volumeMounts', 'lifecycle']) assert.equal(own?.[field], undefined, field)
  assert.equal((place.spec['containers'] as []).length, 2, 'what runs once before the others is no load')
})

const place = placeFor(aPool(), podSpec(), pause1)
const newer = placeFor(aPool(), podSpec(), { ...pause1, image: 'pause:2' })

interface BalloonTraits {
  readonly host?: string
  readonly of?: Place
  readonly phase?: 'Running' | 'Failed' | 'Pending'
  readonly leaving?: boolean
}

const balloon = (number: number, { host, of = place, phase, leaving }: BalloonTraits = {}): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    name: `eu-headroom-${number}`,
    namespace: 'default',
    uid: `uid-${number}` as Uid,
    resourceVersion: '1',
    creationTimestamp: toTimestamp(at(0)),
    labels: of.metadata.labels,
    annotations: of.metadata.annotations,
    ...(leaving && { deletionTimestamp: toTimestamp(at(1)) }),
  },
  spec: { containers: [], ...(host !== undefined && { nodeName: host }) },
  status: { phase: phase ?? (host === undefined ? 'Pending' : 'Running') },
})

const view = (what: Partial<HeadroomView> = {}): HeadroomView => ({
  pool: poolWith(2),
  autoscaler: undefined,
  place,
  balloons: [],
  buffer: undefined,
  buffersServed: false,
  waitsFor: ({ spec }) => (spec.nodeName === undefined ? 'HostRequested: a host is made' : undefined),
  isOnGoingHost: () => false,
  refusal: undefined,
  now: at(100),
  ...what,
})

const nameIn = (act: Act): string =>
  'object' in act ? act.object.metadata.name : (act.manifest as { metadata: { name: string } }).metadata.name
const actsOf = (what: Partial<HeadroomView>): string[] =>
  planHeadroom(view(what)).acts.map(act => `${act.do} ${nameIn(act)}`)

test('pods that keep places: as many as are wanted, and nobody else’s are touched', () => {
  assert.deepEqual(actsOf({}), ['create-balloon eu-headroom-1', 'create-balloon eu-headroom-2'])
  assert.deepEqual(actsOf({ balloons: [balloon(2, { host: 'a' })] }), ['create-balloon eu-headroom-1'])
  assert.deepEqual(actsOf({ balloons: [balloon(1, { host: 'a' }), balloon(2)] }), [])
})

test('a place that a node has taken comes back, under a name that is free', () => {
  const balloons = [balloon(1, { leaving: true, host: 'a' }), balloon(2, { host: 'b' })]
  assert.deepEqual(actsOf({ balloons }), ['create-balloon eu-headroom-3'])
  assert.deepEqual(actsOf({ balloons: [balloon(1, { phase: 'Failed', host: 'a' }), balloon(2, { host: 'b' })] }), [
    'delete-balloon eu-headroom-1',
    'create-balloon eu-headroom-3',
  ])
})

test('a place on a host that is about to go is none, and is kept elsewhere', () => {
  const balloons = [balloon(1, { host: 'goes' }), balloon(2, { host: 'b' })]
  const isOnGoingHost = ({ spec }: Pod) => spec.nodeName === 'goes'
  assert.deepEqual(actsOf({ balloons, isOnGoingHost }), [
    'delete-balloon eu-headroom-1',
    'create-balloon eu-headroom-3',
  ])
  assert.equal(planHeadroom(view({ balloons, isOnGoingHost })).status?.ready, 1)
})

test('too many: those without a host go first, then those of an older class', () => {
  const balloons = [
    balloon(1, { host: 'a', of: newer }),
    balloon(2),
    balloon(3, { host: 'c' }),
    balloon(4, { host: 'd' }),
  ]
  assert.deepEqual(actsOf({ balloons }), ['delete-balloon eu-headroom-2', 'delete-balloon eu-headroom-1'])
})

test('another class changes one place after the other, and none while another waits for its host', () => {
  const old = [balloon(1, { host: 'a' }), balloon(2, { host: 'b' })]
  assert.deepEqual(actsOf({ place: newer, balloons: old }), ['delete-balloon eu-headroom-1'])
  const oneWaits = [balloon(1, { of: newer }), balloon(2, { host: 'b' })]
  assert.deepEqual(actsOf({ place: newer, balloons: oneWaits }), [])
  assert.deepEqual(actsOf({ place: newer, balloons: [balloon(1), balloon(2)] }), [
    'delete-balloon eu-headroom-1',
    'delete-balloon eu-headroom-2',
  ])
})

test('the status tells what is there, by what, and what the rest waits for; no time in it moves by itself', () => {
  const { status } = planHeadroom(view({ balloons: [balloon(1, { host: 'a' }), balloon(2)] }))
  const expected = { wanted: 2, ready: 1, by: 'Balloons', message: 'HostRequested: a host is made' }
  assert.deepEqual(status, { ...expected, changedAt: toTimestamp(at(100)) })
  const pool = poolWith(2, 10, status)
  const later = planHeadroom(view({ pool, balloons: [balloon(1, { host: 'a' }), balloon(2)], now: at(500) }))
  assert.deepEqual(later.status, status)
})

test('no wish: whatever keeps room goes, and the status says nothing', () => {
  const plan = planHeadroom(view({ pool: poolWith(undefined), balloons: [balloon(1)], buffer: aBuffer() }))
  assert.deepEqual([plan.acts.map(act => act.do), plan.status], [['delete-balloon', 'delete-buffer'], undefined])
})

test('a pool that is deleted takes its room along by itself', () => {
  const pool = poolWith(2)
  const leaving = { ...pool, metadata: { ...pool.metadata, deletionTimestamp: toTimestamp(at(1)) } }
  assert.deepEqual(actsOf({ pool: leaving, balloons: [balloon(1)] }), [])
})

test('without its class nothing is made, and what there is stays', () => {
  assert.deepEqual(actsOf({ place: undefined, balloons: [balloon(1, { host: 'a' })] }), [])
  assert.match(planHeadroom(view({ place: undefined })).status?.message ?? '', /class/)
})

test('what the API server refuses is told, and asked again when it is time', () => {
  const refused = view({
    refusal: { message: 'no PriorityClass with name rtcnode-headroom was found', retryInMs: 4_000 },
  })
  const plan = planHeadroom(refused)
  assert.deepEqual([plan.acts, plan.lookAgainMs], [[], 4_000])
  assert.match(plan.status?.message ?? '', /PriorityClass/)
  assert.equal(planHeadroom({ ...refused, refusal: { message: 'x', retryInMs: 0 } }).acts.length, 2)
})

const hash = place.metadata.annotations[annotations.headroomHash]

const aBuffer = (
  replicas = 2,
  template = `eu-headroom-${hash}`,
  status?: CapacityBuffer['status'],
): CapacityBuffer => ({
  apiVersion: 'autoscaling.x-k8s.io/v1beta1',
  kind: 'CapacityBuffer',
  metadata: {
    name: 'eu-headroom',
    namespace: 'default',
    uid: 'uid-buffer' as Uid,
    resourceVersion: '1',
    creationTimestamp: toTimestamp(at(0)),
  },
  spec: { replicas, podTemplateRef: { name: template } },
  ...(status !== undefined && { status }),
})

test('where the cluster serves CapacityBuffers one takes the place of all pods, which go', () => {
  const { acts, status } = planHeadroom(view({ buffersServed: true, balloons: [balloon(1, { host: 'a' })] }))
  assert.deepEqual(
    acts.map(act => act.do),
    ['delete-balloon', 'create-buffer'],
  )
  assert.equal(status?.by, 'CapacityBuffer')
  const made = acts[1]
  assert.ok(made?.do === 'create-buffer')
  assert.deepEqual((made.manifest as CapacityBuffer).spec, {
    provisioningStrategy: 'buffer.x-k8s.io/active-capacity',
    podTemplateRef: { name: `eu-headroom-${hash}` },
    replicas: 2,
  })
  const template = made.templateOwnedBy('uid-buffer' as Uid) as { metadata: { name: string }; template: Place }
  assert.equal(template.metadata.name, `eu-headroom-${hash}`)
  assert.equal(template.template.metadata.labels[labels.headroom], 'eu')
})

test('a buffer is resized, and made anew for another class', () => {
  const of = (buffer: CapacityBuffer) => actsOf({ buffersServed: true, buffer })
  assert.deepEqual(of(aBuffer()), [])
  assert.deepEqual(of(aBuffer(5)), ['resize-buffer eu-headroom'])
  assert.deepEqual(of(aBuffer(2, 'eu-headroom-older')), ['delete-buffer eu-headroom'])
})

test('a buffer that cannot be had says why', () => {
  const conditions = [
    {
      type: 'LimitedByQuotas',
      status: 'True',
      reason: 'Quota',
      message: 'cpu',
      lastTransitionTime: toTimestamp(at(0)),
    },
  ] as const
  const { status } = planHeadroom(
    view({ buffersServed: true, buffer: aBuffer(2, `eu-headroom-${hash}`, { replicas: 1, conditions }) }),
  )
  assert.deepEqual([status?.ready, status?.message], [0, 'Quota: cpu'])
})

const anyBalloons = fc
  .array(
    fc.record({
      number: fc.integer({ min: 1, max: 9 }),
      host: fc.option(fc.constantFrom('a', 'b'), { nil: undefined }),
      of: fc.constantFrom(place, newer),
      phase: fc.constantFrom(undefined, 'Failed' as const),
      leaving: fc.boolean(),
    }),
    { maxLength: 9 },
  )
  .map(list => [...new Map(list.map(it => [it.number, it])).values()])
  .map(list =>
    list.map(({ number, host, phase, ...rest }) =>
      balloon(number, { ...rest, ...(host !== undefined && { host }), ...(phase !== undefined && { phase }) }),
    ),
  )

/** All is done at once, hosts are there for all, and the API server lets go of what is deleted. */
function afterActs(balloons: readonly Pod[], acts: readonly Act[]): Pod[] {
  const gone = new Set(acts.filter(act => act.do === 'delete-balloon').map(nameIn))
  const made = acts.filter(act => act.do === 'create-balloon').map(act => act.manifest as Pod)
  const stays = balloons.filter(({ metadata }) => !gone.has(metadata.name) && metadata.deletionTimestamp === undefined)
  return [...stays, ...made].map(pod => ({
    ...pod,
    status: pod.status ?? {},
    spec: { ...pod.spec, nodeName: pod.spec.nodeName ?? 'c' },
  }))
}

test('from wherever it begins it comes to rest with all that is wanted, of the class as it is now', () => {
  fc.assert(
    fc.property(anyBalloons, fc.integer({ min: 0, max: 6 }), (begin, wanted) => {
      let balloons: readonly Pod[] = begin
      for (let pass = 0; pass < 20; pass += 1) {
        const { acts } = planHeadroom(view({ pool: poolWith(wanted), balloons }))
        const names = acts.filter(act => act.do === 'create-balloon').map(nameIn)
        assert.equal(
          new Set([...names, ...balloons.map(({ metadata }) => metadata.name)]).size,
          names.length + balloons.length,
        )
        if (acts.length === 0 && balloons.every(({ metadata }) => metadata.deletionTimestamp === undefined)) break
        balloons = afterActs(balloons, acts)
      }
      assert.equal(balloons.length, wanted)
      assert.ok(balloons.every(pod => pod.metadata.annotations?.[annotations.headroomHash] === hash))
      assert.deepEqual(planHeadroom(view({ pool: poolWith(wanted), balloons })).acts, [])
    }),
  )
})

test('a place that is ready is given up only when there are too many, or for another class', () => {
  fc.assert(
    fc.property(anyBalloons, fc.integer({ min: 0, max: 6 }), (balloons, wanted) => {
      const { acts } = planHeadroom(view({ pool: poolWith(wanted), balloons }))
      const isReady = (pod: Pod) => pod.spec.nodeName !== undefined && pod.status?.phase === 'Running'
      const ready = balloons.filter(pod => isReady(pod) && pod.metadata.deletionTimestamp === undefined)
      const current = ready.filter(pod => pod.metadata.annotations?.[annotations.headroomHash] === hash)
      const given = acts.filter(act => act.do === 'delete-balloon' && current.includes(act.object))
      assert.ok(given.length <= Math.max(0, ready.length - wanted))
    }),
  )
})
