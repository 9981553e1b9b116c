// A Running node: all pairs of what its two witnesses, registry and pod, can say; and what its agent is told.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Pod } from '../../../operator/api/core.ts'
import type { RTCNode } from '../../../operator/api/rtcnode.ts'
import { sameStatus } from '../../../operator/kube/status.ts'
import type { Decision, Observed } from '../../../operator/lifecycle/decision.ts'
import { type Admission, fullyOpen } from '../../../operator/load/admission.ts'
import type { KnownIntent, Registration } from '../../../operator/registry/registration.ts'
import {
  absent,
  aClass,
  after,
  aPod,
  aRunningNode,
  conditionIn,
  decideAt,
  fresh,
  type NodeTraits,
  plain,
  poolMark,
  readyOf,
  rejected,
  seen,
  seenServing,
  stale,
  timeAt,
  told,
  unknown,
} from './build.ts'

const NOW = 1_000

const pods: Readonly<Record<string, Pod | undefined>> = {
  ready: aPod(),
  unready: aPod({ ready: false, since: NOW - 40 }),
  'just unready': aPod({ ready: false, since: NOW - 20 }),
  failed: aPod({ phase: 'Failed', ready: false, since: NOW - 40 }),
  rejected: aPod({ phase: 'Failed', conditions: [] }),
  'of unknown readiness': aPod({ conditions: [] }),
  deleted: aPod({ killedAt: NOW + 60, graceSeconds: 100 }),
  gone: undefined,
  foreign: aPod({ owner: 'other' }),
}

const registrations: Readonly<Record<string, Registration>> = {
  fresh: fresh(),
  plain,
  'of another pod': fresh({ podUID: 'old' }),
  stale: stale(40),
  'just stale': stale(20),
  absent: absent(40),
  rejected: rejected(40),
  unknown,
}

/** Registry across, pod down. `!` gives the node up. */
const table = `
                      fresh        plain        of another pod  stale           just stale     absent          rejected        unknown
ready                 Serving      Serving      TelemetryLost   TelemetryLost   TelemetryLost  TelemetryLost   TelemetryLost   TelemetryLost
unready               PodNotReady  PodNotReady  Unhealthy       HealthTimeout!  Unhealthy      HealthTimeout!  HealthTimeout!  Unhealthy
just unready          PodNotReady  PodNotReady  Unhealthy       Unhealthy       Unhealthy      Unhealthy       Unhealthy       Unhealthy
failed                PodNotReady  PodNotReady  Unhealthy       HealthTimeout!  Unhealthy      HealthTimeout!  HealthTimeout!  Unhealthy
rejected              PodNotReady  PodNotReady  Unhealthy       HealthTimeout!  Unhealthy      HealthTimeout!  HealthTimeout!  Unhealthy
of unknown readiness  PodNotReady  PodNotReady  Unhealthy       Unhealthy       Unhealthy      Unhealthy       Unhealthy       Unhealthy
deleted               PodDeleted   PodDeleted   PodDeleted      PodDeleted      PodDeleted     PodDeleted      PodDeleted      PodDeleted
gone                  PodLost      PodLost      PodLost!        PodLost!        PodLost!       PodLost!        PodLost!        PodLost
foreign               PodLost      PodLost      PodLost!        PodLost!        PodLost!       PodLost!        PodLost!        PodLost
`

const [header, ...lines] = table
  .trim()
  .split('\n')
  .map(line => line.trim().split(/ {2,}/))
for (const [podName = '', ...verdicts] of lines) {
  for (const [column, verdict] of verdicts.entries()) {
    const registryName = header![column]!
    test(`pod ${podName}, registration ${registryName}: ${verdict}`, () => {
      assert.ok(podName in pods && registryName in registrations)
      const what = seen({ pod: pods[podName], registration: registrations[registryName]! })
      const node = aRunningNode()
      const first = decideAt(NOW, node, what)
      assert.equal(first.because, verdict.replace('!', ''))
      assert.notEqual(first.act?.do, 'delete-node', 'the reason must be on record first')
      assert.equal(first.status.phase, 'Running')

      const second = decideAt(NOW, after(node, first), what)
      assert.equal(second.act?.do === 'delete-node', verdict.endsWith('!'))
    })
  }
}

