// How a node goes: its drain step by step, and every way in which somebody may fail to answer. The node of these tests was
// deleted at 100 s; people may stay until 160 s; the grace for machines ends at 170 s.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { RTCNode } from '../../../operator/api/rtcnode.ts'
import { sameStatus } from '../../../operator/kube/status.ts'
import type { Decision, Observed } from '../../../operator/lifecycle/decision.ts'
import {
  absent,
  aClass,
  aDrainingNode,
  after,
  aNode,
  aPod,
  aRunningNode,
  conditionIn,
  DRAIN,
  decideAt,
  drainingStatus,
  fresh,
  POD_UID,
  plain,
  poolMark,
  runningStatus,
  seen,
  seenServing,
  stale,
  timeAt,
  told,
  toldTo,
  unknown,
} from './build.ts'

const deleted = aRunningNode({ deletedAt: 100 })
const draining = aDrainingNode()
const acked = (sessions: number, emptySamples = 0) => fresh({ state: 'draining', sessions, ackIntent: 7 }, emptySamples)
const stageOf = ({ act }: Decision): string | undefined =>
  act?.do === 'write-intent' ? act.intent.drain?.stage : undefined
const gaveUp = (...skipped: string[]): RTCNode =>
  aDrainingNode({ status: { ...drainingStatus, drain: { ...DRAIN, skipped } } })

// --- the deadline ---------------------------------------------------------------------------------------------------

test('the deadline is on record before anything else is done', () => {
  const decision = decideAt(101, deleted, seenServing({ registration: fresh({ sessions: 3 }) }))
  assert.equal(decision.act, undefined)
  assert.deepEqual(decision.status.drain, { ...DRAIN, startedAt: timeAt(101), sessionsRemaining: 3 })
  assert.equal(decision.status.phase, 'Terminating')
})

const asPromised = (seconds: string) => aPod({ annotations: { 'rtcnode.io/drain-deadline-seconds': seconds } })
const promises: readonly (readonly [string, Partial<Observed>, RTCNode, number])[] = [
  [
    'the node',
    { pod: asPromised('20') },
    aRunningNode({ deletedAt: 100, spec: { drain: { deadlineSeconds: 5 } } }),
    105,
  ],
  ['the node, nothing at all', {}, aRunningNode({ deletedAt: 100, spec: { drain: { deadlineSeconds: 0 } } }), 100],
  ['its pod, when it was made', { pod: asPromised('20') }, deleted, 120],
  ['its class, when the pod tells nonsense', { pod: asPromised('') }, deleted, 160],
  ['its class, when the pod tells too much', { pod: asPromised('604801') }, deleted, 160],
  [
    "its class, when the pod is somebody else's",
    { pod: { ...asPromised('20'), metadata: aPod({ owner: 'x' }).metadata } },
    deleted,
    160,
  ],
  ['its class', { nodeClass: aClass({ drain: { deadlineSeconds: 7 } }) }, deleted, 107],
  ['nobody, because its class is gone', { nodeClass: undefined }, deleted, 3_700],
]
for (const [who, what, node, deadline] of promises) {
  test(`the deadline is the deletion and what was promised by ${who}`, () => {
    for (const now of [100, 150, 9_999]) {
      assert.equal(decideAt(now, node, seenServing(what)).status.drain?.deadline, timeAt(deadline))
    }
  })
}

test('the deadline never moves, whatever the spec says later', () => {
  const node = aDrainingNode({ generation: 5, spec: { drain: { deadlineSeconds: 9 } } })
  for (const nodeClass of [undefined, aClass({ drain: { deadlineSeconds: 1 } })]) {
    assert.equal(decideAt(120, node, seenServing({ nodeClass })).status.drain?.deadline, DRAIN.deadline)
  }
})

const closedByPool = (annotations: Readonly<Record<string, string>>, cordoned = true, spec = {}): RTCNode =>
  aRunningNode({ deletedAt: 100, annotations, spec: { cordoned, ...spec } })
