// How a pool moves to another revision, one promise each.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { shareOf } from '../../../operator/pool/rollout.ts'
import type { PoolView } from '../../../operator/pool/view.ts'
import {
  aNode,
  aPool,
  conditionIn,
  NOW,
  nodes,
  type PoolTraits,
  planFor,
  timeAt,
  told,
  towards,
  V1,
  V2,
  V3,
} from './build.ts'

const old = (count: number, traits = {}) => nodes(count, { revision: V1, sessions: 3, ...traits }, 'old')
const young = (count: number, traits = {}) => nodes(count, { revision: V2, ...traits }, 'new')
const starting = { phase: 'Pending' } as const
const LATE = 'ProgressDeadlineExceeded'

/** A pool that has been on its way from V1 to V2 for a minute. */
const rolling = (replicas: number, { status, ...traits }: PoolTraits = {}) =>
  aPool(replicas, {
    ...traits,
    status: { currentRevision: V1, updateRevision: V2, progressAt: timeAt(NOW - 60), ...status },
  })
const planned = (pool: ReturnType<typeof aPool>, members: ReturnType<typeof old>, rest: Partial<PoolView> = {}) =>
  planFor(pool, members, { ...towards(V2), ...rest })

test('a roll-out surges first', () => {
  const first = planned(rolling(3), old(3))
  assert.deepEqual([told(first), first.because], ['create 1', 'RollingOut'])
  assert.equal(told(planned(rolling(3), [...old(3), ...young(1, starting)])), 'nothing')
})

test('a roll-out closes an old node when its replacement takes rooms, however busy all are', () => {
  assert.equal(told(planned(rolling(3), [...old(3), ...young(1)])), 'close old1')
})

test('a roll-out goes on while old nodes empty in their own time', () => {
  const emptying = aNode('old1', { sessions: 3, closed: { by: 'RollOut', deadline: NOW + 600 } })
  assert.equal(told(planned(rolling(3), [emptying, ...old(3).slice(1), ...young(1)])), 'create 1')
})

test('a roll-out takes old nodes that do not take rooms first', () => {
  const members = [...old(2, { sessions: 0 }), aNode('old3', { sessions: 50, unready: 'PodNotReady' }), ...young(1)]
  assert.equal(told(planned(rolling(3), members)), 'close old3')
  const waiting = [...members.slice(0, 3), ...young(1, starting)]
  assert.equal(told(planned(rolling(3), waiting)), 'nothing', 'it may serve again before its replacement does')
})

test('a roll-out with maxSurge 0 closes before it creates', () => {
  const pool = rolling(3, { surge: 0, unavailable: 1 })
  assert.equal(told(planned(pool, old(3))), 'close old1')
  assert.equal(told(planned(pool, old(2))), 'create 1')
  assert.equal(told(planned(pool, [...old(2), ...young(1, starting)])), 'nothing')
  assert.equal(told(planned(pool, [...old(2), ...young(1)])), 'close old1')
})

test('a roll-out never closes the only open node while it could surge', () => {
  const pool = rolling(1, { surge: 1, unavailable: 1 })
  assert.equal(told(planned(pool, old(1))), 'create 1')
  assert.equal(told(planned(pool, [...old(1), ...young(1, starting)])), 'nothing')
  assert.equal(told(planned(pool, [...old(1), ...young(1)])), 'close old1')
})

test('percentages are rounded up to at least one, and 0 stays 0', () => {
  const shares: [string | number, number, number][] = [
    ['25%', 1, 1],
    ['1%', 1, 1],
    ['25%', 8, 2],
    ['25%', 9, 3],
    ['100%', 7, 7],
    ['0%', 9, 0],
    [0, 9, 0],
    [3, 1, 3],
  ]
  for (const [value, replicas, share] of shares)
    assert.equal(shareOf(value, replicas), share, `${value} of ${replicas}`)
})

