// How a pool grows and shrinks, one promise each.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  absent,
  aNode,
  aPool,
  at,
  conditionIn,
  NOW,
  namesIn,
  nodes,
  plain,
  planFor,
  stale,
  timeAt,
  told,
  unknown,
  V2,
} from './build.ts'

const byScaleIn = { by: 'ScaleIn', deadline: NOW + 600 } as const

test('a new pool tries its template with one node', () => {
  assert.equal(told(planFor(aPool(1_000), [])), 'create 1')
})

test('a pool makes nodes faster as the API server accepts their pods', () => {
  const made = (count: number) => nodes(count, { phase: 'Pending' })
  assert.equal(told(planFor(aPool(1_000), made(1))), 'create 2')
  assert.equal(told(planFor(aPool(1_000), made(100))), 'create 200')
  assert.equal(told(planFor(aPool(1_000), made(400))), 'create 500')
  assert.equal(told(planFor(aPool(3), made(2))), 'create 1')
})

test('a pool whose pods are refused makes no more nodes', () => {
  const refused = aNode('n1', { phase: 'Pending', unready: 'PodRefused', hasPod: false })
  assert.equal(told(planFor(aPool(1_000), [refused])), 'nothing')
})

test('a pool whose nodes die replaces them at once', () => {
  const dead = nodes(10, { deletedAt: NOW - 1, drain: 'HealthTimeout' }, 'dead')
  assert.equal(told(planFor(aPool(20), [...nodes(10), ...dead])), 'create 10')
})

test('a pool that is raised while nodes empty reopens those before it creates any', () => {
  const closed = nodes(2, { closed: byScaleIn }, 'closed')
  assert.equal(told(planFor(aPool(4), [...nodes(3), ...closed])), 'reopen closed2')
  assert.equal(told(planFor(aPool(5), [...nodes(3), ...closed])), 'reopen closed1 closed2')
  assert.equal(told(planFor(aPool(6), [...nodes(5), aNode('gone', { deletedAt: NOW })])), 'create 1')
})

test('a pool reopens the node that most people are on, and none whose host is about to go', () => {
  const closed = [
    aNode('few', { closed: byScaleIn, sessions: 1 }),
    aNode('many', { closed: byScaleIn, sessions: 9 }),
    aNode('going', { closed: byScaleIn, sessions: 99, disruption: 'Planned' }),
  ]
  assert.equal(told(planFor(aPool(1), closed)), 'reopen many')
  assert.equal(told(planFor(aPool(1), closed.slice(2))), 'create 1')
})

test('a pool reopens a silent node only when no other is left', () => {
  const closed = [
    aNode('silent', { closed: byScaleIn, registration: stale, unready: 'TelemetryLost' }),
    aNode('idle', { closed: byScaleIn }),
    aNode('pending', { closed: byScaleIn, phase: 'Pending' }),
  ]
  assert.deepEqual(namesIn(planFor(aPool(1), closed).batch), ['idle'])
  assert.deepEqual(namesIn(planFor(aPool(3), closed).batch), ['idle', 'pending', 'silent'])
})

test('a pool leaves a node that a person closed alone, and makes another', () => {
  const cordoned = aNode('n1', { cordoned: true, emptyFor: 9_999 })
  assert.equal(told(planFor(aPool(1), [cordoned])), 'create 1')
  assert.equal(told(planFor(aPool(1), [cordoned, aNode('n2')])), 'nothing')
  assert.equal(told(planFor(aPool(0), [cordoned])), 'nothing')
})

test('a pool that is lowered closes the nodes with the fewest people, with the time they were promised', () => {
  const members = [5, 1, 3, 0].map((sessions, i) => aNode(`n${i}`, { sessions }))
  const { batch } = planFor(aPool(2), members)
  assert.deepEqual(namesIn(batch), ['n3', 'n1'])
  assert.ok(batch?.do === 'close')
  for (const node of batch.nodes) {
    assert.equal(node.reason, 'ScaleIn')
    assert.equal(node.deadline, timeAt(NOW + 600))
    assert.equal(node.uid, `uid-${node.name}`)
    assert.equal(node.resourceVersion, '1')
  }
})

