// Laws of the lifecycle's judgement, over any moment. RTCNODE_RUNS sets how many moments each law sees.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isDeepStrictEqual } from 'node:util'
import * as fc from 'fast-check'
import { fromTimestamp } from '../../../operator/ambient/clock.ts'
import { MAX_DRAIN_SECONDS, phases, type RTCNode, type RTCNodeStatus } from '../../../operator/api/rtcnode.ts'
import { isGoing } from '../../../operator/cluster/reaction.ts'
import { sameStatus } from '../../../operator/kube/status.ts'
import type { Decision } from '../../../operator/lifecycle/decision.ts'
import { evictsAt } from '../../../operator/lifecycle/pod-view.ts'
import { DISRUPTED } from '../../../operator/lifecycle/running.ts'
import { hostMovesOffAt, ownHeartbeat, ownIntent, ownPod } from '../../../operator/lifecycle/seen.ts'
import { after, aRunningNode, at, decideAt, fresh, seenServing } from './build.ts'
import { aMomentLater, type Moment, moments } from './snapshots.ts'

const numRuns = Number(process.env['RTCNODE_RUNS'] ?? 3_000)
const decideIn = ({ node, seen, at: now }: Moment): Decision => decideAt(now, node, seen)
const situation = ({ node, seen, at: now }: Moment) => ({ node, seen, now: at(now) })

function law(name: string, holds: (moment: Moment, decision: Decision) => void): void {
  test(name, () => {
    fc.assert(
      fc.property(moments, moment => holds(moment, decideIn(moment))),
      { numRuns },
    )
  })
}

const deadlineOf = (node: RTCNode): number => fromTimestamp(node.status?.drain?.deadline) ?? Number.POSITIVE_INFINITY
const EVICT_GRACE_MS = 30_000

law('every moment has an answer', (_moment, decision) => {
  assert.ok(decision.status.phase !== undefined && decision.because !== undefined)
  assert.ok(decision.lookAgainMs === undefined || decision.lookAgainMs >= 0)
})

law('no pod is deleted while a fresh heartbeat of its own tells of people, before the deadline', (moment, { act }) => {
  if (act?.do !== 'delete-pod' || at(moment.at) >= deadlineOf(moment.node)) return
  assert.equal(ownHeartbeat(situation(moment))?.sessions ?? 0, 0)
})

law(
  'nobody is told to leave or moved while a fresh heartbeat tells of people, before the deadline, the kill of their pod or the end of its host',
  (moment, { act }) => {
    if (act?.do !== 'write-intent' || moment.node.metadata.deletionTimestamp === undefined) return
    const pod = ownPod(situation(moment))
    const killing = pod && evictsAt(pod)
    const hostGoes = hostMovesOffAt(situation(moment))
    const limit = Math.min(deadlineOf(moment.node), killing ?? Infinity, hostGoes ?? Infinity)
    if (act.intent.drain?.stage === 'wait' || at(moment.at) >= limit) return
    assert.equal(ownHeartbeat(situation(moment))?.sessions ?? 0, 0)
  },
)

law('nothing of a drain is done before its deadline is on record', ({ node }, { act }) => {
  if (node.metadata.deletionTimestamp === undefined || node.status?.drain !== undefined) return
  assert.equal(act, undefined)
})

law('a pod is deleted only for a node that is deleted, and only its own', (moment, { act }) => {
  if (act?.do !== 'delete-pod') return
  assert.ok(moment.node.metadata.deletionTimestamp !== undefined)
  assert.equal(act.onlyIf.uid, ownPod(situation(moment))?.metadata.uid)
})

law('a deadline never changes once it is written', ({ node }, { status }) => {
  if (node.status?.drain !== undefined) assert.equal(status.drain?.deadline, node.status.drain.deadline)
})

law('a deadline is never before the deletion, nor more than a week after it', ({ node }, { status }) => {
  if (node.status?.drain !== undefined || status.drain === undefined) return
  const promisedMs = fromTimestamp(status.drain.deadline)! - fromTimestamp(node.metadata.deletionTimestamp)!
  assert.ok(promisedMs >= 0 && promisedMs <= MAX_DRAIN_SECONDS * 1_000, `${promisedMs} ms`)
})

law('what was given up stays on record', ({ node }, { status }) => {
  for (const step of node.status?.drain?.skipped ?? []) assert.ok(status.drain?.skipped?.includes(step))
})

law('phases only move forward', ({ node }, { status }) => {
  assert.ok(phases.indexOf(status.phase) >= phases.indexOf(node.status?.phase ?? 'Pending'))
})

law('a registry that cannot be seen deletes no node, and no pod before deadline and grace', (moment, { act }) => {
  if (moment.seen.registration.state !== 'unknown') return
  assert.notEqual(act?.do, 'delete-node')
  if (act?.do !== 'delete-pod') return
  const graceMs = (moment.seen.nodeClass?.spec.drain.evictGraceSeconds ?? 0) * 1_000 || EVICT_GRACE_MS
  assert.ok(at(moment.at) >= deadlineOf(moment.node) + graceMs)
})

law('a node is given up only with its reason on record', ({ node }, { act, because }) => {
  if (act?.do !== 'delete-node') return
  assert.equal(node.status?.conditions?.find(({ type }) => type === 'Ready')?.reason, because)
  assert.equal(act.because, because)
})

law('a heartbeat of its own keeps a Running node', (moment, { act }) => {
  if (moment.node.status?.phase !== 'Running' || ownHeartbeat(situation(moment)) === undefined) return
  assert.notEqual(act?.do, 'delete-node')
})

law('the finalizer goes last: no pod, no intent that could be removed', (moment, { act }) => {
  if (act?.do !== 'release-finalizer') return
  assert.equal(ownPod(situation(moment)), undefined)
  assert.ok(moment.seen.intent.state === 'absent' || moment.seen.intent.state === 'unknown')
})

