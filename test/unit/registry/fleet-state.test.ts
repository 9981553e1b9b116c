// The laws of the registration of one node: what counts as proof of life, and for how long.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { type Monotonic, monotonic } from '../../../operator/ambient/clock.ts'
import { afterEvent, judge, keep, type NodeEvent, type NodeRecord } from '../../../operator/registry/fleet-state.ts'
import { parseRegistration } from '../../../operator/registry/parse.ts'
import type { Registration } from '../../../operator/registry/registration.ts'
import { heardAgain, noSightYet, SILENT_MS, type Sight, sightAt } from '../../../operator/registry/sight.ts'

const staleAfterMs = 9_000
const beat = { podUID: 'pod-1', bootId: 'boot-1', seq: 1, state: 'serving', sessions: 0 }
const empty = { state: 'draining', sessions: 0, ackIntent: 50 }

test('before the first look everything is unknown, for as long as that takes', () => {
  assert.deepEqual(story().at(4_000), { state: 'unknown', because: 'not-synced', forMs: 4_000 })
})

test('a key found at the start is no proof of life until it moves', () => {
  const node = story().clear(0).found(0, beat)
  assert.deepEqual(node.at(4_000), { state: 'stale', podUID: 'pod-1', forMs: 4_000 })
  node.put(5_000, { ...beat, seq: 2 })
  assert.equal(node.at(5_000).state, 'fresh')
})

test('fresh becomes stale by time alone, counted from the last beat', () => {
  const node = story().clear(0).put(1_000, beat)
  assert.equal(node.at(10_000).state, 'fresh')
  assert.deepEqual(node.at(10_001), { state: 'stale', podUID: 'pod-1', forMs: 9_001 })
})

test('a number that does not grow, or goes back, is no beat', () => {
  const node = story()
    .clear(0)
    .put(0, { ...beat, seq: 5 })
    .put(8_000, { ...beat, seq: 5 })
    .put(8_500, { ...beat, seq: 4 })
  assert.equal(node.at(9_001).state, 'stale')
})

test('an older boot of the same pod is no beat, a new one is', () => {
  const node = story()
    .clear(0)
    .put(0, { ...beat, seq: 900 })
    .put(1_000, { ...beat, bootId: 'boot-2', seq: 1 })
  node.put(9_500, { ...beat, seq: 901 })
  const seen = node.at(9_600)
  assert.ok(seen.state === 'fresh')
  assert.equal(seen.heartbeat.bootId, 'boot-2')
  assert.equal(node.at(10_001).state, 'stale')
})

test("another pod's beat under this key shows that pod's UID, and the rightful one recovers by its next beat", () => {
  const node = story()
    .clear(0)
    .put(0, beat)
    .put(1_000, { ...beat, podUID: 'pod-2', sessions: 0 })
  const stolen = node.at(1_000)
  assert.ok(stolen.state === 'fresh' && stolen.heartbeat.podUID === 'pod-2')
  node.put(2_000, { ...beat, seq: 2 })
  const back = node.at(2_000)
  assert.ok(back.state === 'fresh' && back.heartbeat.podUID === 'pod-1')
})

test('without a lease a value proves nothing, however often it moves', () => {
  const node = story().clear(0).put(0, beat)
  for (let seq = 2; seq < 9; seq += 1) {
    node.put(seq * 100, { ...beat, seq }, null)
    assert.equal(node.at(seq * 100).state, 'stale')
  }
})

test('what cannot be trusted is rejected at once, and good again with the next beat', () => {
  const node = story()
    .clear(0)
    .put(0, beat)
    .put(1_000, { ...beat, seq: 2, sessions: -1 })
    .put(2_000, 'garbage')
  const seen = node.at(3_000)
  assert.ok(seen.state === 'rejected')
  assert.equal(seen.forMs, 2_000)
  assert.equal(node.put(4_000, { ...beat, seq: 2 }).at(4_000).state, 'fresh')
})

test('the plain form is alive with every write, and never tells sessions', () => {
  const load = { cpu: 1, mem: 2, streams: 3 }
  const node = story().clear(0).put(0, load).put(5_000, load)
  assert.deepEqual(node.at(6_000), { state: 'plain', load, revision: 2, ageMs: 1_000, leaseId: 'lease' })
  assert.equal(node.at(14_001).state, 'stale')
})

