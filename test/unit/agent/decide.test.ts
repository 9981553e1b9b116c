// The laws of the agent's judgement, over arbitrary histories of intents, readings and preStops.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import {
  type Act,
  type Decision,
  decide,
  evictAfterMs,
  initialStance,
  type Seen,
  type Stance,
} from '../../../operator/agent/decide.ts'
import { type Monotonic, monotonic } from '../../../operator/ambient/clock.ts'
import { drainStages, type Intent } from '../../../operator/api/intent.ts'
import type { KnownIntent } from '../../../operator/registry/registration.ts'

const ownPod = 'pod-1'
const graceMs = 60_000

interface Step {
  afterMs: number
  intent: KnownIntent
  sfu: Seen['sfu']['state']
  sessions: number
  preStop: boolean
}

interface Taken extends Decision {
  seen: Seen
  now: Monotonic
  before: Stance
}

/** Plays the steps as the loop does: preStop, once asked, stays asked; every reading is a fresh one. */
function play(steps: readonly Step[]): Taken[] {
  let now = monotonic(1_000)
  let stance = initialStance
  let askedAt: Monotonic | undefined
  return steps.map(step => {
    now = monotonic(now + step.afterMs)
    if (step.preStop) askedAt ??= now
    const seen: Seen = {
      intent: step.intent,
      sfu: step.sfu === 'silent' ? { state: 'silent' } : answers(step.sessions, now),
      ...(askedAt !== undefined && { preStop: { askedAt, graceMs } }),
    }
    const before = stance
    const decision = decide(before, seen, ownPod, now)
    stance = decision.stance
    return { ...decision, seen, now, before }
  })
}

const answers = (sessions: number, takenAt: Monotonic, rooms = Math.min(sessions, 1)): Seen['sfu'] => ({
  state: 'answers',
  takenAt,
  sessions,
  rooms,
})
const known = (intent: Partial<Intent>, revision = 7): KnownIntent => ({
  state: 'known',
  revision,
  intent: { podUID: ownPod, admission: 'closed', weight: 1, ...intent },
})
const draining = (stage: (typeof drainStages)[number]): KnownIntent =>
  known({ drain: { reason: 'Deleted', deadline: '2030-01-01T00:00:00Z', stage } })
const does = (decision: Decision): Act['do'][] => decision.acts.map(act => act.do)

const anyIntent: fc.Arbitrary<KnownIntent> = fc.oneof(
  fc.constant<KnownIntent>({ state: 'absent' }),
  fc.constant<KnownIntent>({ state: 'unknown' }),
  fc.record({ state: fc.constant('unreadable' as const), revision: fc.nat(1_000) }),
  fc
    .record({
      revision: fc.nat(1_000),
      podUID: fc.constantFrom(ownPod, ownPod, ownPod, 'pod-0'),
      admission: fc.constantFrom('open' as const, 'closed' as const),
      stage: fc.option(fc.constantFrom(...drainStages), { nil: undefined }),
    })
    .map(({ revision, podUID, admission, stage }) => {
      const drain = stage && { reason: 'Deleted', deadline: '2030-01-01T00:00:00Z', stage }
      return known({ podUID, admission, ...(drain && { drain }) }, revision)
    }),
)
const anyStep = (preStop: fc.Arbitrary<boolean>): fc.Arbitrary<Step> =>
  fc.record({
    afterMs: fc.integer({ min: 1, max: 30_000 }),
    intent: anyIntent,
    sfu: fc.constantFrom('answers' as const, 'answers' as const, 'silent' as const),
    sessions: fc.constantFrom(0, 0, 1, 5),
    preStop,
  })
const rarely = fc.integer({ min: 0, max: 9 }).map(n => n === 0)
const anyHistory = fc.array(anyStep(rarely), { minLength: 1, maxLength: 40 })
const anyHistoryWithoutPreStop = fc.array(anyStep(fc.constant(false)), { minLength: 1, maxLength: 40 })