test('a pool that says how long people may stay goes before node and class', () => {
  const { batch } = planFor(aPool(0, { spec: { scaleIn: { deadlineSeconds: 60, emptySeconds: 30 } } }), nodes(1))
  assert.ok(batch?.do === 'close')
  assert.equal(batch.nodes[0]?.deadline, timeAt(NOW + 60))
})

test('a pool that is lowered deletes a node at once that never served', () => {
  const pending = aNode('n3', { phase: 'Pending' })
  assert.equal(told(planFor(aPool(2), [...nodes(2, { sessions: 9 }), pending])), 'delete n3')
})

test('a pool that is lowered while nodes start closes no open one below replicas, whatever people prefer', () => {
  const members = [aNode('open', { priority: 5 }), aNode('starting', { phase: 'Pending' })]
  assert.equal(told(planFor(aPool(1), members)), 'delete starting')
})

test('a pool of 0 replicas closes all', () => {
  assert.equal(told(planFor(aPool(0), nodes(3, { sessions: 2 }))), 'close n1 n2 n3')
})

test('a pool deletes a closed node when nobody has been there for emptySeconds', () => {
  const closed = (traits: object) => [aNode('n1'), aNode('closed', { closed: byScaleIn, ...traits })]
  assert.equal(told(planFor(aPool(1), closed({ emptyFor: 30 }))), 'delete closed')
  const early = planFor(aPool(1), closed({ emptyFor: 29 }))
  assert.equal(told(early), 'nothing')
  assert.equal(early.lookAgainMs, 1_000)
  assert.equal(told(planFor(aPool(1), closed({ sessions: 1, emptyFor: 99 }))), 'nothing')
})

test('a pool with emptySeconds 0 waits for the first reading all the same', () => {
  const pool = aPool(0, { spec: { scaleIn: { emptySeconds: 0 } } })
  assert.equal(told(planFor(pool, [aNode('n1', { closed: byScaleIn, emptyFor: 0 })])), 'nothing')
  assert.equal(told(planFor(pool, [aNode('n1', { closed: byScaleIn, emptyFor: 0.1 })])), 'delete n1')
})

test('a pool deletes a busy node at its deadline, and not before', () => {
  const closedUntil = (deadline: number) => [aNode('n1', { closed: { by: 'ScaleIn', deadline }, sessions: 3 })]
  assert.equal(told(planFor(aPool(0), closedUntil(NOW))), 'delete n1')
  const early = planFor(aPool(0), closedUntil(NOW + 1))
  assert.equal(told(early), 'nothing')
  assert.equal(early.lookAgainMs, 1_000)
})

test('a pool keeps what is protected, closed or not, and says so', () => {
  const members = [aNode('n1', { isProtected: true }), aNode('n2', { isProtected: true }), aNode('n3')]
  assert.equal(told(planFor(aPool(1), members)), 'close n3')
  const stuck = planFor(aPool(1), members.slice(0, 2))
  assert.equal(told(stuck), 'nothing')
  assert.equal(conditionIn(stuck, 'ScalingInhibited').reason, 'Protected')
  assert.deepEqual(stuck.held.map(({ name }) => name).sort(), ['n1', 'n2'])
  const closed = aNode('n1', { isProtected: true, closed: { by: 'ScaleIn', deadline: NOW - 1 }, emptyFor: 999 })
  assert.equal(told(planFor(aPool(0), [closed])), 'nothing')
})

for (const [what, registration] of [
  ['stale', stale],
  ['absent', absent],
  ['unknown', unknown],
  ['of the plain form', plain],
] as const) {
  test(`a pool takes away no running node whose registration is ${what}`, () => {
    const planned = planFor(aPool(1), [aNode('n1'), aNode('n2', { registration, priority: 9 })])
    assert.equal(told(planned), 'close n1')
    const stuck = planFor(aPool(0), [aNode('n2', { registration })])
    assert.equal(told(stuck), 'nothing')
    assert.equal(conditionIn(stuck, 'ScalingInhibited').reason, 'LoadUnknown')
    assert.deepEqual(
      stuck.held.map(({ name }) => name),
      ['n2'],
    )
    assert.equal(told(planFor(aPool(0), [aNode('n2', { registration, closed: byScaleIn, emptyFor: 999 })])), 'nothing')
  })
}

test('a pool believes no heartbeat of another life of the node', () => {
  const other = aNode('other', { sessions: 0, emptyFor: 999 }).registration
  assert.equal(told(planFor(aPool(0), [aNode('n1', { registration: other })])), 'nothing')
  assert.equal(told(planFor(aPool(0), [aNode('n1', { closed: byScaleIn, registration: other })])), 'nothing')
})