const WEEK = 604_800
const { 'rtcnode.io/drain-deadline': _deadline, ...onlyReason } = poolMark('ScaleIn', timeAt(130))
const { 'rtcnode.io/closed-by-pool': _reason, ...onlyDeadline } = poolMark('ScaleIn', timeAt(130))
const marked: readonly (readonly [string, RTCNode, number, string])[] = [
  ['it closed the node for scale-in', closedByPool(poolMark('ScaleIn', timeAt(130))), 130, 'ScaleIn'],
  ['it rolls out', closedByPool(poolMark('RollOut', timeAt(130))), 130, 'RollOut'],
  ['in another time zone', closedByPool(poolMark('ScaleIn', '2030-01-01T02:02:10.7+02:00')), 130, 'ScaleIn'],
  ['and that time has come', closedByPool(poolMark('ScaleIn', timeAt(40))), 100, 'ScaleIn'],
  ['and that is too far off', closedByPool(poolMark('ScaleIn', timeAt(101 + WEEK))), 100 + WEEK, 'ScaleIn'],
  [
    'whatever the node promises',
    closedByPool(poolMark('ScaleIn', timeAt(130)), true, { drain: { deadlineSeconds: 5 } }),
    130,
    'ScaleIn',
  ],
  ['but people opened it again', closedByPool(poolMark('ScaleIn', timeAt(130)), false), 160, 'Deleted'],
  ['but said nothing of a time', closedByPool(onlyReason), 160, 'Deleted'],
  ['but gave no reason', closedByPool(onlyDeadline), 160, 'Deleted'],
  ['for a reason that nobody knows', closedByPool(poolMark('Whim', timeAt(130))), 160, 'Deleted'],
  ...['', 'soon', '2030', '130', '2030-01-01', '2030-13-01T00:00:00Z', '2030-01-01T00:02:10'].map(
    text => [`but its time is “${text}”`, closedByPool(poolMark('ScaleIn', text)), 160, 'Deleted'] as const,
  ),
]
for (const [what, node, deadline, reason] of marked) {
  test(`the deadline is as the pool told, ${what}: ${deadline} s, ${reason}`, () => {
    for (const now of [100, 150, 9_999]) {
      const { drain } = decideAt(now, node, seenServing()).status
      assert.deepEqual([drain?.deadline, drain?.reason], [timeAt(deadline), reason])
    }
  })
}

test('a mark that comes later, or goes, moves no deadline', () => {
  const node = aDrainingNode({ spec: { cordoned: true }, annotations: poolMark('ScaleIn', timeAt(300)) })
  assert.deepEqual(decideAt(120, node, seenServing()).status.drain, { ...DRAIN, sessionsRemaining: 0 })
})

test('why the operator itself gave a node up is told as the reason of its drain', () => {
  for (const reason of ['StartupTimeout', 'HealthTimeout', 'PodLost'] as const) {
    const conditions = [{ type: 'Ready', status: 'False' as const, reason, message: '', lastTransitionTime: timeAt(0) }]
    const status = { ...runningStatus, conditions }
    const node = aNode({ deletedAt: 100, status })
    assert.equal(decideAt(101, node, seen({ pod: aPod() })).status.drain?.reason, reason)
    const ofPool = { ...closedByPool(poolMark('ScaleIn', timeAt(130))), status }
    assert.equal(decideAt(101, ofPool, seen({ pod: aPod() })).status.drain?.reason, reason)
  }
})

// --- the steps ------------------------------------------------------------------------------------------------------

interface Row {
  readonly moment: string
  readonly node?: RTCNode
  /** Seconds; default 120, before the deadline. */
  readonly at?: number
  readonly seen: Partial<Observed>
  readonly because: string
  readonly does?: string
}