const isForUs = (intent: KnownIntent): intent is KnownIntent & { state: 'known' } =>
  intent.state === 'known' && intent.intent.podUID === ownPod

test('admission closed once opens again only by an explicit intent for this pod', () => {
  fc.assert(
    fc.property(anyHistory, steps => {
      for (const { before, stance, acts, seen } of play(steps)) {
        const opened = before.admission === 'closed' && stance.admission === 'open'
        if (!opened && !acts.some(act => act.do === 'open-admission')) continue
        assert.ok(isForUs(seen.intent))
        assert.equal(seen.intent.intent.admission, 'open')
        assert.equal(seen.intent.intent.drain, undefined)
        assert.equal(seen.preStop, undefined)
      }
    }),
  )
})

test('an intent of another pod, a missing one and an unreadable one decide as if the last had stayed', () => {
  fc.assert(
    fc.property(anyHistory, anyIntent, (steps, foreign) => {
      fc.pre(!isForUs(foreign))
      const last = play(steps).at(-1) as Taken
      fc.pre(last.stance.admission !== 'undecided')
      const now = monotonic(last.now + 1)
      const told = decide(last.stance, { ...last.seen, intent: foreign }, ownPod, now)
      assert.equal(told.state, last.state)
      assert.equal(told.stance.ackIntent, last.stance.ackIntent)
      assert.deepEqual(told.stance.drain, last.stance.drain)
    }),
  )
})

test('an agent that has never seen the registry says nothing', () => {
  fc.assert(
    fc.property(anyHistoryWithoutPreStop, steps => {
      const blind = play(steps.map(step => ({ ...step, intent: { state: 'unknown' } })))
      assert.deepEqual(
        blind.filter(({ state, acts }) => state !== undefined || acts.length > 0),
        [],
      )
    }),
  )
})

test('a node nobody has ever told anything serves, without an act', () => {
  const [first] = play([{ afterMs: 1, intent: { state: 'absent' }, sfu: 'answers', sessions: 0, preStop: false }])
  assert.equal(first?.state, 'serving')
  assert.deepEqual(first.acts, [])
})

test('what is acknowledged is the revision of the last intent for this pod, never another', () => {
  fc.assert(
    fc.property(anyHistory, steps => {
      let last: number | undefined
      for (const { seen, stance } of play(steps)) {
        if (isForUs(seen.intent)) last = seen.intent.revision
        assert.equal(stance.ackIntent, last)
      }
    }),
  )
})

test('people are moved off only at stage evict, or when kubelet is about to kill the pod', () => {
  fc.assert(
    fc.property(anyHistory, steps => {
      for (const taken of play(steps)) {
        if (!does(taken).includes('evict')) continue
        const { preStop } = taken.seen
        const killIsNear = preStop !== undefined && taken.now - preStop.askedAt >= evictAfterMs(graceMs)
        assert.ok(taken.stance.drain?.stage === 'evict' || killIsNear)
        assert.ok(taken.seen.sfu.state === 'silent' || taken.seen.sfu.sessions > 0)
      }
    }),
  )
})

test('while somebody is left at stage evict, eviction is tried again every 5 s and not more often', () => {
  const step = { afterMs: 1_000, intent: draining('evict'), sfu: 'answers' as const, sessions: 3, preStop: false }
  const taken = play(Array.from({ length: 21 }, () => step))
  const times = taken.filter(it => does(it).includes('evict')).map(it => it.now)
  assert.deepEqual(
    times.map(at => at - (times[0] ?? 0)),
    [0, 5_000, 10_000, 15_000, 20_000],
  )
})

test('a node that has left never says anything again, whatever comes', () => {
  fc.assert(
    fc.property(anyHistory, steps => {
      let left = false
      for (const taken of play(steps)) {
        const leaves = does(taken).includes('leave')
        assert.ok(!(left && leaves), 'left twice')
        left ||= leaves
        assert.equal(taken.stance.left, left)
        if (left) assert.equal(taken.state, undefined)
      }
    }),
  )
})

