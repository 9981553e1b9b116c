// What the signs at a host mean: each row of the table, several at once, and whatever else may stand there.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import type { Pod, PodCondition } from '../../../operator/api/core.ts'
import type { Disruption } from '../../../operator/cluster/disruption.ts'
import type { HostView } from '../../../operator/cluster/host-view.ts'
import { disruptionOf, disruptionOfPod, strongest } from '../../../operator/cluster/judge.ts'
import { builtInRules, nameOf } from '../../../operator/cluster/signals.ts'
import {
  aClaim,
  aCondition,
  aHost,
  anEvent,
  aTaint,
  at,
  BORN,
  hostShowing,
  inSeconds,
  NOW,
  seen,
  unixAt,
} from './build.ts'

const judged = (view: HostView, now = NOW): Disruption | undefined => disruptionOf(view, builtInRules, now)
const numRuns = Number(process.env['RTCNODE_RUNS'] ?? 1_000)

for (const rule of builtInRules.filter(({ signal }) => signal.source !== 'pod')) {
  test(`${nameOf(rule.signal)}: ${rule.kind}, ${rule.reason}`, () => {
    const found = judged(hostShowing(rule))
    assert.deepEqual([found?.kind, found?.reason, found?.by], [rule.kind, rule.reason, rule.by])
    assert.ok(found?.message.endsWith(`(${nameOf(rule.signal)})`), found?.message)
  })
}

test('no two rows of the table look for the same', () => {
  const names = builtInRules.map(({ signal }) => nameOf(signal))
  assert.deepEqual(
    names.filter((name, index) => names.indexOf(name) !== index),
    [],
  )
})

test('a host that shows nothing stays, and so does one with taints that nobody has named', () => {
  assert.equal(judged(seen(aHost())), undefined)
  assert.equal(judged(seen(aHost({ taints: [aTaint('dedicated', { value: 'sfu' }), aTaint('')] }))), undefined)
})

test('a host that is not known is no reason for anything', () => assert.equal(judged({ state: 'Unknown' }), undefined))

test('a host that comes up is not ready yet, and that is no sign', () => {
  assert.equal(judged(seen(aHost({ taints: [aTaint('node.kubernetes.io/not-ready')] }))), undefined)
  assert.equal(judged(seen(aHost({ conditions: [aCondition('Ready', { status: 'False' })] }))), undefined)
})

const removal = (value: string): Disruption | undefined =>
  judged(seen(aHost({ taints: [aTaint('ToBeDeletedByClusterAutoscaler', { value })] })))

test('Cluster Autoscaler writes into the value when it began; when pods end, their evictions tell', () => {
  const { since, deadline } = removal(unixAt(-30)) ?? {}
  assert.deepEqual([since, deadline], [inSeconds(-30), undefined])
})

const nonsense = {
  empty: '',
  words: 'soon',
  'a sign': '-1',
  float: '1.5e9',
  huge: '9'.repeat(40),
  zero: '0',
  'before the host was made': unixAt(BORN - 60),
  'in a day': unixAt(86_400),
}
for (const [what, value] of Object.entries(nonsense)) {
  test(`a time that makes no sense (${what}) hurries nobody, and the notice counts all the same`, () => {
    const { kind, since, deadline } = removal(value) ?? {}
    assert.deepEqual([kind, since, deadline], ['Planned', undefined, undefined])
  })
}

test('a clock that is a minute ahead is believed', () => assert.equal(removal(unixAt(60))?.since, inSeconds(60)))

const claimed = (deadline: string, conditions: readonly PodCondition[] = []): Disruption | undefined =>
  judged(seen(aHost(), [aClaim({ nodeName: 'h', deletedAt: -30, deadline, conditions })]))

test('Karpenter writes the deadline itself, in any zone', () => {
  assert.equal(claimed(at(900))?.deadline, inSeconds(900))
  assert.equal(claimed('2030-01-01T14:00:00+01:00')?.deadline, inSeconds(3_600))
  assert.equal(claimed(at(-10))?.deadline, inSeconds(-10))
})

for (const text of ['', '2030', 'tomorrow', '1893499200', '2030-13-01T00:00:00Z', at(BORN - 1)]) {
  test(`Karpenter’s annotation “${text}” is no deadline`, () => {
    assert.deepEqual([claimed(text)?.kind, claimed(text)?.deadline], ['Planned', undefined])
  })
}

