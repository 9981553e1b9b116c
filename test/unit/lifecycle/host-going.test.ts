// A node whose host announces its end, or takes that back: what its agent is told, and what people read of it.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { decide as decideAgent, initialStance, type Stance } from '../../../operator/agent/decide.ts'
import { monotonic } from '../../../operator/ambient/clock.ts'
import type { Intent } from '../../../operator/api/intent.ts'
import type { RTCNode } from '../../../operator/api/rtcnode.ts'
import type { Disruption } from '../../../operator/cluster/disruption.ts'
import { cameLate } from '../../../operator/cluster/reaction.ts'
import type { Decision, Observed } from '../../../operator/lifecycle/decision.ts'
import { eventOfDisruption } from '../../../operator/lifecycle/node-events.ts'
import type { KnownIntent } from '../../../operator/registry/registration.ts'
import {
  aClass,
  aDisruption,
  aDrainingNode,
  after,
  aNode,
  aPod,
  aRunningNode,
  at,
  conditionIn,
  decideAt,
  fresh,
  POD_UID,
  poolMark,
  readyOf,
  seenServing,
  timeAt,
  told,
} from './build.ts'

const cls = aClass({ drain: { deadlineSeconds: 600, evictGraceSeconds: 30 } })
const seen = (disruption: Disruption | undefined, rest: Partial<Observed> = {}): Observed =>
  seenServing({ nodeClass: cls, disruption, ...rest })
const intentIn = ({ act }: Decision): Intent | undefined => (act?.do === 'write-intent' ? act.intent : undefined)
const planned = aDisruption('Planned', { deadline: 500 })

test('a host that may go: a smaller share of rooms, and nothing else', () => {
  const decision = decideAt(100, aRunningNode(), seen(aDisruption('Advisory')))
  assert.deepEqual(intentIn(decision), { podUID: POD_UID, admission: 'open', weight: 0.25 })
  const fuller = { admission: 'open', weight: 0.25, tier: 'prewarm' } as const
  assert.equal(intentIn(decideAt(100, aRunningNode(), seen(aDisruption('Advisory'), { load: fuller })))?.weight, 0.25)
  const { status } = decideAt(
    100,
    aRunningNode(),
    seen(aDisruption('Advisory'), { intent: told({ admission: 'open', weight: 0.25 }) }),
  )
  assert.equal(conditionIn(status, 'Ready')?.reason, 'Serving')
  assert.deepEqual(status.disruption, { kind: 'Advisory' })
})

test('a host that goes: no new rooms, and no drain that could not be taken back', () => {
  const decision = decideAt(100, aRunningNode(), seen(planned))
  assert.deepEqual(intentIn(decision), { podUID: POD_UID, admission: 'closed', weight: 0 })
})

test('whether its host was to go before its pod came there stays on record', () => {
  const next = (node: RTCNode, disruption: Disruption | undefined): RTCNode =>
    after(node, decideAt(100, node, seen(disruption)))
  const reasonOf = ({ status }: RTCNode) => conditionIn(status, 'Scheduled')?.reason
  const [early, late] = [next(aRunningNode(), undefined), next(aRunningNode(), planned)]
  assert.deepEqual([reasonOf(early), cameLate(early)], ['Scheduled', false])
  assert.deepEqual([reasonOf(late), cameLate(late)], ['HostGoing', true])
  assert.deepEqual([reasonOf(next(early, planned)), reasonOf(next(late, undefined))], ['Scheduled', 'HostGoing'])
  assert.equal(cameLate(next(aRunningNode(), aDisruption('Advisory'))), false)
  assert.equal(cameLate(aRunningNode()), undefined)
})

test('people read who says so, how sure it is, and until when they may stay', () => {
  const closed = seen(planned, { intent: told({}), registration: fresh({ state: 'closed', sessions: 3 }) })
  const { status, lookAgainMs } = decideAt(460, aRunningNode(), closed)
  assert.deepEqual(status.disruption, { kind: 'Planned', deadline: timeAt(500) })
  const disrupted = conditionIn(status, 'Disrupted')
  assert.deepEqual([disrupted?.status, disrupted?.reason], ['True', 'KarpenterDisruption'])
  assert.equal(disrupted?.message, `Karpenter replaces the host; Planned, gone by ${timeAt(500)}`)
  assert.equal(conditionIn(status, 'Ready')?.reason, 'HostGoing')
  assert.match(conditionIn(status, 'Ready')?.message ?? '', new RegExp(`people may stay until ${timeAt(470)}`))
  assert.equal(conditionIn(status, 'AdmissionOpen')?.reason, 'Closed')
  assert.equal(lookAgainMs, 10_000, 'when they have to be moved off')
  const event = eventOfDisruption(aRunningNode().status, status)
  assert.deepEqual([event?.type, event?.reason], ['Normal', 'KarpenterDisruption'])
  assert.equal(eventOfDisruption(status, status), undefined)
})