test('a pod that reports but cannot be seen is looked for, not given up', () => {
  const what = seen({ pod: undefined, registration: fresh() })
  const node = after(aRunningNode(), decideAt(NOW, aRunningNode(), what))
  assert.deepEqual(decideAt(NOW, node, what).act, { do: 'find-pod' })
})

test('only a served node is Ready; a ready pod without heartbeat is Unknown, and its telemetry lost', () => {
  assert.equal(readyOf(decideAt(NOW, aRunningNode(), seenServing()))?.status, 'True')
  const lost = decideAt(NOW, aRunningNode(), seen({ pod: aPod(), registration: stale(40) }))
  assert.equal(readyOf(lost)?.status, 'Unknown')
  assert.equal(conditionIn(lost.status, 'TelemetryLost')?.status, 'True')
  assert.equal(conditionIn(lost.status, 'AdmissionOpen')?.status, 'Unknown')
  const unwell = decideAt(NOW, aRunningNode(), seen({ pod: pods['unready'], registration: stale(40) }))
  assert.equal(readyOf(unwell)?.status, 'False')
})

test('an operator that has just started misses nobody yet, and does all the rest', () => {
  const node = after(aRunningNode(), decideAt(NOW, aRunningNode(), seenServing()))
  const early = decideAt(NOW, node, seen({ pod: aPod(), registration: stale(1) }))
  assert.ok(sameStatus(node.status, early.status))
  assert.equal(early.lookAgainMs, 8_000)
  const cordoned = { ...node, spec: { ...node.spec, cordoned: true } }
  assert.equal(decideAt(NOW, cordoned, seen({ pod: aPod(), registration: stale(1) })).act?.do, 'write-intent')
  const missed = decideAt(NOW, node, seen({ pod: aPod(), registration: stale(9) }))
  assert.equal(readyOf(missed)?.reason, 'TelemetryLost')
})

test('an operator that has not seen the registry yet keeps what is on record for half a minute, then tells', () => {
  const unseen = (forSeconds: number): Registration => ({
    state: 'unknown',
    because: 'not-synced',
    forMs: forSeconds * 1_000,
  })
  const node = after(aRunningNode(), decideAt(NOW, aRunningNode(), seenServing()))
  for (const pod of Object.values(pods)) {
    const early = decideAt(NOW, node, seen({ pod, registration: unseen(10), intent: { state: 'unknown' } }))
    assert.ok(sameStatus(node.status, early.status))
    assert.equal(early.act, undefined)
    assert.ok((early.lookAgainMs ?? Infinity) <= 20_000)
  }
  const late = decideAt(NOW, node, seen({ pod: aPod(), registration: unseen(30) }))
  assert.deepEqual([readyOf(late)?.reason, readyOf(late)?.status], ['TelemetryLost', 'Unknown'])
  const outage = decideAt(NOW, node, seen({ pod: aPod(), registration: unknown }))
  assert.equal(readyOf(outage)?.reason, 'TelemetryLost', 'a registry that was seen and is lost is told at once')
})

test('both witnesses must have been unwell for the whole time; the node is looked at again when it is over', () => {
  const what = seen({ pod: aPod({ ready: false, since: NOW - 25 }), registration: stale(28) })
  assert.equal(decideAt(NOW, aRunningNode(), what).lookAgainMs, 5_000)
})

test('a registry that lost many keys at once kills nobody', () => {
  const what = seen({ pod: pods['unready'], registration: absent(40), registryFrozen: true })
  const decision = decideAt(NOW, aRunningNode(), what)
  assert.equal(decision.because, 'Unhealthy')
  assert.match(readyOf(decision)?.message ?? '', /many nodes vanished from the registry/)
})

