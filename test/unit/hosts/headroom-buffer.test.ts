// Head-room by a CapacityBuffer, where the cluster serves them.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { toTimestamp } from '../../../operator/ambient/clock.ts'
import { labels } from '../../../operator/api/marks.ts'
import type { Uid } from '../../../operator/api/meta.ts'
import type { Place } from '../../../operator/cluster/headroom/balloon.ts'
import type { CapacityBuffer } from '../../../operator/cluster/headroom/buffer.ts'
import { planHeadroom } from '../../../operator/cluster/headroom/plan.ts'
import { aBuffer, actsOf, balloon, hash, view } from './headroom-build.ts'
import { at } from './said.ts'

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
