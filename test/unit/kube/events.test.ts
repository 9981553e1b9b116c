// Events about objects: series, floods and a server that refuses. On a fake clock, with a client that only takes notes.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seededRandom } from '../../../operator/ambient/seeded-random.ts'
import type { KubeObject, Uid } from '../../../operator/api/meta.ts'
import { ApiError } from '../../../operator/kube/errors.ts'
import { eventRecorder, eventType, type KubeEvent } from '../../../operator/kube/events.ts'
import { kubeMetrics } from '../../../operator/kube/metrics.ts'
import type { ResourceClient } from '../../../operator/kube/resource.ts'
import { silentLogger } from '../../../operator/telemetry/log.ts'
import { metricRegistry } from '../../../operator/telemetry/metrics.ts'
import { fakeClock } from '../fake-clock.ts'

const about = (uid = 'u1'): KubeObject => ({
  apiVersion: 'rtcnode.io/v1alpha1',
  kind: 'RTCNode',
  metadata: { name: 'media-1', namespace: 'ns', uid: uid as Uid, resourceVersion: '5', creationTimestamp: '' },
})
const happening = { type: 'Normal', reason: 'Draining', action: 'Drain', note: '2 sessions left' } as const

function world({ fail }: { fail?: (call: string) => Error | undefined } = {}) {
  const clock = fakeClock()
  const registry = metricRegistry()
  const creates: KubeEvent[] = []
  const counts: number[] = []
  const unused = (): never => assert.fail('not expected')
  const client: ResourceClient<KubeEvent> = {
    type: eventType,
    async create(object) {
      const failure = fail?.('create')
      if (failure) throw failure
      creates.push(object as KubeEvent)
      return object as KubeEvent
    },
    async mergePatch(_key, patch) {
      const failure = fail?.('patch')
      if (failure) throw failure
      counts.push((patch as KubeEvent).series?.count as number)
      return patch as KubeEvent
    },
    get: unused,
    list: unused,
    apply: unused,
    delete: unused,
    watch: unused,
  }
  const ambient = { clock, random: seededRandom(), log: silentLogger, metrics: kubeMetrics(registry) }
  const recorder = eventRecorder({ ...ambient, client, controller: 'rtcnode.io/operator', instance: 'operator-0' })
  return { clock, registry, creates, counts, recorder }
}

test('an event says who, what and why in the form that the server wants', async () => {
  const { clock, creates, recorder } = world()
  recorder.record(about(), { ...happening, note: 'x'.repeat(2_000) })
  await clock.advance(0)
  const [event] = creates
  assert.deepEqual(
    { ...event, metadata: undefined, note: undefined },
    {
      apiVersion: 'events.k8s.io/v1',
      kind: 'Event',
      metadata: undefined,
      eventTime: '2026-01-01T00:00:00.000000Z',
      reportingController: 'rtcnode.io/operator',
      reportingInstance: 'operator-0',
      type: 'Normal',
      reason: 'Draining',
      action: 'Drain',
      note: undefined,
      regarding: {
        apiVersion: 'rtcnode.io/v1alpha1',
        kind: 'RTCNode',
        name: 'media-1',
        namespace: 'ns',
        uid: 'u1',
        resourceVersion: '5',
      },
    },
  )
  assert.equal(event?.note.length, 1_024)
  assert.match(event?.metadata.name ?? '', /^media-1\.[0-9a-f]{16}$/)
  assert.equal(event?.metadata.namespace, 'ns')
})

test('repeats are a series: the second is told at once, later ones every half minute, after six quiet minutes anew', async () => {
  const { clock, creates, counts, recorder } = world()
  recorder.record(about(), happening)
  await clock.advance(10)
  recorder.record(about(), happening)
  await clock.advance(10)
  assert.deepEqual([creates.length, counts], [1, [2]])
  for (let i = 0; i < 5; i++) recorder.record(about(), happening)
  await clock.advance(1_000)
  assert.deepEqual(counts, [2])
  await clock.advance(30_000)
  assert.deepEqual(counts, [2, 7])
  await clock.advance(7 * 60_000)
  recorder.record(about(), happening)
  await clock.advance(10)
  assert.deepEqual([creates.length, counts], [2, [2, 7]])
})

test('another life of the object, another reason or another note is another event', async () => {
  const { clock, creates, recorder } = world()
  recorder.record(about(), happening)
  recorder.record(about('u2'), happening)
  recorder.record(about(), { ...happening, reason: 'Drained' })
  recorder.record(about(), { ...happening, note: '1 session left' })
  await clock.advance(10)
  assert.equal(creates.length, 4)
})

test('one object may cause 25 events in a burst and then one every five minutes; others are not touched', async () => {
  const { clock, registry, creates, recorder } = world()
  for (let i = 0; i < 40; i++) recorder.record(about(), { ...happening, note: `${i}` })
  recorder.record(about('u2'), happening)
  await clock.advance(10)
  assert.equal(creates.length, 26)
  assert.match(await registry.metrics(), /rtcnode_events_dropped_total\{cause="rate"\} 15/)
  await clock.advance(5 * 60_000)
  for (let i = 0; i < 3; i++) recorder.record(about(), { ...happening, note: `later ${i}` })
  await clock.advance(10)
  assert.equal(creates.length, 27)
})

test('a server that refuses events harms nobody', async () => {
  const { clock, registry, recorder } = world({ fail: () => new ApiError(403, { reason: 'Forbidden' }) })
  recorder.record(about(), happening)
  await clock.advance(60_000)
  assert.match(await registry.metrics(), /rtcnode_events_dropped_total\{cause="error"\} 1/)
})

test('a series whose Event the server has forgotten goes on as a new Event', async () => {
  const { clock, creates, recorder } = world({
    fail: call => (call === 'patch' ? new ApiError(404, { reason: 'NotFound' }) : undefined),
  })
  recorder.record(about(), happening)
  await clock.advance(10)
  recorder.record(about(), happening)
  await clock.advance(10)
  assert.deepEqual([creates.length, creates[1]?.series?.count], [2, 2])
})

test('closing writes what is left and takes nothing more', async () => {
  const { clock, creates, recorder } = world()
  recorder.record(about(), happening)
  const closing = recorder.close(1_000)
  await clock.advance(0)
  await closing
  recorder.record(about(), { ...happening, note: 'too late' })
  await clock.advance(60_000)
  assert.equal(creates.length, 1)
})