test('absent counts from when the key went, or from when we began to see', () => {
  const node = story().clear(1_000)
  assert.deepEqual(node.at(3_000), { state: 'absent', forMs: 2_000 })
  node.put(3_000, beat).gone(4_000)
  assert.deepEqual(node.at(6_000), { state: 'absent', forMs: 2_000 })
})

test('out of sight everything is unknown, and what was seen before is void afterwards', () => {
  const node = story().clear(0).put(1_000, beat)
  const lost = node.unheard(SILENT_MS + 1_001).at(SILENT_MS + 1_001)
  assert.deepEqual(lost, { state: 'unknown', because: 'disconnected', forMs: SILENT_MS + 1 })
  node.clear(8_000).found(8_000, beat)
  assert.deepEqual(node.at(8_500), { state: 'stale', podUID: 'pod-1', forMs: 500 }, 'though the last beat is 7.5 s old')
  assert.equal(node.put(9_000, { ...beat, seq: 2 }).at(9_000).state, 'fresh')
})

test('after a gap too short to go out of sight, a newer value is a beat no younger than the gap', () => {
  const node = story().clear(0).put(1_000, beat)
  node.found(4_000, { ...beat, seq: 2 }, 1_500)
  const seen = node.at(4_000)
  assert.ok(seen.state === 'fresh')
  assert.equal(seen.ageMs, 2_500)
})

test('empty samples count only beats in a row that acknowledge the intent that stands', () => {
  const node = story().clear(0)
  for (let seq = 1; seq <= 3; seq += 1) node.put(seq, { ...beat, ...empty, seq })
  assert.equal(node.emptySamples(3, 50), 3)
  assert.equal(node.emptySamples(3, 49), 3)
  assert.equal(node.emptySamples(3, 51), 0, 'they acknowledge an older intent')
  assert.equal(node.emptySamples(3, undefined), 0, 'nobody told it to drain')
  node.put(4, { ...beat, ...empty, seq: 4, ackIntent: 51 })
  assert.equal(node.emptySamples(4, 51), 1)
})

for (const [name, broken] of [
  ['somebody is there', { sessions: 1 }],
  ['a room is open', { rooms: 1 }],
  ['it serves', { state: 'serving' }],
  ['it is closed, not draining', { state: 'closed' }],
  ['it acknowledges nothing', { ackIntent: undefined }],
] as const) {
  test(`a run of empty samples ends when ${name}`, () => {
    const node = story()
      .clear(0)
      .put(1, { ...beat, ...empty, seq: 1 })
      .put(2, { ...beat, ...empty, seq: 2 })
    node.put(3, { ...beat, ...empty, seq: 3, ...broken })
    assert.equal(node.emptySamples(3, 50), 0)
  })
}

test('a run of empty samples begins anew with another boot, and after a gap in what we saw', () => {
  const node = story()
    .clear(0)
    .put(1, { ...beat, ...empty, seq: 1 })
    .put(2, { ...beat, ...empty, seq: 2 })
  node.found(3, { ...beat, ...empty, seq: 9 }, 2)
  assert.equal(node.emptySamples(3, 50), 1)
  node.put(4, { ...beat, ...empty, seq: 10 }).put(5, { ...beat, ...empty, bootId: 'boot-2', seq: 1 })
  assert.equal(node.emptySamples(5, 50), 1)
})

test('empty for as long as every beat has said closed or draining, and nobody here, under the intent that stands', () => {
  const node = story().clear(0)
  node.put(1_000, { ...beat, ...empty, state: 'closed', seq: 1 })
  assert.equal(node.emptyForMs(1_000, 50), 0)
  node.put(4_000, { ...beat, ...empty, state: 'closed', seq: 2 }).put(7_000, { ...beat, ...empty, seq: 3, rooms: 0 })
  assert.equal(node.emptyForMs(8_000, 50), 7_000)
  assert.equal(node.emptyForMs(8_000, 51), 0, 'they acknowledge an older intent')
  assert.equal(node.emptyForMs(8_000, undefined), 0, 'nobody told it to close')
  assert.equal(node.emptySamples(8_000, 50), 1, 'only one of them said draining')
  node.put(9_000, { ...beat, ...empty, seq: 4, ackIntent: 51 })
  assert.equal(node.emptyForMs(10_000, 51), 1_000, 'it acknowledged that intent only then')
  node.put(11_000, { ...beat, ...empty, seq: 5, ackIntent: 51, sessions: 1 })
  assert.equal(node.emptyForMs(11_000, 51), 0)
})