test('a condition of a NodeClaim that is not True is no sign', () => {
  const conditions = [aCondition('DisruptionReason', { status: 'False' }), aCondition('Consolidatable')]
  assert.equal(judged(seen(aHost(), [aClaim({ nodeName: 'h', conditions })])), undefined)
})

test('a cordon is dated by the taint that Kubernetes adds to it', () => {
  const taints = [aTaint('node.kubernetes.io/unschedulable', { timeAdded: at(-90) })]
  const { kind, since, deadline } = judged(seen(aHost({ unschedulable: true, taints }))) ?? {}
  assert.deepEqual([kind, since, deadline], ['Planned', inSeconds(-90), undefined])
})

test('of several the strongest names the reason, the rest is told, and the earliest deadline holds', () => {
  const taints = [
    aTaint('ToBeDeletedByClusterAutoscaler', { value: unixAt(-100) }),
    aTaint('aws-node-termination-handler/spot-itn', { timeAdded: at(-20) }),
    aTaint('DeletionCandidateOfClusterAutoscaler', { value: unixAt(-700) }),
  ]
  const found = judged(seen(aHost({ taints, unschedulable: true })))
  assert.deepEqual([found?.kind, found?.reason], ['Imminent', 'SpotInterruption'])
  assert.match(found?.message ?? '', /; also ClusterAutoscalerRemoval, Cordoned, ClusterAutoscalerCandidate$/)
  assert.deepEqual([found?.deadline, found?.since], [inSeconds(100), inSeconds(-100)])
})

test('an Advisory has no deadline, however long it has been there', () => {
  const taints = [aTaint('DeletionCandidateOfClusterAutoscaler', { value: unixAt(-7_000) })]
  const { kind, since, deadline } = judged(seen(aHost({ taints }))) ?? {}
  assert.deepEqual([kind, since, deadline], ['Advisory', inSeconds(-7_000), undefined])
})

test('an event counts for a while', () => {
  const interrupted = seen(aHost(), [], [anEvent('SpotInterrupted', -100)])
  assert.deepEqual([judged(interrupted)?.kind, judged(interrupted)?.deadline], ['Imminent', inSeconds(20)])
  assert.equal(judged(interrupted, inSeconds(499))?.kind, 'Imminent')
  assert.equal(judged(interrupted, inSeconds(500)), undefined)
})

test('an event of an earlier host of that name does not count', () => {
  const host = aHost({ metadata: { creationTimestamp: at(-50) } })
  assert.equal(judged(seen(host, [], [anEvent('SpotInterrupted', -100)])), undefined)
})

test('an event of tomorrow does not count, by whatever clock it was written', () => {
  assert.equal(judged(seen(aHost(), [], [anEvent('SpotInterrupted', 86_400)])), undefined)
  assert.equal(judged(seen(aHost(), [], [anEvent('SpotInterrupted', 60)]))?.kind, 'Imminent')
})

test('an event repeated counts from its last time, and its deadline from its first', () => {
  const event = { ...anEvent('SpotInterrupted', -700), lastTimestamp: at(-10) }
  assert.equal(judged(seen(aHost(), [], [event]))?.deadline, inSeconds(-580))
})

test('a pod that is evicted goes with its grace', () => {
  const condition = { type: 'DisruptionTarget', status: 'True', reason: 'EvictionByEvictionAPI' } as const
  const pod = { ...aHost(), spec: { containers: [] }, status: { conditions: [condition] } } as unknown as Pod
  const evicted = { ...pod, metadata: { ...pod.metadata, deletionTimestamp: at(3_600) } }
  const { kind, reason, deadline } = disruptionOfPod(evicted, builtInRules, NOW) ?? {}
  assert.deepEqual([kind, reason, deadline], ['Planned', 'EvictionByEvictionAPI', inSeconds(3_600)])
  assert.equal(disruptionOfPod({ ...evicted, status: {} }, builtInRules, NOW), undefined)
})

// Laws

const kinds = ['Advisory', 'Planned', 'Imminent'] as const
const signalsShown = fc.subarray(
  builtInRules.filter(({ signal }) => signal.source !== 'pod' && nameOf(signal) !== 'deleted host'),
)

/** All of them at one host. */
function together(rules: readonly (typeof builtInRules)[number][]): HostView {
  const views = rules.map(hostShowing).filter(view => view.state === 'Present')
  const deleted = views.find(({ host }) => host.metadata.deletionTimestamp !== undefined)
  return seen(
    aHost({
      taints: views.flatMap(({ host }) => host.spec.taints ?? []),
      unschedulable: views.some(({ host }) => host.spec.unschedulable === true),
      conditions: views.flatMap(({ host }) => host.status?.conditions ?? []),
      ...(deleted !== undefined && { metadata: { deletionTimestamp: at(-5) } }),
    }),
    views.flatMap(({ nodeClaims }) => nodeClaims),
    views.flatMap(({ events }) => events),
  )
}