law('nothing is created for a node that is deleted', ({ node }, { act }) => {
  if (node.metadata.deletionTimestamp === undefined) return
  assert.ok(act?.do !== 'create-pod' && act?.do !== 'add-finalizer' && act?.do !== 'delete-node')
})

law(
  'an intent is for our own pod, and no drain is called back by it but that of a host which stays',
  (moment, { act }) => {
    if (act?.do !== 'write-intent') return
    assert.equal(act.intent.podUID, ownPod(situation(moment))?.metadata.uid)
    const before = ownIntent(situation(moment))?.intent.drain
    if (before === undefined || before.reason === DISRUPTED) return
    assert.ok(act.intent.drain !== undefined && act.intent.drain.reason !== DISRUPTED)
  },
)

law('people are moved off for their host only when its end is Imminent, or near its deadline', (moment, { act }) => {
  if (act?.do !== 'write-intent' || act.intent.drain?.reason !== DISRUPTED) return
  const { disruption } = moment.seen
  const marginMs = 1_000 * (moment.seen.nodeClass?.spec.drain.evictGraceSeconds ?? 30)
  const isNear = disruption?.deadline !== undefined && at(moment.at) >= disruption.deadline - marginMs
  assert.ok(disruption?.kind === 'Imminent' || (disruption?.kind === 'Planned' && isNear))
})

law('what was told of a host stands until the host itself says otherwise', (moment, { status }) => {
  const { node, seen } = moment
  const before = node.status?.conditions?.find(({ type }) => type === 'Disrupted')
  const next = status.conditions?.find(({ type }) => type === 'Disrupted')
  if (ownPod(situation(moment)) === undefined) return assert.deepEqual(next, before)
  if (next === undefined) return assert.ok(before === undefined)
  if (status !== node.status) assert.equal(next.status === 'True', (seen.disruption ?? seen.ending) !== undefined)
})

law('what an agent is told is as strict as the strictest that asks', ({ node, seen }, { act }) => {
  if (act?.do !== 'write-intent') return
  const { admission, weight, joinsPerSecond, drain } = act.intent
  if (node.spec.cordoned || drain !== undefined || seen.load.admission === 'closed' || isGoing(seen.disruption)) {
    assert.deepEqual([admission, weight], ['closed', 0])
  } else {
    assert.deepEqual(
      [admission, weight],
      ['open', Math.min(seen.load.weight, seen.disruption === undefined ? 1 : 0.25)],
    )
  }
  if (drain === undefined) assert.equal(joinsPerSecond, seen.load.joinsPerSecond)
})

law('an intent is written only where it changes something', (moment, { act }) => {
  if (act?.do !== 'write-intent' || moment.seen.intent.state !== 'known') return
  assert.notDeepEqual(act.intent, moment.seen.intent.intent)
})

law('the observed generation is never above the generation', ({ node }, { status }) => {
  assert.ok((status.observedGeneration ?? 0) <= (node.metadata.generation ?? 0))
})

law('a condition has one entry, and its transition time moves only with its status', ({ node }, { status }) => {
  const types = (status.conditions ?? []).map(({ type }) => type)
  assert.equal(new Set(types).size, types.length)
  for (const now of status.conditions ?? []) {
    const before = node.status?.conditions?.find(({ type }) => type === now.type)
    if (before?.status === now.status) assert.equal(now.lastTransitionTime, before.lastTransitionTime)
  }
})

/** Takes statuses over, as the shell would, until none is new. */
function settled(moment: Moment): { moment: Moment; decision: Decision } {
  let current = moment
  for (let round = 0; round < 6; round++) {
    const decision = decideIn(current)
    if (sameStatus(current.node.status, decision.status)) return { moment: current, decision }
    current = { ...current, node: after(current.node, decision) }
  }
  return assert.fail('its status does not come to rest')
}

law('a status comes to rest when nothing changes', moment => {
  settled(moment)
})

/** A drain looks each 5 s, which is soon enough for what may happen in between; times in objects are whole seconds. */
const LATE_MS = 6_000

test('what time alone would change is looked at again by then', () => {
  fc.assert(
    fc.property(moments, fc.nat(700_000), (moment, ms) => {
      const rest = settled(moment)
      if (rest.decision.act !== undefined) return
      const later = aMomentLater(rest.moment, ms)
      if (later.seen.refusal !== undefined && later.seen.refusal.retryInMs <= 0) return
      const { act, status } = decideIn(later)
      const same = act === undefined && isDeepStrictEqual(withoutLoad(rest.decision.status), withoutLoad(status))
      const lookAgainMs = rest.decision.lookAgainMs ?? Number.POSITIVE_INFINITY
      assert.ok(same || lookAgainMs <= ms + LATE_MS, `not before ${lookAgainMs} ms`)
    }),
    { numRuns },
  )
})

/** Load is a courtesy: it is told when there is another reason to look. */
const withoutLoad = (status: RTCNodeStatus): object => ({ ...status, load: undefined })

test('a node that serves is written nothing, whatever the ages of its heartbeats', () => {
  const beats = fc.record({ seconds: fc.integer({ min: 30, max: 100_000 }), ageMs: fc.nat(9_000), seq: fc.nat() })
  const node = after(aRunningNode(), decideAt(0, aRunningNode(), seenServing()))
  fc.assert(
    fc.property(beats, ({ seconds, ageMs, seq }) => {
      const { act, status } = decideAt(
        seconds,
        node,
        seenServing({ registration: { ...fresh({ seq }), ageMs } as never }),
      )
      assert.equal(act, undefined)
      assert.ok(sameStatus(node.status, status))
    }),
    { numRuns },
  )
})
