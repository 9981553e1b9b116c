// The budget of a namespace: when it comes and goes, what is set right in it, and which budgets of others are in its way.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Pod } from '../../../../operator/api/core.ts'
import type { Uid } from '../../../../operator/api/meta.ts'
import {
  BUDGET_NAME,
  type Budget,
  budgetStep,
  intruders,
  intrusion,
} from '../../../../operator/cluster/protection/budget.ts'
import { marksOf, ofNewPod, patchOf, protectedBy, released } from '../../../../operator/cluster/protection/marks.ts'
import { isSelected } from '../../../../operator/cluster/protection/selector.ts'

const selectsBusy = { matchLabels: { 'app.kubernetes.io/managed-by': 'rtcnode-operator', 'rtcnode.io/busy': 'true' } }

const budget = (name: string, spec: Budget['spec'], metadata: object = {}): Budget => ({
  apiVersion: 'policy/v1',
  kind: 'PodDisruptionBudget',
  metadata: {
    name,
    namespace: 'rtc',
    uid: `uid-${name}` as Uid,
    resourceVersion: '1',
    creationTimestamp: '2030-01-01T00:00:00Z',
    ...metadata,
  },
  spec,
})
const ours = (spec: object = {}, metadata: object = {}): Budget =>
  budget(BUDGET_NAME, { minAvailable: 1_000_000, selector: selectsBusy, ...spec }, metadata)

const stepFor = (found: Budget | undefined, pods: number, nodes = pods) =>
  budgetStep({ name: 'rtc', found, pods, nodes })

test('it comes with the first pod, and not with nodes that have none', () => {
  assert.deepEqual(stepFor(undefined, 0, 5), { do: 'nothing' })
  const step = stepFor(undefined, 1)
  assert.ok(step.do === 'create')
  const { metadata, spec } = step.budget as Budget
  assert.deepEqual([metadata.name, metadata.namespace], [BUDGET_NAME, 'rtc'])
  assert.deepEqual(spec, { minAvailable: 1_000_000, selector: selectsBusy })
  assert.equal('ownerReferences' in metadata, false, 'it outlives every pool')
})

test('at rest nothing is done; it goes with the last node and the last pod, and not before', () => {
  assert.deepEqual(stepFor(ours(), 3), { do: 'nothing' })
  assert.deepEqual(stepFor(ours(), 0, 1), { do: 'nothing' })
  assert.deepEqual(stepFor(ours(), 1, 0), { do: 'nothing' })
  assert.deepEqual(stepFor(ours(), 0, 0), { do: 'delete' })
  assert.deepEqual(stepFor(ours({}, { deletionTimestamp: '2030-01-01T00:00:00Z' }), 0, 0), { do: 'nothing' })
})

/** As the API server applies a merge patch (RFC 7386). */
function merged(value: unknown, patch: unknown): unknown {
  if (typeof patch !== 'object' || patch === null) return patch
  const result: Record<string, unknown> = { ...(value as object | undefined) }
  for (const [name, part] of Object.entries(patch)) {
    if (part === null) delete result[name]
    else result[name] = merged(result[name], part)
  }
  return result
}

test('whatever is changed in it is set right by one patch', () => {
  const changed: object[] = [
    { minAvailable: 1 },
    { minAvailable: '50%' },
    { minAvailable: undefined, maxUnavailable: 1 },
    { selector: {} },
    { selector: { matchLabels: { ...selectsBusy.matchLabels, app: 'x' } } },
    { selector: { ...selectsBusy, matchExpressions: [{ key: 'app', operator: 'Exists' }] } },
    { selector: undefined },
    { unhealthyPodEvictionPolicy: 'AlwaysAllow' },
  ]
  for (const change of changed) {
    const found = JSON.parse(JSON.stringify(ours(change))) as Budget
    const step = stepFor(found, 1)
    assert.ok(step.do === 'repair', JSON.stringify(change))
    const repaired = merged(found, step.patch) as Budget
    assert.deepEqual(repaired.spec, ours().spec)
    assert.deepEqual(stepFor(repaired, 1), { do: 'nothing' })
  }
})