test('a paused pool replaces nothing, and makes what is missing from the current revision', () => {
  const pool = rolling(3, { strategy: { paused: true } })
  const rested = planned(pool, old(3))
  assert.deepEqual([told(rested), rested.because], ['nothing', 'Paused'])
  assert.equal(told(planned(pool, old(2))), 'create 1 of the current revision')
  assert.equal(told(planned(pool, old(3).concat(young(1)))), 'close new1')
})

test('a pool with OnDelete replaces nothing, and makes what is missing from the update revision', () => {
  const pool = rolling(3, { strategy: { type: 'OnDelete' } })
  assert.equal(told(planned(pool, old(3))), 'nothing')
  assert.equal(told(planned(pool, old(2))), 'create 1')
})

test('a partition keeps so many nodes at the revision they have, and makes them so', () => {
  const pool = rolling(4, { strategy: { partition: 3 } })
  assert.equal(told(planned(pool, old(4))), 'create 1')
  assert.equal(told(planned(pool, [...old(4), ...young(1)])), 'close old1')
  const rested = planned(pool, [...old(3), ...young(1)])
  assert.deepEqual([told(rested), rested.because], ['nothing', 'Partitioned'])
  assert.equal(rested.status.currentRevision, V1)
  assert.equal(told(planned(pool, [...old(2), ...young(1)])), 'create 1 of the current revision')
  assert.equal(told(planned(pool, old(3))), 'create 1')
})

test('going back to the current revision takes the canary too, in spite of the partition', () => {
  const pool = rolling(4, { strategy: { partition: 3 } })
  const back = planFor(pool, [...old(3), ...young(1)], towards(V1))
  assert.equal(told(back), 'create 1')
})

test('protected nodes are held back, and nothing is made in vain for them', () => {
  const members = [...old(2, { isProtected: true }), ...young(1)]
  const rested = planned(rolling(3), members)
  assert.deepEqual([told(rested), rested.because], ['nothing', 'HeldBack'])
  assert.match(conditionIn(rested, 'Progressing').message, /2 nodes of older revisions protected; 3 of 3 open; 1 of 3/)
})

test('an undo in the middle reopens what the roll-out closed', () => {
  const closed = nodes(2, { sessions: 1, closed: { by: 'RollOut', deadline: NOW + 600 } }, 'closed')
  const members = [...old(3), ...closed, ...young(2), ...nodes(1, { revision: V2, ...starting }, 'late')]
  const pool = rolling(5)
  assert.equal(told(planFor(pool, members, towards(V1))), 'delete late1')
  assert.equal(told(planFor(pool, members.slice(0, -1), towards(V1))), 'reopen closed2')
})

test('a scale-out in the middle of a roll-out does not reopen what would be closed again at once', () => {
  const closed = aNode('closed', { sessions: 1, closed: { by: 'RollOut', deadline: NOW + 600 } })
  assert.equal(told(planned(rolling(3), [...old(1), ...young(1), closed])), 'create 1')
  const paused = rolling(3, { strategy: { paused: true } })
  assert.equal(told(planned(paused, [...old(1), ...young(1), closed])), 'reopen closed')
})

test('a revision whose nodes never start stops at the deadline, with the old ones untouched', () => {
  const late = rolling(3, { status: { progressAt: timeAt(NOW - 600) } })
  for (const members of [
    [...old(3), ...young(1, starting)],
    [...old(2), ...young(1, starting)],
  ]) {
    const stopped = planned(late, members)
    assert.deepEqual([told(stopped), stopped.because], ['nothing', 'ProgressDeadlineExceeded'])
    assert.equal(conditionIn(stopped, 'Progressing').status, 'False')
    assert.equal(conditionIn(stopped, 'Stalled').status, 'True')
    assert.equal(conditionIn(stopped, 'Reconciling').status, 'False')
  }
  const early = planned(rolling(3, { status: { progressAt: timeAt(NOW - 599) } }), [...old(3), ...young(1, starting)])
  assert.deepEqual([early.because, early.lookAgainMs], ['RollingOut', 1_000])
  const failedStarts = { revision: V2, count: 2, lastAt: timeAt(NOW - 400) }
  const given = rolling(3, { status: { progressAt: timeAt(NOW - 600), failedStarts } })
  assert.deepEqual(told(planned(given, old(3))), 'nothing')
  assert.deepEqual(told(planned(given, old(2))), 'create 1 of the current revision')
})