test('empty counts anew after an outage, and after beats that nobody saw', () => {
  const node = story().clear(0)
  const closed = { ...beat, ...empty, state: 'closed' }
  node.put(1_000, { ...closed, seq: 1 }).put(4_000, { ...closed, seq: 2 })
  node
    .unheard(20_000)
    .clear(20_000)
    .put(21_000, { ...closed, seq: 3 })
  assert.equal(node.emptyForMs(22_000, 50), 2_000, 'counted from when the registry was seen again')
  node.found(23_000, { ...closed, seq: 9 }, 22_500)
  assert.equal(node.emptyForMs(24_000, 50), 1_000, 'beats 4 to 8 may have told of people')
})

test('law: a node has been empty since the first of the last beats in a row that say so', () => {
  fc.assert(
    fc.property(fc.array(closingStep, { maxLength: 30 }), fc.constantFrom(50, 51), (steps, intentRevision) => {
      const node = story().clear(0)
      const told: Telling[] = []
      let now = 0
      let seenSince = 0
      let boot = 1
      for (const [seq, { afterMs, what }] of steps.entries()) {
        now += afterMs
        if (what === 'lost') {
          now += SILENT_MS + 1
          node.unheard(now).clear(now)
          seenSince = now
          continue
        }
        if (what === 'gone') {
          node.gone(now)
          told.push({ at: now, isEmpty: false, boot, ackIntent: undefined })
        } else {
          const { boots, leased, value } = what
          if (boots) boot += 1
          node.put(now, { ...beat, ...value, bootId: `boot-${boot}`, seq }, leased ? 'lease' : null)
          const { state, sessions, rooms = 0, ackIntent } = value
          const isEmpty = leased && state !== 'serving' && sessions === 0 && rooms === 0
          told.push({ at: now, isEmpty, boot, ackIntent })
        }
        const last = told.at(-1)!
        const breaksAt = told.findLastIndex(it => !it.isEmpty || it.boot !== boot || it.ackIntent !== last.ackIntent)
        const first = told[breaksAt + 1]
        const counts = first !== undefined && (last.ackIntent ?? 0) >= intentRevision
        const expected = counts ? now - Math.max(first.at, seenSince) : 0
        assert.equal(node.emptyForMs(now, intentRevision) ?? 0, expected, `at ${now}`)
      }
    }),
    { numRuns: 2_000 },
  )
})

test('law: whatever happens, only a growing number under a lease, seen in sight and in time, makes a node fresh', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), steps => {
      const node = story().clear(0)
      const oracle = {
        beats: new Map<string, number>(),
        boots: new Map<string, string[]>(),
        aliveAt: -Infinity,
        leased: false,
        readable: false,
      }
      let now = 0
      for (const { afterMs, what } of steps) {
        now += afterMs
        if (what === 'gone') {
          node.gone(now)
          oracle.aliveAt = -Infinity
        } else if (what === 'lost') {
          now += SILENT_MS + 1
          node.unheard(now).clear(now)
          oracle.aliveAt = -Infinity
        } else {
          node.put(now, what.value, what.leased ? 'lease' : null)
          oracle.leased = what.leased
          oracle.readable = what.value.sessions >= 0
          const { podUID, bootId, seq } = what.value
          const boots = oracle.boots.get(podUID) ?? []
          const writer = `${podUID} ${bootId}`
          const newest = boots.at(-1) === bootId || !boots.includes(bootId)
          if (oracle.readable && newest && seq > (oracle.beats.get(writer) ?? -1)) {
            oracle.beats.set(writer, seq)
            if (!boots.includes(bootId)) oracle.boots.set(podUID, [...boots, bootId])
            if (what.leased) oracle.aliveAt = now
          }
        }
        const seen = node.at(now)
        const alive = oracle.leased && oracle.readable && now - oracle.aliveAt <= staleAfterMs
        assert.equal(seen.state === 'fresh', alive, `at ${now}: ${JSON.stringify(seen)}`)
        if ('forMs' in seen) assert.ok(seen.forMs >= 0)
        if ('ageMs' in seen) assert.ok(seen.ageMs >= 0 && seen.ageMs <= staleAfterMs)
      }
    }),
    { numRuns: 2_000 },
  )
})