for (const [what, registry] of [
  ['out of sight', { inSight: false, frozen: false }],
  ['frozen', { inSight: true, frozen: true }],
] as const) {
  test(`a pool takes nothing away and makes nothing more while the registry is ${what}`, () => {
    const closed = aNode('closed', { closed: { by: 'ScaleIn', deadline: NOW - 1 }, emptyFor: 999 })
    for (const members of [nodes(3), [aNode('n1'), closed], [aNode('n1'), aNode('n2', { phase: 'Pending' })]]) {
      const planned = planFor(aPool(1), members, { registry })
      assert.equal(told(planned), 'nothing')
      assert.equal(conditionIn(planned, 'ScalingInhibited').reason, 'RegistryFrozen')
      assert.equal(conditionIn(planned, 'ScalingInhibited').status, 'True')
    }
    const silent = nodes(3, { unready: 'TelemetryLost', registration: unknown })
    assert.equal(told(planFor(aPool(3), silent, { registry })), 'nothing')
  })
}

test('a pool that is deleted, or stands back for an older one, only tells how it is', () => {
  const members = [...nodes(3), aNode('closed', { closed: byScaleIn, emptyFor: 99 })]
  for (const replicas of [0, 1, 9]) {
    const deleted = planFor(aPool(replicas, { deleted: true }), members)
    assert.deepEqual([told(deleted), deleted.because], ['nothing', 'Deleting'])
    const second = planFor(aPool(replicas), members, { overlapsWith: 'older' })
    assert.deepEqual([told(second), second.because], ['nothing', 'SelectorOverlap'])
    assert.equal(second.status.replicas, 3)
  }
})

test('a pool that was refused a node asks again when it is time', () => {
  const refused = (retryInMs: number) => ({ createRefused: { message: 'exceeded quota', retryInMs } })
  const waiting = planFor(aPool(3), nodes(1), refused(4_000))
  assert.deepEqual([told(waiting), waiting.because, waiting.lookAgainMs], ['nothing', 'CreateRefused', 4_000])
  assert.match(conditionIn(waiting, 'Progressing').message, /exceeded quota/)
  assert.equal(told(planFor(aPool(3), nodes(1), refused(0))), 'create 2')
})

test('a pool whose class is gone makes nothing, and needs somebody', () => {
  const planned = planFor(aPool(3), nodes(2), { target: { state: 'known', revision: 't1-c1', classFound: false } })
  assert.deepEqual([told(planned), planned.because], ['nothing', 'ClassNotFound'])
  assert.equal(conditionIn(planned, 'Stalled').status, 'True')
})

const failedAt = (deletedAt: number, name = 'failed') =>
  aNode(name, { revision: V2, deletedAt, drain: 'StartupTimeout', registration: absent })
const toV2 = { target: { state: 'known', revision: V2, classFound: true } } as const

test('a pool whose nodes do not start tries one after the other, later and later', () => {
  const pool = aPool(3, { status: { updateRevision: V2, currentRevision: V2 } })
  const first = planFor(pool, [failedAt(NOW)], toV2)
  assert.deepEqual([told(first), first.because, first.lookAgainMs], ['nothing', 'StartsFail', 10_000])
  assert.deepEqual(first.status.failedStarts, { revision: V2, count: 1, lastAt: timeAt(NOW) })

  const later = { ...pool, status: first.status }
  assert.equal(told(planFor(later, [failedAt(NOW)], { ...toV2, now: at(NOW + 9) })), 'nothing')
  assert.equal(told(planFor(later, [failedAt(NOW)], { ...toV2, now: at(NOW + 10) })), 'create 1')
  const trying = aNode('second', { revision: V2, phase: 'Pending' })
  assert.equal(told(planFor(later, [trying], { ...toV2, now: at(NOW + 99) })), 'nothing')

  const again = planFor(later, [failedAt(NOW + 300)], { ...toV2, now: at(NOW + 300) })
  assert.deepEqual([again.status.failedStarts?.count, again.lookAgainMs], [2, 20_000])
})