test('people are moved off at the deadline less the time that takes, not before', () => {
  const at469 = decideAt(469, aRunningNode(), seen(planned, { intent: told({}) }))
  assert.equal(at469.act, undefined)
  const drain = { reason: 'Disrupted', deadline: timeAt(500), stage: 'evict' }
  assert.deepEqual(intentIn(decideAt(470, aRunningNode(), seen(planned, { intent: told({}) })))?.drain, drain)
})

test('an end that is Imminent moves people off at once, and says it once', () => {
  const imminent = aDisruption('Imminent')
  const intent = intentIn(decideAt(100, aRunningNode(), seen(imminent)))
  assert.deepEqual(intent?.drain, { reason: 'Disrupted', deadline: timeAt(100), stage: 'evict' })
  assert.equal(decideAt(110, aRunningNode(), seen(imminent, { intent: told(intent ?? {}) })).act, undefined)
  const known = aDisruption('Imminent', { deadline: 190 })
  assert.equal(intentIn(decideAt(100, aRunningNode(), seen(known)))?.drain?.deadline, timeAt(190))
})

test('a notice that is taken back reopens the node, also when people were being moved off', () => {
  const evicting = told({ drain: { reason: 'Disrupted', deadline: timeAt(100), stage: 'evict' } })
  for (const before of [told({}), evicting]) {
    const decision = decideAt(120, aRunningNode(), seen(undefined, { intent: before }))
    assert.deepEqual(intentIn(decision), { podUID: POD_UID, admission: 'open', weight: 1 })
  }
  const calmer = intentIn(decideAt(120, aRunningNode(), seen(aDisruption('Planned'), { intent: evicting })))
  assert.deepEqual([calmer?.admission, calmer?.drain], ['closed', undefined])
})

test('no other drain is called back, nor put in the place of one that could be', () => {
  for (const reason of ['Deleted', 'PodDeleted', 'HostGoing']) {
    const draining = told({ drain: { reason, deadline: timeAt(300), stage: 'wait' } })
    assert.equal(decideAt(120, aRunningNode(), seen(undefined, { intent: draining })).act, undefined)
    assert.equal(decideAt(120, aRunningNode(), seen(aDisruption('Imminent'), { intent: draining })).act, undefined)
  }
})

test('the notice over, the condition says so; where none ever was, there is none', () => {
  const during = after(aRunningNode(), decideAt(100, aRunningNode(), seen(planned, { intent: told({}) })))
  const over = decideAt(200, during, seen(undefined, { intent: told({ admission: 'open', weight: 1 }) }))
  assert.deepEqual([conditionIn(over.status, 'Disrupted')?.status, over.status.disruption], ['False', undefined])
  assert.equal(conditionIn(over.status, 'Disrupted')?.reason, 'HostStays')
  assert.equal(readyOf(over)?.reason, 'Serving')
  const never = decideAt(200, aRunningNode(), seen(undefined))
  assert.equal(conditionIn(never.status, 'Disrupted'), undefined)
})

test('what people have cordoned stays theirs when the notice is taken back', () => {
  const cordoned = aRunningNode({ spec: { cordoned: true } })
  const decision = decideAt(100, cordoned, seen(undefined, { intent: told({}) }))
  assert.equal(decision.act, undefined)
  assert.equal(readyOf(decideAt(100, cordoned, seen(planned, { intent: told({}) })))?.reason, 'Cordoned')
})

test('a node that is deleted moves people off before its host goes, whatever they were promised', () => {
  const busy = { registration: fresh({ state: 'draining', sessions: 3, ackIntent: 7 }) }
  const waiting = told({ drain: { reason: 'Deleted', deadline: timeAt(160), stage: 'wait' } })
  const calm = decideAt(110, aDrainingNode(), seen(undefined, { ...busy, intent: waiting }))
  assert.equal(calm.act, undefined)
  const hurried = decideAt(110, aDrainingNode(), seen(aDisruption('Imminent'), { ...busy, intent: waiting }))
  assert.deepEqual(intentIn(hurried)?.drain, { reason: 'Deleted', deadline: timeAt(160), stage: 'evict' })
})

test('a deleted pod on a host that goes now: its people do not wait for the kubelet', () => {
  const pod = aPod({ killedAt: 4_000, graceSeconds: 3_600 })
  const ending = aDisruption('Planned', { reason: 'EvictionByEvictionAPI', message: 'somebody evicted the pod' })
  const waits = decideAt(100, aRunningNode(), seen(planned, { pod, ending }))
  assert.deepEqual([intentIn(waits)?.drain?.reason, intentIn(waits)?.drain?.stage], ['PodDeleted', 'wait'])
  const goes = decideAt(100, aRunningNode(), seen(aDisruption('Imminent'), { pod, ending }))
  assert.equal(intentIn(goes)?.drain?.stage, 'evict')
})