test('a node made after a long standstill has time to start: it is neither late nor deleted to make another', () => {
  const progressAt = timeAt(NOW - 3_600)
  const justMade = young(1, { ...starting, madeAt: NOW - 1 })
  const resumed = planned(rolling(3, { status: { progressAt } }), [...old(3), ...justMade])
  assert.deepEqual([resumed.because, resumed.lookAgainMs], ['RollingOut', 599_000])
  const lowered = planned(rolling(1, { surge: 3, unavailable: 2, status: { progressAt } }), [...old(2), ...justMade])
  assert.deepEqual([told(lowered), lowered.because], ['close old1', 'RollingOut'])
  assert.equal(planned(rolling(3, { status: { progressAt } }), [...old(3), ...young(1, starting)]).because, LATE)
})

test('a roll-out whose nodes were lost soon is tried again, also when nobody planned for long', () => {
  const failedStarts = { revision: V2, count: 2, lastAt: timeAt(NOW - 700), soonLost: true }
  const again = planned(rolling(3, { status: { progressAt: timeAt(NOW - 700), failedStarts } }), old(3))
  assert.deepEqual([told(again), again.because], ['create 1', 'StartsFail'])
})

test('a roll-out of a pool that is lowered gets to its size first', () => {
  assert.equal(told(planned(rolling(2, { surge: 3 }), old(4))), 'close old1 old2')
  assert.equal(told(planned(rolling(2, { surge: 3 }), old(2))), 'create 1')
})

test('a roll-out that stopped goes on when a node does start after all, or when somebody edits the pool', () => {
  const status = { progressAt: timeAt(NOW - 600) }
  const members = [
    ...old(3),
    aNode('new1', { revision: V2, readySince: NOW - 5 }),
    aNode('new2', { revision: V2, ...starting }),
  ]
  assert.equal(planned(rolling(4, { status }), members).because, 'RollingOut')
  const edited = rolling(3, { status: { ...status, observedGeneration: 1 }, generation: 2 })
  assert.equal(planned(edited, [...old(3), ...young(1, starting)]).because, 'RollingOut')
})

test('a node that dies after a long rest does not find the deadline passed', () => {
  const rest = planFor(aPool(3, { status: { progressAt: timeAt(0) } }), nodes(3))
  assert.equal(rest.because, 'Complete')
  const pool = { ...aPool(3), status: rest.status }
  const replaced = planFor(pool, [...nodes(2), aNode('new', starting)])
  assert.deepEqual([replaced.because, replaced.status.progressAt], ['ScalingOut', timeAt(NOW)])
})

test('a pinned revision that nobody knows stops the roll-out, and what is missing is made as before', () => {
  const target = { state: 'revision-not-found', number: 9 } as const
  const pool = aPool(3, { strategy: { pinnedRevision: 9 } })
  const stuck = planFor(pool, nodes(3), { target })
  assert.deepEqual([told(stuck), stuck.because], ['nothing', 'RevisionNotFound'])
  assert.match(conditionIn(stuck, 'Stalled').message, /names 9/)
  assert.equal(stuck.status.updateRevision, V1)
  assert.equal(told(planFor(rolling(3), old(2), { target })), 'create 1 of the current revision')
})