test('a pool counts each node that did not start once, however often it is seen', () => {
  const pool = aPool(3, { status: { updateRevision: V2, currentRevision: V2 } })
  const once = planFor(pool, [failedAt(NOW, 'a'), failedAt(NOW, 'b')], toV2).status
  assert.equal(once.failedStarts?.count, 2)
  assert.deepEqual(planFor({ ...pool, status: once }, [failedAt(NOW, 'a'), failedAt(NOW, 'b')], toV2).status, once)
})

test('a pool forgets that nodes did not start when one does, or another revision is wanted', () => {
  const failedStarts = { revision: V2, count: 4, lastAt: timeAt(NOW - 60) }
  const pool = aPool(3, { status: { updateRevision: V2, currentRevision: V2, failedStarts } })
  const started = aNode('n1', { revision: V2, readySince: NOW - 10 })
  const planned = planFor(pool, [started, failedAt(NOW - 60)], toV2)
  assert.equal(planned.status.failedStarts, undefined)
  assert.equal(told(planned), 'create 2')
  assert.equal(planFor(pool, []).status.failedStarts, undefined)
  assert.equal(told(planFor(pool, [])), 'create 1')
  const startedBefore = aNode('n1', { revision: V2, readySince: NOW - 99 })
  assert.deepEqual(planFor(pool, [startedBefore], toV2).status.failedStarts, failedStarts)
})

const lost = (name: string, madeAt: number, deletedAt: number) =>
  aNode(name, { revision: V2, madeAt, deletedAt, drain: 'HealthTimeout', registration: absent })

test('a pool whose young nodes are lost at once replaces all; when those are lost as well, it goes slow', () => {
  const pool = aPool(3, { status: { updateRevision: V2, currentRevision: V2 } })
  const host = [lost('a', NOW - 60, NOW), lost('b', NOW - 60, NOW), aNode('c', { revision: V2, madeAt: NOW - 60 })]
  const first = planFor(pool, host, toV2)
  assert.deepEqual(first.status.failedStarts, { revision: V2, count: 1, lastAt: timeAt(NOW), soonLost: true })
  assert.equal(told(first), 'create 2')
  const after = { ...pool, status: first.status }
  assert.deepEqual(planFor(after, host, toV2).status, first.status, 'counted once')

  // Times have no fractions: what is made at once in place of the lost has the time of the loss.
  const again = [lost('d', NOW, NOW + 90), lost('e', NOW, NOW + 90)]
  const second = planFor(after, again, { ...toV2, now: at(NOW + 90) })
  assert.deepEqual([told(second), second.because, second.lookAgainMs], ['nothing', 'StartsFail', 20_000])
  assert.equal(second.status.failedStarts?.count, 2)
  assert.match(conditionIn(second, 'Degraded').message, /2 times nodes were lost soon after they were made/)
  const slow = { ...pool, status: second.status }
  assert.equal(told(planFor(slow, [], { ...toV2, now: at(NOW + 110) })), 'create 1')
  const young = aNode('f', { revision: V2, madeAt: NOW + 110, readySince: NOW + 130 })
  const waiting = planFor(slow, [young], { ...toV2, now: at(NOW + 700) })
  assert.deepEqual([told(waiting), waiting.status.failedStarts?.count], ['create 1', 2])
  const proved = planFor(slow, [young], { ...toV2, now: at(NOW + 710) })
  assert.deepEqual([told(proved), proved.status.failedStarts], ['create 2', undefined])
})

test('a node that is lost is no sign against a revision of which one has lasted ten minutes, nor one that lasted itself', () => {
  const pool = aPool(3, { status: { updateRevision: V2, currentRevision: V2 } })
  const members = [aNode('n1', { revision: V2, madeAt: NOW - 600 }), lost('n2', NOW - 60, NOW)]
  assert.equal(planFor(pool, members, toV2).status.failedStarts, undefined)
  assert.equal(planFor(pool, [lost('n2', NOW - 600, NOW)], toV2).status.failedStarts, undefined)
})

test('a pool with minReadySeconds counts a node as open when it has been ready for so long', () => {
  const pool = aPool(1, { spec: { minReadySeconds: 30 } })
  const early = planFor(pool, [aNode('n1', { readySince: NOW - 20 })])
  assert.deepEqual([early.status.openReplicas, early.lookAgainMs], [0, 10_000])
  assert.equal(planFor(pool, [aNode('n1', { readySince: NOW - 30 })]).status.openReplicas, 1)
})