test('without its class nobody knows how long to wait, so a node is not given up for its health', () => {
  const what = seen({ nodeClass: undefined, pod: pods['unready'], registration: absent(4_000) })
  assert.equal(decideAt(NOW, aRunningNode(), what).because, 'Unhealthy')
})

test('how long a node may be unwell is what its class says', () => {
  const nodeClass = aClass({ health: { unhealthyAfterSeconds: 300 } })
  const what = seen({ nodeClass, pod: pods['unready'], registration: absent(40) })
  assert.equal(decideAt(NOW, aRunningNode(), what).because, 'Unhealthy')
})

// --- what its agent is told ----------------------------------------------------------------------------------------

test('an open node that was never told anything costs no intent', () => {
  assert.equal(decideAt(NOW, aRunningNode(), seenServing()).act, undefined)
})

test('cordoning closes admission, and uncordoning opens it by an explicit word', () => {
  const cordoned = aRunningNode({ spec: { cordoned: true } })
  const closed = { podUID: 'uid-pod', admission: 'closed', weight: 0 } as const
  assert.deepEqual(decideAt(NOW, cordoned, seenServing()).act, { do: 'write-intent', intent: closed })
  assert.equal(decideAt(NOW, cordoned, seenServing({ intent: told({}) })).act, undefined)
  assert.deepEqual(decideAt(NOW, aRunningNode(), seenServing({ intent: told({}) })).act, {
    do: 'write-intent',
    intent: { podUID: 'uid-pod', admission: 'open', weight: 1 },
  })
})

test('a node whose intent is lost is told again: that it is closed, or that it is open by now', () => {
  const says = (state: 'serving' | 'closed', spec: object = {}) =>
    decideAt(NOW, aRunningNode({ spec }), seenServing({ registration: fresh({ state }) })).act
  const intent = { podUID: 'uid-pod', admission: 'open', weight: 1 }
  assert.deepEqual(says('closed'), { do: 'write-intent', intent })
  assert.equal(says('serving'), undefined)
  const closed = { podUID: 'uid-pod', admission: 'closed', weight: 0 }
  assert.deepEqual(says('closed', { cordoned: true }), { do: 'write-intent', intent: closed })
})

test('an intent for an earlier pod is none, and one that cannot be read is written anew', () => {
  const cordoned = aRunningNode({ spec: { cordoned: true } })
  assert.equal(decideAt(NOW, cordoned, seenServing({ intent: told({ podUID: 'old' }) })).act?.do, 'write-intent')
  assert.equal(
    decideAt(NOW, cordoned, seenServing({ intent: { state: 'unreadable', revision: 3 } })).act?.do,
    'write-intent',
  )
})

test('an unseen registry is not written to', () => {
  const cordoned = aRunningNode({ spec: { cordoned: true } })
  assert.equal(decideAt(NOW, cordoned, seenServing({ intent: { state: 'unknown' } })).act, undefined)
})

test('a pod deleted by hand drains until shortly before the kubelet kills it, and then evicts', () => {
  const pod = aPod({ killedAt: NOW + 60, graceSeconds: 100 })
  const deadline = timeAt(NOW + 40)
  const draining = (stage: 'wait' | 'evict') =>
    ({ podUID: 'uid-pod', admission: 'closed', weight: 0, drain: { reason: 'PodDeleted', deadline, stage } }) as const
  const waiting = decideAt(NOW, aRunningNode(), seen({ pod, registration: fresh() }))
  assert.deepEqual(waiting.act, { do: 'write-intent', intent: draining('wait') })
  assert.equal(waiting.lookAgainMs, 40_000, 'nothing but time brings the eviction')
  const late = decideAt(NOW + 40, aRunningNode(), seen({ pod, registration: fresh(), intent: told(draining('wait')) }))
  assert.deepEqual(late.act, { do: 'write-intent', intent: draining('evict') })

  const back = decideAt(NOW, aRunningNode(), seen({ pod, registration: fresh(), intent: told(draining('evict')) }))
  assert.equal(back.act, undefined, 'a clock that steps back calls no eviction back')
})