const step = fc.record({
  afterMs: fc.integer({ min: 0, max: 6_000 }),
  what: fc.oneof(
    { weight: 1, arbitrary: fc.constantFrom('gone' as const, 'lost' as const) },
    {
      weight: 8,
      arbitrary: fc.record({
        leased: fc.boolean(),
        value: fc.record({
          podUID: fc.constantFrom('pod-1', 'pod-2'),
          bootId: fc.constantFrom('boot-1', 'boot-2'),
          seq: fc.integer({ min: 0, max: 6 }),
          state: fc.constantFrom('serving', 'draining'),
          sessions: fc.constantFrom(0, 0, 3, -1),
        }),
      }),
    },
  ),
})

interface Telling {
  readonly at: number
  readonly isEmpty: boolean
  readonly boot: number
  readonly ackIntent: number | undefined
}

const closingStep = fc.record({
  afterMs: fc.integer({ min: 0, max: 6_000 }),
  what: fc.oneof(
    { weight: 1, arbitrary: fc.constantFrom('gone' as const, 'lost' as const) },
    {
      weight: 8,
      arbitrary: fc.record({
        boots: fc.constantFrom(false, false, false, false, true),
        leased: fc.constantFrom(true, true, true, true, false),
        value: fc.record<{ state: string; sessions: number; rooms: number; ackIntent: number }, 'state' | 'sessions'>(
          {
            state: fc.constantFrom('closed', 'closed', 'draining', 'serving'),
            sessions: fc.constantFrom(0, 0, 0, 0, 3, -1),
            rooms: fc.constantFrom(0, 0, 0, 1),
            ackIntent: fc.constantFrom(50, 50, 51),
          },
          { requiredKeys: ['state', 'sessions'] },
        ),
      }),
    },
  ),
})

/** One node, told as a story: each verb says when and what. */
function story() {
  let sight: Sight = noSightYet(monotonic(0))
  let record: NodeRecord | undefined
  let kept: NodeRecord | undefined
  let revision = 0
  const parse = (value: unknown) => parseRegistration(Buffer.from(JSON.stringify(value)))
  const see = (at: number, event: NodeEvent): typeof verbs => {
    sight = heardAgain(sight, monotonic(at))
    record = afterEvent(record, event, monotonic(at))
    kept = keep(kept, afterEvent(kept, event, monotonic(at)))
    assert.deepEqual(kept, record, 'what is kept in place is what would be kept anew')
    return verbs
  }
  const judged = (at: number, intentRevision?: number): Registration =>
    judge(kept, { sight: sightAt(sight, monotonic(at)), intentRevision, staleAfterMs, now: monotonic(at) })
  const verbs = {
    clear(at: number) {
      sight = heardAgain(sight, monotonic(at))
      return verbs
    },
    unheard(at: number) {
      sight = sightAt(sight, monotonic(at))
      return verbs
    },
    put(at: number, value: unknown, lease: string | null = 'lease') {
      revision += 1
      // The registry is heard all the time in between: progress is told each 2 s.
      if (sight.state === 'clear') sight = { ...sight, heardAt: monotonic(at) }
      return see(at, { type: 'put', parsed: parse(value), leaseId: lease ?? undefined, revision })
    },
    found(at: number, value: unknown, unseenSince?: number) {
      revision += 1
      const since: Monotonic | undefined = unseenSince === undefined ? undefined : monotonic(unseenSince)
      return see(at, { type: 'found', parsed: parse(value), leaseId: 'lease', revision, unseenSince: since })
    },
    gone(at: number) {
      if (sight.state === 'clear') sight = { ...sight, heardAt: monotonic(at) }
      return see(at, { type: 'gone' })
    },
    /** What is said at that time, the registry having been heard just before. */
    at(at: number) {
      if (sight.state === 'clear') sight = { ...sight, heardAt: monotonic(at) }
      return judged(at)
    },
    emptySamples(at: number, intentRevision: number | undefined) {
      const seen = judged(at, intentRevision)
      return seen.state === 'fresh' ? seen.emptySamples : undefined
    },
    emptyForMs(at: number, intentRevision: number | undefined) {
      if (sight.state === 'clear') sight = { ...sight, heardAt: monotonic(at) }
      const seen = judged(at, intentRevision)
      return seen.state === 'fresh' ? seen.emptyForMs : undefined
    },
  }
  return verbs
}