const pod = (name: string, labels: Record<string, string>): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    name,
    namespace: 'rtc',
    uid: `uid-${name}` as Uid,
    resourceVersion: '1',
    creationTimestamp: '2030-01-01T00:00:00Z',
    labels: { ...selectsBusy.matchLabels, ...labels },
  },
  spec: { containers: [] },
})

test('a budget of others is in the way when it selects a pod of ours, and is told with the pod and the remedy', () => {
  const pods = [pod('a', { app: 'sfu' }), pod('b', { app: 'sfu' }), pod('c', {})]
  const budgets = [
    ours(),
    budget('all', { maxUnavailable: 1, selector: {} }),
    budget('sfu', { minAvailable: '50%', selector: { matchLabels: { app: 'sfu' } } }),
    budget('web', { minAvailable: 1, selector: { matchLabels: { app: 'web' } } }),
    budget('none', { minAvailable: 1 }),
    budget('goes', { minAvailable: 1, selector: {} }, { deletionTimestamp: '2030-01-01T00:00:00Z' }),
  ]
  const found = intruders(budgets, pods)
  assert.deepEqual(
    found.map(it => [it.budget.metadata.name, it.pods.length]),
    [
      ['all', 3],
      ['sfu', 2],
    ],
  )
  const [, sfu] = found
  assert.ok(sfu)
  assert.match(intrusion(sfu).note, /“sfu” selects the pod of RTCNode “a” and of 1 more too; .* delete it, or /)
  assert.ok(intrusion(sfu).note.length < 1_000)
})

test('selectors are judged as Kubernetes does', () => {
  const is = (operator: string, values?: string[]) => ({
    matchExpressions: [{ key: 'a', operator, ...(values && { values }) }],
  })
  assert.equal(isSelected({ a: '1' }, undefined), false)
  assert.equal(isSelected({ a: '1' }, {}), true)
  assert.equal(isSelected(undefined, {}), true)
  assert.equal(isSelected({ a: '1' }, is('In', ['1', '2'])), true)
  assert.equal(isSelected({ a: '3' }, is('In', ['1', '2'])), false)
  assert.equal(isSelected({}, is('In', ['1'])), false)
  assert.equal(isSelected({}, is('NotIn', ['1'])), true)
  assert.equal(isSelected({ a: '1' }, is('NotIn', ['1'])), false)
  assert.equal(isSelected({ a: '' }, is('Exists')), true)
  assert.equal(isSelected({}, is('Exists')), false)
  assert.equal(isSelected({}, is('DoesNotExist')), true)
  assert.equal(isSelected({ a: '1' }, is('DoesNotExist')), false)
  assert.equal(isSelected({ a: '1' }, is('Gt', ['0'])), false)
  assert.equal(isSelected({ a: '1', b: '2' }, { matchLabels: { a: '1', b: '3' } }), false)
})

test('a new pod is born protected, and a patch names what differs and nothing else', () => {
  const born = {
    ...pod('a', {}),
    metadata: {
      ...pod('a', {}).metadata,
      labels: ofNewPod.labels,
      annotations: { note: 'x', ...ofNewPod.annotations },
    },
  }
  const marks = marksOf(born)
  assert.deepEqual([marks.busy, marks.safeToEvict, marks.doNotDisrupt], ['true', 'false', 'true'])
  assert.deepEqual(patchOf(marks, { ...marks, ...released, deletionCost: undefined }), {
    labels: { 'rtcnode.io/busy': 'false' },
    annotations: {
      'cluster-autoscaler.kubernetes.io/safe-to-evict': 'true',
      'karpenter.sh/do-not-disrupt': null,
      'controller.kubernetes.io/pod-deletion-cost': null,
    },
  })
  assert.deepEqual(patchOf(marks, { ...marks, ...protectedBy }), { labels: {}, annotations: {} })
})