test('a drain is not called back by whoever still sees a node that nobody deleted', () => {
  const draining = told({ drain: { reason: 'Deleted', deadline: timeAt(NOW), stage: 'wait' } })
  for (const cordoned of [true, false]) {
    assert.equal(decideAt(NOW, aRunningNode({ spec: { cordoned } }), seenServing({ intent: draining })).act, undefined)
  }
})

// --- what load does to admission -------------------------------------------------------------------------------------

const shedding: Admission = { admission: 'closed', weight: 0, tier: 'shed' }
const shed = { podUID: 'uid-pod', ...shedding } as const

test('a node that fills up gets a smaller share, then no rooms, then a limit on joins, and is opened again', () => {
  const steps: Admission[] = [
    { admission: 'open', weight: 0.5, tier: 'prewarm' },
    shedding,
    { admission: 'closed', weight: 0, joinsPerSecond: 4, tier: 'protect' },
    fullyOpen,
  ]
  let intent: KnownIntent = { state: 'absent' }
  for (const [revision, load] of steps.entries()) {
    const wanted = { podUID: 'uid-pod', ...load }
    const { act } = decideAt(NOW, aRunningNode(), seenServing({ load, intent }))
    assert.deepEqual(act, { do: 'write-intent', intent: wanted })
    intent = { state: 'known', revision, intent: wanted }
    assert.equal(decideAt(NOW, aRunningNode(), seenServing({ load, intent })).act, undefined, 'told once')
  }
})

test('the strictest counts: what people closed stays closed whatever its load, and keeps its limit on joins', () => {
  const cordoned = aRunningNode({ spec: { cordoned: true } })
  const intentFor = (load: Admission) => decideAt(NOW, cordoned, seenServing({ load, intent: told({ weight: 1 }) })).act
  assert.deepEqual(intentFor({ admission: 'open', weight: 0.5, tier: 'prewarm' }), {
    do: 'write-intent',
    intent: { podUID: 'uid-pod', admission: 'closed', weight: 0, tier: 'prewarm' },
  })
  assert.deepEqual(intentFor({ ...shedding, joinsPerSecond: 2, tier: 'protect' }), {
    do: 'write-intent',
    intent: { podUID: 'uid-pod', admission: 'closed', weight: 0, joinsPerSecond: 2, tier: 'protect' },
  })
  assert.equal(decideAt(NOW, cordoned, seenServing({ load: shedding })).because, 'Cordoned')
})

test('a closed node that is opened while it is full is told why it stays closed: the next operator must know', () => {
  const { act } = decideAt(NOW, aRunningNode(), seenServing({ load: shedding, intent: told({}) }))
  assert.deepEqual(act, { do: 'write-intent', intent: shed })
})

test('load calls no drain back', () => {
  const draining = told({ drain: { reason: 'Deleted', deadline: timeAt(NOW), stage: 'wait' } })
  assert.equal(decideAt(NOW, aRunningNode(), seenServing({ load: shedding, intent: draining })).act, undefined)
})

test('a node that is full is Ready and says that it takes no rooms, and why', () => {
  const what = { load: shedding, intent: told(shed) }
  const decision = decideAt(NOW, aRunningNode(), seenServing({ ...what, registration: fresh({ state: 'closed' }) }))
  assert.deepEqual([readyOf(decision)?.status, readyOf(decision)?.reason], ['True', 'Shedding'])
  assert.match(readyOf(decision)?.message ?? '', /full: takes no new rooms until its load falls/)
  assert.equal(decideAt(NOW, aRunningNode(), seenServing(what)).because, 'Serving', 'its agent has not obeyed yet')
})

