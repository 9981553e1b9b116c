// Head-room where the cluster is of no help: hosts that go and take pods all the same, kubelets that take none, an API server that
// refuses, buffers that nobody reads, and places that one host would have twice.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { toTimestamp } from '../../../operator/ambient/clock.ts'
import type { Pod } from '../../../operator/api/core.ts'
import { annotations } from '../../../operator/api/marks.ts'
import type { Condition, Uid } from '../../../operator/api/meta.ts'
import type { RTCNodePool } from '../../../operator/api/rtcnodepool.ts'
import { type Place, placeFor } from '../../../operator/cluster/headroom/balloon.ts'
import type { CapacityBuffer } from '../../../operator/cluster/headroom/buffer.ts'
import { type HeadroomView, planHeadroom } from '../../../operator/cluster/headroom/plan.ts'
import { podFor } from '../../../operator/lifecycle/pod.ts'
import { aClass, aNode, settings } from '../lifecycle/build.ts'
import { aPool } from '../pool/objects.ts'
import { at } from './said.ts'

const pause = { image: 'pause:1', priorityClassName: 'rtcnode-headroom' }
const place: Place = placeFor(aPool(), podFor(aNode(), aClass(), settings).spec, pause)

const placed = { ...place.metadata, namespace: 'default' }

function pool(nodes?: number, status: Partial<RTCNodePool['status'] & {}> = {}): RTCNodePool {
  const one = aPool()
  return {
    ...one,
    spec: { ...one.spec, ...(nodes !== undefined && { headroom: { nodes } }) },
    status: { ...one.status!, ...status },
  }
}

const view = (what: Partial<HeadroomView> = {}): HeadroomView => ({
  pool: pool(2),
  autoscaler: undefined,
  place,
  balloons: [],
  buffer: undefined,
  buffersServed: false,
  waitsFor: () => undefined,
  isOnGoingHost: () => false,
  refusal: undefined,
  now: at(0),
  ...what,
})

const made = (manifest: object, seconds: number, nodeName: string): Pod => {
  const { metadata, ...pod } = manifest as Pod
  const born = { uid: `uid-${metadata.name}-${seconds}` as Uid, creationTimestamp: toTimestamp(at(seconds)) }
  return {
    ...pod,
    metadata: { ...metadata, ...born },
    spec: { containers: [], nodeName },
    status: { phase: 'Running' },
  }
}

/** Every second all is done that is planned; gives how many pods were made, and what is told at the end. */
function played(seconds: number, after: (pod: Pod) => Pod, isOnGoingHost: HeadroomView['isOnGoingHost']) {
  let balloons: readonly Pod[] = []
  let count = 0
  for (let second = 0; ; second += 1) {
    const plan = planHeadroom(view({ balloons, isOnGoingHost, now: at(second) }))
    if (second === seconds) return { count, status: plan.status }
    const gone = plan.acts.flatMap(act => (act.do === 'delete-balloon' ? [act.object.metadata.uid] : []))
    const come = plan.acts.flatMap(act => (act.do === 'create-balloon' ? [after(made(act.manifest, second, 'a'))] : []))
    count += come.length
    balloons = [...balloons.filter(({ metadata }) => !gone.includes(metadata.uid)), ...come]
  }
}

test('a host that goes and takes pods all the same has two of them each half minute, and they are no room', () => {
  const { count, status } = played(
    299,
    pod => pod,
    () => true,
  )
  assert.equal(count, 2 * 10)
  assert.deepEqual([status?.ready, status?.message], [0, 'host a is about to go'])
})

test('a kubelet that rejects what keeps a place is asked twice a minute, and its words are told', () => {
  const rejected = (pod: Pod): Pod => ({
    ...pod,
    status: { phase: 'Failed', reason: 'OutOfcpu', message: 'Node didn’t have enough resource: cpu' },
  })
  const { count, status } = played(299, rejected, () => false)
  assert.equal(count, 2 * 10)
  assert.deepEqual([status?.ready, status?.message], [0, 'OutOfcpu: Node didn’t have enough resource: cpu'])
})

test('until a refused write is to be tried again nothing is asked, be it to delete, and the refusal is told', () => {
  const balloons = [made({ metadata: { name: 'eu-headroom-1' } }, 0, 'a')]
  const refusal = { message: 'pods is forbidden', retryInMs: 4_000 }
  for (const nodes of [undefined, 0, 2]) {
    const waits = planHeadroom(view({ pool: pool(nodes), balloons, refusal }))
    assert.deepEqual([waits.acts, waits.lookAgainMs], [[], 4_000])
    assert.equal(waits.status?.message, nodes === undefined ? undefined : refusal.message)
    const due = planHeadroom(view({ pool: pool(nodes), balloons, refusal: { ...refusal, retryInMs: 0 } }))
    assert.equal(due.acts.length, 1)
  }
})

const condition = (type: string, status: Condition['status'], reason: string = type, message = 'x'): Condition => ({
  type,
  status,
  reason,
  message,
  lastTransitionTime: toTimestamp(at(0)),
})

const buffer = (replicas?: number, conditions: readonly Condition[] = []): CapacityBuffer => ({
  apiVersion: 'autoscaling.x-k8s.io/v1beta1',
  kind: 'CapacityBuffer',
  metadata: {
    name: 'eu-headroom',
    namespace: 'default',
    uid: 'uid-buffer' as Uid,
    resourceVersion: '1',
    creationTimestamp: toTimestamp(at(0)),
  },
  spec: {
    replicas: 2,
    podTemplateRef: { name: `eu-headroom-${place.metadata.annotations[annotations.headroomHash]}` },
  },
  status: { ...(replicas !== undefined && { replicas }), conditions },
})

