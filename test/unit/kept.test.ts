// What the caches leave out of a pod must be nothing that a decision reads.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { instant } from '../../operator/ambient/clock.ts'
import type { Pod } from '../../operator/api/core.ts'
import type { Uid } from '../../operator/api/meta.ts'
import { keptOfPod } from '../../operator/kept.ts'
import { isReady, podCondition, sfuStopped, startingState } from '../../operator/lifecycle/pod-view.ts'

const unread = { imageID: 'sha256:0' }
const pod: Pod = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    name: 'a',
    namespace: 'eu',
    uid: 'u' as Uid,
    resourceVersion: '1',
    creationTimestamp: '2026-01-01T00:00:00Z',
  },
  spec: { nodeName: 'host-1', containers: [{ name: 'sfu', image: 'livekit' }], terminationGracePeriodSeconds: 30 },
  status: {
    phase: 'Running',
    podIP: '10.0.0.1',
    conditions: [
      { type: 'PodScheduled', status: 'True' },
      { type: 'Initialized', status: 'True' },
      { type: 'Ready', status: 'True', lastTransitionTime: '2026-01-01T00:00:09Z' },
      { type: 'DisruptionTarget', status: 'True', reason: 'EvictionByEvictionAPI' },
    ],
    containerStatuses: [{ name: 'sfu', ready: true, restartCount: 1, state: { running: {} }, ...unread }],
  },
}

test('what a pod is made of and what nobody reads of its status are not kept, and every judgement stays the same', () => {
  const kept = keptOfPod(pod)
  assert.deepEqual(kept.spec, { containers: [], nodeName: 'host-1' })
  assert.deepEqual(kept.status?.containerStatuses, [
    { name: 'sfu', ready: true, restartCount: 1, state: { running: {} } },
  ])
  assert.equal(podCondition(kept, 'Initialized'), undefined)
  for (const judge of [
    isReady,
    (it: Pod) => startingState(it, [], instant(0)),
    (it: Pod) => sfuStopped(it, 'sfu'),
    (it: Pod) => podCondition(it, 'DisruptionTarget'),
  ]) {
    assert.deepEqual(judge(kept), judge(pod))
  }
  assert.deepEqual(kept.metadata, pod.metadata)
})

test('a pod that nobody has scheduled yet has no fields that are undefined', () => {
  const kept = keptOfPod({ ...pod, spec: { containers: [] }, status: { phase: 'Pending' } })
  assert.deepEqual([kept.spec, kept.status], [{ containers: [] }, { phase: 'Pending' }])
  assert.deepEqual(Object.keys(kept.spec), ['containers'])
})