test('AdmissionOpen is True until the agent says closed, and Shedding until it says open again', () => {
  const closedBeat = fresh({ state: 'closed' })
  const admissionOf = (decision: Decision) => {
    const found = conditionIn(decision.status, 'AdmissionOpen')
    return `${found?.status} ${found?.reason}`
  }
  let node = aRunningNode()
  const say = (what: Partial<Observed>): string => {
    const decision = decideAt(NOW, node, seenServing({ intent: told(shed), ...what }))
    node = after(node, decision)
    return admissionOf(decision)
  }
  assert.equal(say({ load: shedding }), 'True Serving', 'the agent has not obeyed yet')
  assert.equal(say({ load: shedding, registration: closedBeat }), 'False Shedding')
  assert.equal(say({ load: fullyOpen, registration: closedBeat }), 'False Shedding', 'nobody has closed it')
  assert.equal(say({ load: fullyOpen, registration: fresh() }), 'True Serving')
  assert.equal(say({ load: fullyOpen, registration: closedBeat }), 'False Closed')
})

test('a node that somebody has closed, or that drains, is not one that sheds', () => {
  const full = seenServing({ load: shedding, registration: fresh({ state: 'closed' }) })
  const admissionOf = (node: RTCNode, what: Observed) => conditionIn(decideAt(NOW, node, what).status, 'AdmissionOpen')
  assert.equal(admissionOf(aRunningNode({ spec: { cordoned: true } }), full)?.reason, 'Closed')
  const podDeleted = { ...full, pod: aPod({ killedAt: NOW + 60, graceSeconds: 100 }) }
  assert.equal(admissionOf(aRunningNode(), podDeleted)?.reason, 'Closed')
  const stopping = { ...full, registration: fresh({ state: 'draining' }) }
  assert.equal(admissionOf(aRunningNode(), stopping)?.reason, 'Closed')
})

// --- load -----------------------------------------------------------------------------------------------------------

test('load is written at first, and then when it is the node’s turn and somebody would act on it', () => {
  const node = after(
    aRunningNode(),
    decideAt(0, aRunningNode(), seenServing({ registration: fresh({ sessions: 100 }) })),
  )
  assert.equal(node.status?.load?.sessions, 100)
  const loadWith = (sessions: number, loadIsDue = true) =>
    decideAt(60, node, seenServing({ registration: fresh({ sessions }), loadIsDue })).status.load
  assert.deepEqual(loadWith(0, false), node.status?.load, 'not its turn')
  assert.deepEqual(loadWith(105), node.status?.load, 'not material')
  assert.equal(loadWith(150)?.sessions, 150)
  assert.equal(loadWith(0)?.sessions, 0)
  assert.equal(loadWith(0)?.observedAt, timeAt(60))
})

test('at rest nothing is written', () => {
  const node = after(aRunningNode(), decideAt(0, aRunningNode(), seenServing()))
  for (let seconds = 0; seconds < 3_600; seconds += 30) {
    const registration = { ...fresh({ seq: seconds }), ageMs: seconds % 3_000 } as Registration
    const { act, status } = decideAt(seconds, node, seenServing({ registration }))
    assert.equal(act, undefined)
    assert.ok(sameStatus(node.status, status))
  }
})

test('a node that its pool closed says why, and until when people may stay; one that people closed does not', () => {
  const annotations = poolMark('RollOut', timeAt(500))
  const said = (traits: NodeTraits): string | undefined => {
    const decision = decideAt(NOW, aRunningNode(traits), seenServing())
    return `${decision.because}: ${readyOf(decision)?.message}`
  }
  assert.equal(
    said({ annotations, spec: { cordoned: true } }),
    `Cordoned: takes no new rooms, because its pool closed it (RollOut); people may stay until ${timeAt(500)}`,
  )
  assert.equal(said({ spec: { cordoned: true } }), 'Cordoned: takes no new rooms, because spec.cordoned is true')
  assert.equal(said({ annotations }), 'Serving: takes new rooms', 'an old mark on a node that is open')
})