test('a buffer whose autoscaler cannot begin gets its template again, and it belongs to this life of the buffer', () => {
  const plan = (status: Condition['status']) =>
    planHeadroom(view({ buffersServed: true, buffer: buffer(2, [condition('ReadyForProvisioning', status)]) }))
  assert.deepEqual(plan('True').acts, [])
  const [act] = plan('False').acts
  assert.ok(act?.do === 'create-template')
  const { metadata, template } = act.manifest as Pod & { template: Place }
  assert.equal(metadata.name, buffer().spec.podTemplateRef?.name)
  assert.equal(metadata.ownerReferences?.[0]?.uid, 'uid-buffer')
  assert.deepEqual(template, place)
})

test('room that a buffer asks for is ready when its autoscaler has it, not before, and what lacks is told', () => {
  const told = (...conditions: readonly Condition[]) => {
    const { status } = planHeadroom(view({ buffersServed: true, buffer: buffer(2, conditions) }))
    return [status?.ready, status?.message]
  }
  const resolved = condition('ReadyForProvisioning', 'True')
  const fits = condition('Provisioning', 'True')
  assert.deepEqual(told(resolved), [0, undefined])
  // In Karpenter’s words.
  const toCome = condition('Provisioning', 'False', 'RequiresNewCapacity', '2/2 virtual pods required new capacity')
  assert.deepEqual(told(resolved, toCome), [0, 'RequiresNewCapacity: 2/2 virtual pods required new capacity'])
  assert.deepEqual(told(resolved, fits), [2, undefined])
  assert.deepEqual(told(resolved, fits, condition('LimitedByQuotas', 'True', 'Quota', 'cpu')), [2, 'Quota: cpu'])
  assert.deepEqual(told(condition('ReadyForProvisioning', 'False', 'PodTemplateNotFound', 'x'), toCome), [
    0,
    'PodTemplateNotFound: x',
  ])
})

test('a buffer that nobody reads for two minutes gives way to pods, and stays for whoever comes to read it', () => {
  const after = (seconds: number, by: 'CapacityBuffer' | 'Balloons', what: Partial<HeadroomView> = {}) => {
    const headroom = { wanted: 2, ready: 0, by, changedAt: toTimestamp(at(0)) }
    const now = at(seconds)
    const { acts, status } = planHeadroom(
      view({ pool: pool(2, { headroom }), buffersServed: true, buffer: buffer(), now, ...what }),
    )
    return [acts.map(act => act.do), status?.by, status?.message]
  }
  const two = [1, 2].map(number => made({ metadata: { ...placed, name: `eu-headroom-${number}` } }, 121, 'a'))
  const unread = 'nobody acts on CapacityBuffers, so pods keep the room'
  assert.deepEqual(after(119, 'CapacityBuffer'), [[], 'CapacityBuffer', undefined])
  assert.deepEqual(after(120, 'CapacityBuffer'), [['create-balloon', 'create-balloon'], 'Balloons', unread])
  assert.deepEqual(after(150, 'Balloons', { balloons: two }), [[], 'Balloons', unread])
  assert.deepEqual(after(150, 'Balloons', { balloons: two, buffer: undefined })[0], ['create-buffer'])
  const read = buffer(2, [condition('ReadyForProvisioning', 'True')])
  assert.deepEqual(after(180, 'Balloons', { balloons: two, buffer: read }), [
    ['delete-balloon', 'delete-balloon'],
    'CapacityBuffer',
    undefined,
  ])
})

test('pods that keep room stay until somebody reads the buffer that is to take their place', () => {
  const headroom = { wanted: 1, ready: 1, by: 'Balloons', changedAt: toTimestamp(at(0)) } as const
  const balloons = [made({ metadata: { ...placed, name: 'eu-headroom-1' } }, 0, 'a')]
  const { acts, status } = planHeadroom(view({ pool: pool(1, { headroom }), balloons, buffersServed: true }))
  assert.deepEqual(
    acts.map(act => act.do),
    ['create-buffer'],
  )
  assert.deepEqual([status?.by, status?.ready], ['Balloons', 1])
})

test('where nodes share no host, no two pods that keep a place do', () => {
  const apartOn = (topologyKey: string) => {
    const term = { topologyKey, labelSelector: { matchLabels: { app: 'sfu' } } }
    const affinity = { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term] }, nodeAffinity: {} }
    const { spec } = placeFor(aPool(), podFor(aNode(), aClass({ podSpec: { affinity } }), settings).spec, pause)
    return { asked: affinity, kept: spec['affinity'] as typeof affinity }
  }
  const host = apartOn('kubernetes.io/hostname')
  const [asked, added] = host.kept.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution
  assert.deepEqual(asked, host.asked.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution[0])
  assert.deepEqual(added, {
    topologyKey: 'kubernetes.io/hostname',
    labelSelector: { matchExpressions: [{ key: 'rtcnode.io/headroom', operator: 'Exists' }] },
  })
  assert.ok('nodeAffinity' in host.kept)
  const zone = apartOn('topology.kubernetes.io/zone')
  assert.deepEqual(zone.kept, zone.asked)
})