test('a class that goes in the middle of a roll-out stops it, and no node is made from what is gone', () => {
  const gone = { target: { state: 'known', revision: V2, classFound: false } } as const
  const members = [...old(2), ...young(1)]
  const stuck = planFor(rolling(4), members, { ...gone, current: { revision: V1, classFound: false } })
  assert.deepEqual([told(stuck), stuck.because], ['nothing', 'ClassNotFound'])
  const ofAnotherClass = planFor(rolling(4), members, { ...gone, current: { revision: V1, classFound: true } })
  assert.equal(told(ofAnotherClass), 'create 1 of the current revision')
  // It is back with other content: the nodes of before are of an older revision, those that it closed as well.
  assert.equal(told(planFor(rolling(3), [...old(2), ...young(1)], towards('t2-c9'))), 'create 1')
})

test('a class edit that breaks nodes of the current revision costs one pod, too', () => {
  const pool = rolling(100, { strategy: { paused: true } })
  const edited = { current: { revision: 't1-c9', classFound: true } }
  assert.equal(told(planned(pool, old(50), edited)), 'create 1 of the current revision')
  const refused = aNode('refused', { revision: 't1-c9', phase: 'Pending', unready: 'PodRefused', hasPod: false })
  assert.equal(told(planned(pool, [...old(50), refused], edited)), 'nothing')
})

test('bounds that do not fit each other do no harm', () => {
  const wide = rolling(2, { surge: '100%', strategy: { partition: 50 } })
  assert.equal(planned(wide, old(2)).because, 'Partitioned')
  assert.equal(told(planned(wide, old(1))), 'create 1 of the current revision')
  assert.equal(told(planned(rolling(4, { surge: '100%' }), [...old(4), ...young(2)])), 'create 2')
  const lowered = rolling(2, { surge: '100%' })
  assert.equal(told(planned(lowered, [...old(4), ...young(4)])), 'close old1 old2 old3 old4')
  assert.equal(told(planned(lowered, young(4))), 'close new1 new2')
  assert.equal(told(planned(rolling(0, { surge: '100%' }), [...old(2), ...young(1)])), 'close new1 old1 old2')
})

test('what the pod was made from counts, and a class that says OnDelete replaces nothing', () => {
  const members = nodes(3, { revision: 't2-c1', classHash: 'c2' })
  assert.equal(planned(rolling(3), members).status.updatedReplicas, 0)
  assert.equal(planned(rolling(3), members, towards('t2-c2')).status.updatedReplicas, 3)
  assert.equal(planned(rolling(3), members, { classRollout: 'OnDelete' }).status.updatedReplicas, 3)
})

test('a class that breaks its pods costs one node', () => {
  const members = nodes(100, { revision: 't1-c1', sessions: 3 })
  assert.equal(told(planFor(rolling(100, { surge: 25 }), members, towards('t1-c2'))), 'create 1')
})

test('the current revision advances when no node of another counts', () => {
  const before = planned(rolling(2), [...old(1), ...young(1)]).status
  assert.deepEqual([before.currentRevision, before.updateRevision], [V1, V2])
  const after = planned(rolling(2), [...young(2), aNode('old1', { closed: { by: 'RollOut', deadline: NOW } })]).status
  assert.deepEqual([after.currentRevision, after.updateRevision], [V2, V2])
})

test('nodes of three revisions all move to the last, and what never took rooms does not hold it up', () => {
  const first = nodes(2, { revision: V1, sessions: 1 }, 'first')
  const second = aNode('second', { revision: V2, ...starting })
  const pool = rolling(2)
  assert.equal(told(planFor(pool, [...first, second], towards(V3))), 'delete second')
  assert.equal(told(planFor(pool, first, towards(V3))), 'create 1')
  assert.equal(told(planFor(pool, [...first, aNode('third', { revision: V3 })], towards(V3))), 'close first1')
})

test('a roll-out starts nothing while the registry is frozen', () => {
  const frozen = { registry: { inSight: true, frozen: true } }
  assert.equal(told(planned(rolling(3), old(3), frozen)), 'nothing')
  assert.equal(told(planned(rolling(3), [...old(3), ...young(1)], frozen)), 'nothing')
})