test('a pod that was ended tells by whom; when it is gone that stands, with how many were there', () => {
  const pod = aPod({ killedAt: 130, graceSeconds: 30 })
  const ending = aDisruption('Planned', { reason: 'EvictionByEvictionAPI', message: 'somebody evicted the pod' })
  const node = aRunningNode({ status: { ...aRunningNode().status!, load: { sessions: 5, observedAt: timeAt(90) } } })
  const drain = { reason: 'PodDeleted', deadline: timeAt(120), stage: 'wait' } as const
  const evicted = decideAt(
    101,
    node,
    seen(undefined, { pod, ending, intent: told({ drain }), registration: fresh({ sessions: 5, state: 'draining' }) }),
  )
  assert.match(readyOf(evicted)?.message ?? '', /EvictionByEvictionAPI: somebody evicted the pod/)
  const outlived = fresh({ sessions: 5, state: 'draining' })
  const killed = decideAt(131, after(node, evicted), seen(undefined, { pod: undefined, registration: outlived }))
  assert.match(readyOf(killed)?.message ?? '', /its agent reports.*EvictionByEvictionAPI.*5 participants were on it/)
  const gone = decideAt(
    140,
    after(node, evicted),
    seen(undefined, { pod: undefined, registration: { state: 'absent', forMs: 1 } }),
  )
  assert.equal(readyOf(gone)?.reason, 'PodLost')
  assert.match(readyOf(gone)?.message ?? '', /EvictionByEvictionAPI.*5 participants were on it/)
  assert.equal(conditionIn(gone.status, 'Disrupted')?.status, 'True')
})

test('a node that starts on such a host is told of it, and closed before it runs', () => {
  const starting = decideAt(20, aNode(), seen(planned, { registration: { state: 'absent', forMs: 1 } }))
  assert.equal(intentIn(starting)?.admission, 'closed')
  const closed = seen(planned, { registration: { state: 'absent', forMs: 1 }, intent: told({}) })
  assert.equal(decideAt(21, aNode(), closed).act, undefined)
})

test('a node that its pool closed because of its host keeps the pool’s deadline', () => {
  const mark = poolMark('HostGoing', timeAt(470))
  const closed = aRunningNode({ spec: { cordoned: true }, annotations: mark })
  assert.match(readyOf(decideAt(100, closed, seen(planned, { intent: told({}) })))?.message ?? '', /HostGoing/)
  const stamped = decideAt(
    200,
    aNode({ deletedAt: 200, annotations: mark, spec: { cordoned: true }, status: closed.status! }),
    seen(planned),
  )
  assert.deepEqual([stamped.status.drain?.reason, stamped.status.drain?.deadline], ['HostGoing', timeAt(470)])
})

// --- whatever is announced and taken back, with the real judgement of the agent --------------------------------------

const notices = fc.array(
  fc.record({
    disruption: fc.constantFrom(
      undefined,
      aDisruption('Advisory'),
      aDisruption('Planned'),
      aDisruption('Planned', { deadline: 400 }),
      aDisruption('Imminent'),
      aDisruption('Imminent', { deadline: 300 }),
    ),
    seconds: fc.constantFrom(1, 10, 60, 200),
  }),
  { maxLength: 12, size: 'max' },
)

test('no order of notices leaves a node closed on a host that stays, or open on one that goes; nobody is moved too early', () => {
  fc.assert(
    fc.property(notices, fc.constantFrom(undefined, 'Planned' as const, 'Imminent' as const), (all, last) => {
      let seconds = 20
      let intent: KnownIntent = { state: 'absent' }
      let revision = 0
      let stance: Stance = { ...initialStance, admission: 'open' }
      let node = aRunningNode()
      const ends = last === undefined ? undefined : aDisruption(last)
      for (const { disruption, seconds: passed } of [...all, { disruption: ends, seconds: 5 }]) {
        for (let round = 0; round < 4; round += 1) {
          const state = stance.drain ? 'draining' : stance.admission === 'open' ? 'serving' : 'closed'
          const decision = decideAt(
            seconds,
            node,
            seen(disruption, { intent, registration: fresh({ sessions: 2, state }) }),
          )
          const next = intentIn(decision)
          if (next !== undefined) intent = { state: 'known', revision: ++revision, intent: next }
          else node = after(node, decision)
          const moment = monotonic(seconds * 1_000 + round)
          const agent = decideAgent(
            stance,
            { intent, sfu: { state: 'answers', takenAt: moment, sessions: 2, rooms: 1 } },
            POD_UID,
            moment,
          )
          stance = agent.stance
          const mayEvict =
            disruption?.kind === 'Imminent' ||
            (disruption?.deadline !== undefined && at(seconds) >= disruption.deadline - 30_000)
          assert.ok(mayEvict || !agent.acts.some(it => it.do === 'evict'), 'nobody is moved before it is time')
        }
        const isGoing = disruption?.kind === 'Planned' || disruption?.kind === 'Imminent'
        assert.equal(stance.admission, isGoing ? 'closed' : 'open')
        assert.equal(
          conditionIn(node.status, 'Disrupted')?.status ?? 'False',
          disruption === undefined ? 'False' : 'True',
        )
        seconds += passed
      }
    }),
    { numRuns: Number(process.env['RTCNODE_RUNS'] ?? 1_500) },
  )
})