test('the SFU may be stopped only after preStop: empty twice, told to leave, or moved off before the kill', () => {
  fc.assert(
    fc.property(anyHistory, steps => {
      const taken = play(steps)
      for (const [index, { mayStop, seen, stance, now }] of taken.entries()) {
        if (!mayStop) continue
        assert.ok(seen.preStop)
        const isEmpty = (at: Taken | undefined): boolean =>
          at?.seen.sfu.state === 'answers' && at.seen.sfu.sessions === 0
        const emptyTwice = isEmpty(taken[index]) && isEmpty(taken[index - 1])
        const movedOff = now - seen.preStop.askedAt > evictAfterMs(graceMs)
        assert.ok(emptyTwice || stance.drain?.stage === 'leave' || movedOff)
      }
    }),
  )
})

test('preStop on an empty node is answered after two readings', () => {
  const empty = { afterMs: 1_000, intent: { state: 'absent' } as const, sfu: 'answers' as const, sessions: 0 }
  const taken = play([
    { ...empty, preStop: false },
    { ...empty, preStop: true },
    { ...empty, preStop: true },
  ])
  assert.deepEqual(
    taken.map(it => it.mayStop),
    [false, false, true],
  )
  assert.deepEqual(
    taken.map(it => it.state),
    ['serving', 'draining', 'draining'],
  )
})

test('preStop with people on it waits, evicts 20 s before the kill, and then lets go', () => {
  const busy = {
    afterMs: 1_000,
    intent: { state: 'absent' } as const,
    sfu: 'answers' as const,
    sessions: 2,
    preStop: true,
  }
  const taken = play(Array.from({ length: 60 }, () => busy))
  const asked = taken[0]?.now ?? 0
  const evicted = taken.find(it => does(it).includes('evict'))
  const stopped = taken.find(it => it.mayStop)
  assert.equal((evicted?.now ?? 0) - asked, graceMs - 20_000)
  assert.equal((stopped?.now ?? 0) - asked, graceMs - 15_000)
})

test('a grace period too short for 20 s of notice is halved', () => {
  assert.equal(evictAfterMs(30_000), 15_000)
  assert.equal(evictAfterMs(3_600_000), 3_580_000)
  assert.equal(evictAfterMs(0), 0)
})

test('a zero read before admission was closed does not count as empty', () => {
  const before: Stance = { ...initialStance, admission: 'open' }
  const takenBefore = answers(0, monotonic(9_990))
  const closing = decide(before, { intent: draining('wait'), sfu: takenBefore }, ownPod, monotonic(10_000))
  assert.deepEqual(does(closing), ['close-admission', 'notify-drain'])
  assert.equal(closing.stance.emptyReadings, 0)
  const after = { intent: draining('wait'), sfu: answers(0, monotonic(10_001)) }
  const first = decide(closing.stance, after, ownPod, monotonic(10_050))
  const sameAgain = decide(first.stance, after, ownPod, monotonic(10_060))
  assert.deepEqual([first.stance.emptyReadings, sameAgain.stance.emptyReadings], [1, 1])
})

test('people are told of a drain once; of another one after it was called off, again', () => {
  const step = (intent: KnownIntent): Step => ({ afterMs: 1_000, intent, sfu: 'answers', sessions: 1, preStop: false })
  const open = known({ admission: 'open' })
  const taken = play([open, draining('wait'), draining('wait'), draining('evict'), open, draining('wait')].map(step))
  assert.deepEqual(
    taken.map(it => does(it).filter(act => act !== 'evict')),
    [
      ['open-admission'],
      ['close-admission', 'notify-drain'],
      [],
      [],
      ['open-admission'],
      ['close-admission', 'notify-drain'],
    ],
  )
})