const running = aPod()
const gone = { pod: undefined, registration: absent(20) }
const rows: readonly Row[] = [
  {
    moment: 'nobody was told',
    seen: { registration: fresh({ sessions: 3 }) },
    because: 'ClosingAdmission',
    does: 'wait',
  },
  {
    moment: 'told, not acknowledged',
    seen: { registration: fresh({ ackIntent: 6 }, 9), intent: toldTo('wait') },
    because: 'ClosingAdmission',
  },
  {
    moment: 'told with another deadline',
    seen: {
      registration: acked(3),
      intent: told({ drain: { reason: 'PodDeleted', deadline: timeAt(500), stage: 'wait' } }),
    },
    because: 'ClosingAdmission',
    does: 'wait',
  },
  {
    moment: 'another pod was told',
    seen: { registration: acked(3), intent: told({ podUID: 'old', drain: { ...DRAIN, stage: 'wait' } }) },
    because: 'ClosingAdmission',
    does: 'wait',
  },
  {
    moment: 'the registry cannot be seen',
    seen: { registration: unknown, intent: { state: 'unknown' } },
    because: 'ClosingAdmission',
  },
  {
    moment: 'acknowledged, people there',
    seen: { registration: acked(3), intent: toldTo('wait') },
    because: 'WaitingForSessions',
  },
  {
    moment: 'acknowledged, too few zeros',
    seen: { registration: acked(0, 2), intent: toldTo('wait') },
    because: 'WaitingForSessions',
  },
  {
    moment: 'zeros, but then somebody',
    seen: { registration: acked(1, 3), intent: toldTo('wait') },
    because: 'WaitingForSessions',
  },
  {
    moment: 'silent after it acknowledged',
    seen: { registration: stale(50), intent: toldTo('wait') },
    because: 'ClosingAdmission',
  },
  {
    moment: 'its key gone after it acknowledged',
    seen: { registration: absent(50), intent: toldTo('wait') },
    because: 'ClosingAdmission',
  },
  {
    moment: 'the plain form tells nothing of people',
    seen: { registration: plain, intent: toldTo('wait') },
    because: 'ClosingAdmission',
  },
  {
    moment: 'empty',
    seen: { registration: acked(0, 3), intent: toldTo('wait') },
    because: 'Deregistering',
    does: 'leave',
  },
  {
    moment: 'empty, told to leave',
    seen: { registration: acked(0, 0), intent: toldTo('leave', 8) },
    because: 'Deregistering',
  },
  {
    moment: 'told to leave, and somebody is there after all',
    seen: { registration: acked(1, 0), intent: toldTo('leave', 8) },
    because: 'ClosingAdmission',
  },
  {
    moment: 'left the registry',
    seen: { registration: absent(1), intent: toldTo('leave', 8) },
    because: 'DeletingPod',
    does: 'delete-pod',
  },
  {
    moment: 'the SFU has crashed, its lease runs out',
    seen: { pod: aPod({ container: { terminated: { exitCode: 1 } } }), registration: absent(1) },
    because: 'DeletingPod',
    does: 'delete-pod',
  },
  {
    moment: 'the SFU is down but a heartbeat says otherwise',
    seen: { pod: aPod({ container: { waiting: {} } }), registration: fresh({ sessions: 2 }) },
    because: 'ClosingAdmission',
    does: 'wait',
  },
  {
    moment: 'the pod never got a host',
    seen: { pod: aPod({ host: undefined }), registration: absent(20) },
    because: 'DeletingPod',
    does: 'delete-pod',
  },
  {
    moment: 'the pod is being deleted',
    seen: { pod: aPod({ killedAt: 130, graceSeconds: 30 }), registration: absent(1), intent: toldTo('leave') },
    because: 'DeletingPod',
  },
  {
    moment: 'empty, and its pod was deleted by hand with a long grace',
    seen: { pod: aPod({ killedAt: 3_700, graceSeconds: 3_690 }), registration: absent(1), intent: toldTo('leave') },
    because: 'DeletingPod',
    does: 'delete-pod',
  },
  {
    moment: 'people on a pod deleted by hand',
    seen: { pod: aPod({ killedAt: 3_700, graceSeconds: 3_690 }), registration: acked(2), intent: toldTo('wait') },
    because: 'WaitingForSessions',
  },
  {
    moment: 'the pod is gone, its intent is left',
    seen: { ...gone, intent: toldTo('leave') },
    because: 'CleaningUp',
    does: 'delete-intent',
  },
  {
    moment: 'the pod is gone, an intent nobody can read',
    seen: { ...gone, intent: { state: 'unreadable', revision: 2 } },
    because: 'CleaningUp',
    does: 'delete-intent',
  },
  { moment: 'nothing is left', seen: gone, because: 'CleaningUp', does: 'release-finalizer' },
  {
    moment: 'nothing is left, its class neither',
    seen: { ...gone, nodeClass: undefined },
    because: 'CleaningUp',
    does: 'release-finalizer',
  },
  {
    moment: "somebody else's pod of that name",
    seen: { ...gone, pod: aPod({ owner: 'other' }) },
    because: 'CleaningUp',
    does: 'release-finalizer',
  },
  {
    moment: 'the pod is gone, its heartbeat is not',
    seen: { pod: undefined, registration: acked(2), intent: toldTo('wait') },
    because: 'ClosingAdmission',
  },

  {
    moment: 'the deadline comes with people there',
    at: 160,
    seen: { registration: acked(3), intent: toldTo('wait') },
    because: 'Evicting',
    does: 'evict',
  },
  {
    moment: 'the deadline comes, nobody ever answered',
    at: 160,
    seen: { registration: stale(60) },
    because: 'Evicting',
    does: 'evict',
  },
  {
    moment: 'people are being moved',
    at: 161,
    seen: { registration: acked(3), intent: toldTo('evict', 8) },
    because: 'Evicting',
  },
  {
    moment: 'people were moved',
    at: 161,
    seen: { registration: fresh({ ackIntent: 8 }, 3), intent: toldTo('evict', 8) },
    because: 'Deregistering',
    does: 'leave',
  },
  {
    moment: 'the SFU never empties',
    at: 170,
    seen: { registration: acked(3), intent: toldTo('evict', 8) },
    because: 'CleaningUp',
  },
  {
    moment: 'moving was given up',
    node: gaveUp('evict'),
    at: 170,
    seen: { registration: acked(3), intent: toldTo('evict', 8) },
    because: 'CleaningUp',
  },
  {
    moment: 'moving and leaving were given up',
    node: gaveUp('evict', 'deregister'),
    at: 170,
    seen: { registration: acked(3), intent: toldTo('evict', 8) },
    because: 'DeletingPod',
    does: 'delete-pod',
  },
  {
    moment: 'nobody was told in time, because the operator was away, and the pod is being deleted',
    node: gaveUp('evict', 'deregister'),
    at: 170,
    seen: { pod: aPod({ killedAt: 200, graceSeconds: 30 }), registration: acked(3), intent: toldTo('wait') },
    because: 'DeletingPod',
    does: 'evict',
  },
  {
    moment: 'the registry is away at the deadline',
    at: 160,
    seen: { registration: unknown, intent: { state: 'unknown' } },
    because: 'Evicting',
  },
  {
    moment: 'the registry is away after the grace',
    node: gaveUp('evict', 'deregister'),
    at: 170,
    seen: { registration: unknown, intent: { state: 'unknown' } },
    because: 'DeletingPod',
    does: 'delete-pod',
  },
  {
    moment: 'the registry is away and the pod is gone',
    node: gaveUp('evict', 'deregister'),
    at: 170,
    seen: { pod: undefined, registration: unknown, intent: { state: 'unknown' } },
    because: 'CleaningUp',
  },
  {
    moment: 'all was given up',
    node: gaveUp('deregister', 'remove-intent'),
    at: 170,
    seen: { pod: undefined, registration: unknown, intent: { state: 'unknown' } },
    because: 'CleaningUp',
    does: 'release-finalizer',
  },
  {
    moment: 'a key without a lease, and no pod',
    seen: { pod: undefined, registration: stale(30) },
    because: 'CleaningUp',
  },
  {
    moment: 'a key whose lease may still run out',
    seen: { pod: undefined, registration: stale(29) },
    because: 'Deregistering',
  },
]