test('law: the strongest kind of those shown wins, in whatever order they came', () => {
  fc.assert(
    fc.property(signalsShown, fc.infiniteStream(fc.nat()), (rules, order) => {
      const greatest = kinds[Math.max(...rules.map(({ kind }) => kinds.indexOf(kind)), -1)]
      const one = judged(together(rules))
      assert.equal(one?.kind, greatest)
      const shuffled = rules
        .map(rule => ({ rule, place: order.next().value as number }))
        .toSorted((a, b) => a.place - b.place)
      assert.deepEqual(judged(together(shuffled.map(({ rule }) => rule))), one)
    }),
    { numRuns },
  )
})

const someInstant = fc.integer({ min: -100_000, max: 100_000 }).map(inSeconds)
const someDisruption: fc.Arbitrary<Disruption> = fc
  .record({
    kind: fc.constantFrom(...kinds),
    reason: fc.constantFrom('A', 'B', 'C'),
    by: fc.constant('somebody'),
    message: fc.constant('goes'),
    deadline: fc.option(someInstant, { nil: undefined }),
    since: fc.option(someInstant, { nil: undefined }),
  })
  .map(it => (it.kind === 'Advisory' ? { ...it, deadline: undefined } : it))

test('law: together the deadline is never later than that of any, and never earlier than the earliest', () => {
  fc.assert(
    fc.property(fc.array(someDisruption), all => {
      const deadlines = all.map(({ deadline }) => deadline).filter(it => it !== undefined)
      const found = strongest(all)
      assert.equal(found?.deadline, deadlines.length === 0 ? undefined : Math.min(...deadlines))
      assert.equal(found === undefined, all.length === 0)
    }),
    { numRuns },
  )
})

const text = fc.oneof(fc.string(), fc.constantFrom('', '0', '-1', at(-30), at(86_400), unixAt(-9), '9'.repeat(20)))
const anyOf = <T>(...known: T[]) => fc.oneof(fc.constantFrom(...known), fc.string() as unknown as fc.Arbitrary<T>)
const keys = builtInRules.flatMap(({ signal }) => (signal.source === 'taint' ? [signal.key] : []))
const conditionTypes = builtInRules.flatMap(({ signal }) =>
  signal.source === 'condition' ? [signal.type] : signal.source === 'nodeClaim' ? [signal.condition] : [],
)
const someConditions = fc.array(
  fc.record(
    { type: anyOf(...conditionTypes), status: anyOf('True', 'False'), message: text, lastTransitionTime: text },
    { requiredKeys: ['type', 'status'] },
  ) as unknown as fc.Arbitrary<PodCondition>,
)

test('law: whatever stands there, there is an answer, and no deadline from before the host was made', () => {
  const someTaints = fc.array(
    fc.record({ key: anyOf(...keys), effect: anyOf('NoExecute'), value: text, timeAdded: text }),
  )
  const someClaims = fc.array(fc.tuple(someConditions, fc.option(text, { nil: undefined }), fc.boolean()))
  const someEvents = fc.array(fc.tuple(anyOf('SpotInterrupted', 'ScaleDown'), text, text))
  fc.assert(
    fc.property(
      someTaints,
      someConditions,
      someClaims,
      someEvents,
      text,
      (taints, conditions, claims, events, bornAt) => {
        const host = aHost({ taints, conditions, metadata: { creationTimestamp: bornAt } })
        const nodeClaims = claims.map(([ofClaim, deadline, isDeleted]) =>
          aClaim({
            nodeName: 'h',
            conditions: ofClaim,
            ...(deadline !== undefined && { deadline }),
            ...(isDeleted && { deletedAt: -9 }),
          }),
        )
        const said = events.map(([reason, first, last]) => ({
          ...anEvent(reason, -5),
          firstTimestamp: first,
          lastTimestamp: last,
        }))
        const { deadline, kind } = judged(seen(host, nodeClaims, said)) ?? {}
        if (kind === 'Advisory') assert.equal(deadline, undefined)
        if (deadline !== undefined) assert.ok(Number.isFinite(deadline) && !(deadline < Date.parse(bornAt)))
      },
    ),
    { numRuns },
  )
})
