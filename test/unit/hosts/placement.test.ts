// Where the class asks its nodes to go, as it reaches their pods; what the admin's template says stands.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { classHash } from '../../../operator/api/hash.ts'
import { podFor } from '../../../operator/lifecycle/pod.ts'
import { aClass, aNode, decideAt, seen, settings } from '../lifecycle/build.ts'

type Spec = Readonly<Record<string, unknown>>

function specOf(placement: string | undefined, podSpec: Spec = {}, labels?: Record<string, string>): Spec {
  const nodeClass = aClass({ podSpec: { containers: [{ name: 'sfu' }], ...podSpec } })
  const spec = placement === undefined ? nodeClass.spec : { ...nodeClass.spec, placement: placement as 'Spread' }
  const node = labels === undefined ? aNode() : aNode({ labels })
  return podFor(node, { ...nodeClass, spec }, settings).spec
}

const spread = (topologyKey: string, matchLabels: object) => ({
  maxSkew: 1,
  topologyKey,
  whenUnsatisfiable: 'ScheduleAnyway',
  labelSelector: { matchLabels },
})
const together = (matchLabels: object) => ({
  preferredDuringSchedulingIgnoredDuringExecution: [
    { weight: 100, podAffinityTerm: { topologyKey: 'kubernetes.io/hostname', labelSelector: { matchLabels } } },
  ],
})
const ofClass = { 'rtcnode.io/class': 'livekit' }
const ofPool = { 'rtcnode.io/pool': 'eu' }

test('without a wish the pod is what the template says', () => {
  const { topologySpreadConstraints, affinity } = specOf(undefined)
  assert.deepEqual([topologySpreadConstraints, affinity], [undefined, undefined])
})

test('Spread: apart over zones and hosts, among the nodes of the pool, else of the class; a wish, not a must', () => {
  assert.deepEqual(specOf('Spread', {}, ofPool)['topologySpreadConstraints'], [
    spread('topology.kubernetes.io/zone', ofPool),
    spread('kubernetes.io/hostname', ofPool),
  ])
  assert.deepEqual(specOf('Spread')['topologySpreadConstraints'], [
    spread('topology.kubernetes.io/zone', ofClass),
    spread('kubernetes.io/hostname', ofClass),
  ])
})

test('Spread: a constraint of the template on the same topology stands alone, others are added', () => {
  const own = { maxSkew: 3, topologyKey: 'kubernetes.io/hostname', whenUnsatisfiable: 'DoNotSchedule' }
  assert.deepEqual(specOf('Spread', { topologySpreadConstraints: [own] })['topologySpreadConstraints'], [
    own,
    spread('topology.kubernetes.io/zone', ofClass),
  ])
})

test('Pack: where others of the pool are; what the template says of hosts is kept', () => {
  const nodeAffinity = { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [] } }
  assert.deepEqual(specOf('Pack', { affinity: { nodeAffinity } }, ofPool)['affinity'], {
    nodeAffinity,
    podAffinity: together(ofPool),
  })
})

test('Pack: a template that speaks of other pods itself stands as it is', () => {
  for (const affinity of [{ podAntiAffinity: {} }, { podAffinity: { x: 1 } }]) {
    assert.deepEqual(specOf('Pack', { affinity })['affinity'], affinity)
  }
})

test('a template that is no list or no object where it should be is left to the API server', () => {
  assert.equal((specOf('Spread', { topologySpreadConstraints: 'x' })['topologySpreadConstraints'] as []).length, 2)
  assert.deepEqual(specOf('Pack', { affinity: null })['affinity'], { podAffinity: together(ofClass) })
})

test('a new pod would rather be on other hosts than those that are about to go; what the template says is kept', () => {
  const preferred = 'preferredDuringSchedulingIgnoredDuringExecution'
  const own = { weight: 1, preference: { matchExpressions: [] } }
  const podSpec = { containers: [{ name: 'sfu' }], affinity: { nodeAffinity: { [preferred]: [own] } } }
  const hostsGoing = Array.from({ length: 40 }, (_, index) => `host-${String(99 - index)}`)
  const { act } = decideAt(10, aNode(), seen({ nodeClass: aClass({ podSpec }), hostsGoing }))
  assert.ok(act?.do === 'create-pod')
  const { nodeAffinity } = act.pod.spec['affinity'] as { nodeAffinity: Record<string, unknown[]> }
  const values = hostsGoing.slice(0, 32).toSorted()
  const away = { matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'NotIn', values }] }
  assert.deepEqual(nodeAffinity[preferred], [own, { weight: 100, preference: away }])
})

test('where no host goes, nothing is said of hosts', () => {
  const { act } = decideAt(10, aNode(), seen({ nodeClass: aClass() }))
  assert.ok(act?.do === 'create-pod')
  assert.equal(act.pod.spec['affinity'], undefined)
})

test('another wish replaces no node that is there', () => {
  const nodeClass = aClass()
  const packed = { ...nodeClass, spec: { ...nodeClass.spec, placement: 'Pack' as const } }
  assert.equal(classHash(packed), classHash(nodeClass))
})