for (const { moment, node = draining, at = 120, because, does, ...row } of rows) {
  test(`draining at ${at} s, ${moment}: ${because}${does === undefined ? '' : `, ${does}`}`, () => {
    const decision = decideAt(at, node, seen({ pod: running, ...row.seen }))
    assert.equal(decision.because, because)
    assert.equal(stageOf(decision) ?? decision.act?.do, does)
    assert.equal(decision.status.phase, 'Terminating')
    assert.equal(decision.status.drain?.deadline, DRAIN.deadline)
  })
}

test('the pod is deleted as it was seen, and only that life of it', () => {
  const { act } = decideAt(120, draining, seen({ pod: running, intent: toldTo('leave'), registration: absent(1) }))
  assert.deepEqual(act, { do: 'delete-pod', onlyIf: { uid: POD_UID, resourceVersion: '1' }, gracePeriodSeconds: 30 })
})

test('to leave is told only to a pod that is still as it was seen', () => {
  const { act } = decideAt(120, draining, seen({ pod: running, intent: toldTo('wait'), registration: acked(0, 3) }))
  assert.ok(act?.do === 'write-intent')
  assert.deepEqual(act.onlyIf, { uid: POD_UID, resourceVersion: '1' })
})

test('a pod that reports but cannot be seen is looked for, once that is on record, until deadline and grace are over', () => {
  const unseen = seen({ pod: undefined, registration: acked(2), intent: toldTo('wait') })
  const node = after(draining, decideAt(120, draining, unseen))
  assert.equal(decideAt(120, node, unseen).act?.do, 'find-pod')
  assert.notEqual(decideAt(170, node, unseen).act?.do, 'find-pod')
})

test('how many readings make a node empty is what its class says', () => {
  const what = { pod: running, intent: toldTo('wait') }
  const patient = aClass({ drain: { emptySamples: 5 } })
  const hasty = aClass({ drain: { emptySamples: 1 } })
  assert.equal(
    decideAt(120, draining, seen({ ...what, nodeClass: patient, registration: acked(0, 4) })).because,
    'WaitingForSessions',
  )
  assert.equal(
    decideAt(120, draining, seen({ ...what, nodeClass: hasty, registration: acked(0, 1) })).because,
    'Deregistering',
  )
  assert.equal(
    decideAt(120, draining, seen({ ...what, nodeClass: undefined, registration: acked(0, 2) })).because,
    'WaitingForSessions',
  )
})

test('a node that surely never registered need not wait for people, but its agent is told first', () => {
  const pod = aPod({ createdAt: 90 })
  const untold = decideAt(120, draining, seen({ pod, registration: absent(31) }))
  assert.equal(stageOf(untold), 'wait')
  const what = (forSeconds: number): Observed => seen({ pod, registration: absent(forSeconds), intent: toldTo('wait') })
  assert.equal(decideAt(120, draining, what(30)).act?.do, 'delete-pod', 'no key was seen for as long as the pod exists')
  assert.equal(decideAt(120, draining, what(29)).because, 'ClosingAdmission', 'it may have had a key before we looked')
  const justMade = seen({ pod: aPod({ createdAt: 115 }), registration: absent(9), intent: toldTo('wait') })
  assert.equal(decideAt(120, draining, justMade).because, 'ClosingAdmission', 'a key may be late')
})

test('what is given up is on record before going on, and each step once', () => {
  const mute = seen({ pod: running, registration: stale(500), intent: toldTo('evict') })
  let node = draining
  for (const skipped of [['evict'], ['evict', 'deregister']]) {
    const decision = decideAt(170, node, mute)
    assert.equal(decision.act, undefined)
    assert.deepEqual(decision.status.drain?.skipped, skipped)
    node = after(node, decision)
  }
  assert.equal(decideAt(170, node, mute).act?.do, 'delete-pod')
})

test('Drained is told when nobody is left, and never after moving people was given up', () => {
  const empty = decideAt(120, draining, seen({ pod: running, intent: toldTo('leave'), registration: absent(1) }))
  assert.equal(conditionIn(empty.status, 'Drained')?.status, 'True')
  assert.equal(empty.status.drain?.sessionsRemaining, 0)
  const full = seen({ pod: running, registration: stale(100), intent: toldTo('evict') })
  for (const node of [draining, gaveUp('evict'), gaveUp('evict', 'deregister')]) {
    const { status } = decideAt(170, node, full)
    assert.equal(conditionIn(status, 'Drained')?.status, 'False')
    assert.equal(status.drain?.sessionsRemaining, undefined)
  }
})

test('an object that does not carry our finalizer is left to others', () => {
  for (const node of [aDrainingNode({ finalizers: ['other'] }), aRunningNode({ deletedAt: 100, finalizers: [] })]) {
    const decision = decideAt(120, node, seenServing())
    assert.equal(decision.act, undefined)
    assert.ok(sameStatus(node.status, decision.status))
  }
})

test('every step that waits is looked at again by the time it is over', () => {
  const rounds: readonly (readonly [number, Partial<Observed>, number])[] = [
    [120, { registration: fresh(), intent: toldTo('wait', 9) }, 5_000],
    [158, { registration: fresh(), intent: toldTo('wait', 9) }, 2_000],
    [158, { registration: acked(3), intent: toldTo('wait') }, 2_000],
    [167, { registration: acked(3), intent: toldTo('evict', 9) }, 3_000],
  ]
  for (const [now, what, atMost] of rounds) {
    const { lookAgainMs } = decideAt(now, draining, seen({ pod: running, ...what }))
    assert.ok(lookAgainMs !== undefined && lookAgainMs <= atMost, `at ${now} s: ${lookAgainMs}`)
  }
})
