// Nodes on hosts that are about to go: replaced first, then closed; opened again when the host stays after all.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { shareOf } from '../../../operator/pool/rollout.ts'
import type { Plan } from '../../../operator/pool/view.ts'
import { aDisruption, aNode, aPool, conditionIn, NOW, nodes, planFor, timeAt, told, towards, V1, V2 } from './build.ts'
import { isToGo, type World, world } from './world.ts'

const planned = { disruption: 'Planned' } as const
const starting = { phase: 'Pending', registration: { state: 'absent', forMs: 1 }, madeAt: NOW - 5 } as const
const closedForHost = { by: 'HostGoing', deadline: NOW + 600 } as const

test('a node on a host that goes is replaced first, and closed when the replacement takes rooms', () => {
  const going = aNode('n3', { ...planned, sessions: 4 })
  const members = [...nodes(2), going]
  const begun = planFor(aPool(3), members)
  assert.deepEqual([told(begun), begun.because, begun.status.disruptedReplicas], ['create 1', 'HostsGoing', 1])
  assert.equal(conditionIn(begun, 'Reconciling').status, 'True')
  assert.equal(told(planFor(aPool(3), [...members, aNode('new', starting)])), 'nothing')
  const { batch } = planFor(aPool(3), [...members, aNode('new', { revision: V1 })])
  assert.ok(batch?.do === 'close')
  assert.deepEqual(
    batch.nodes.map(({ name, reason, because, deadline }) => [name, reason, because, deadline]),
    [['n3', 'HostGoing', 'its host is about to go; 4 participants are there', timeAt(NOW + 600)]],
  )
})

test('people may stay until the host’s deadline less the time to move them, if that is sooner than what they were promised', () => {
  const deadlineOn = (deadline: number | undefined) => {
    const going = aNode('n2', { disruption: aDisruption('Planned', deadline), sessions: 1 })
    const { batch } = planFor(aPool(1), [aNode('n1'), going])
    assert.ok(batch?.do === 'close')
    return batch.nodes[0]?.deadline
  }
  assert.equal(deadlineOn(NOW + 200), timeAt(NOW + 170))
  assert.equal(deadlineOn(NOW + 9_000), timeAt(NOW + 600))
  assert.equal(deadlineOn(NOW - 50), timeAt(NOW), 'never before now')
  assert.equal(deadlineOn(undefined), timeAt(NOW + 600))
})

test('many are replaced as many at a time as a roll-out may make; those whose host goes now first', () => {
  const all = nodes(10, { ...planned, sessions: 1 })
  const pool = aPool(10, { surge: 3 })
  assert.equal(told(planFor(pool, all)), 'create 3')
  assert.equal(told(planFor(pool, [...all, ...nodes(2, starting, 'new')])), 'create 1')
  assert.equal(told(planFor(pool, [...all, ...nodes(3, starting, 'new')])), 'nothing')
  const hurried = [...all.slice(0, 9), aNode('zz', { disruption: 'Imminent', sessions: 99 })]
  assert.equal(told(planFor(pool, [...hurried, ...nodes(1, {}, 'new'), ...nodes(2, starting, 'neu')])), 'close zz')
  const thenNext = [...all.slice(0, 9), ...nodes(1, {}, 'new'), ...nodes(2, starting, 'neu')]
  assert.equal(told(planFor(pool, thenNext)), 'create 1')
  assert.equal(told(planFor(aPool(10, { surge: 0, unavailable: 1 }), all)), 'create 1', 'at least one')
})

test('what is closed and stands elsewhere is reopened before a node is made', () => {
  const closed = aNode('back', { closed: { by: 'ScaleIn', deadline: NOW + 60 } })
  assert.equal(told(planFor(aPool(2), [aNode('n1'), aNode('n2', planned), closed])), 'reopen back')
  const alsoGoing = aNode('back', { closed: { by: 'ScaleIn', deadline: NOW + 60 }, ...planned })
  assert.equal(told(planFor(aPool(2), [aNode('n1'), aNode('n2', planned), alsoGoing])), 'create 1')
})

test('a host that stays after all gets its nodes back, and what was made in their place leaves', () => {
  const busy = aNode('n1', { closed: closedForHost, sessions: 7 })
  assert.equal(told(planFor(aPool(1), [busy, aNode('new')])), 'reopen n1')
  assert.equal(told(planFor(aPool(1), [aNode('n1', { sessions: 7 }), aNode('new')])), 'close new')
  assert.equal(told(planFor(aPool(1), [aNode('n1', { sessions: 7 }), aNode('new', starting)])), 'delete new')
  const stillGoing = aNode('n1', { closed: closedForHost, sessions: 7, ...planned })
  assert.equal(told(planFor(aPool(1), [stillGoing, aNode('new')])), 'nothing')
})

test('an Advisory closes nothing; its nodes are the first to go when some have to', () => {
  const advised = aNode('n2', { disruption: 'Advisory', sessions: 50 })
  const rest = planFor(aPool(2), [aNode('n1'), advised])
  assert.deepEqual([told(rest), rest.because, rest.status.openReplicas], ['nothing', 'Complete', 2])
  assert.equal(rest.status.disruptedReplicas, undefined)
  assert.equal(told(planFor(aPool(1), [aNode('n1'), advised])), 'close n2')
})

test('protected nodes and those of which no load is known are replaced, and not closed', () => {
  const shielded = aNode('n2', { ...planned, isProtected: true })
  assert.equal(told(planFor(aPool(2), [aNode('n1'), shielded])), 'create 1')
  const replaced = planFor(aPool(2), [aNode('n1'), shielded, aNode('new')])
  assert.deepEqual([told(replaced), replaced.status.replicas], ['nothing', 2])
  assert.equal(conditionIn(replaced, 'Reconciling').status, 'False')
  const silent = aNode('n2', { ...planned, unready: 'TelemetryLost', registration: { state: 'stale', forMs: 9e4 } })
  const held = planFor(aPool(2), [aNode('n1'), silent, aNode('new')])
  assert.deepEqual([told(held), held.held.map(({ name }) => name)], ['nothing', ['n2']])
})

test('nothing is closed while the registry is not trusted, but replacements are made', () => {
  const frozen = { registry: { inSight: true, frozen: true } }
  assert.equal(told(planFor(aPool(2), [aNode('n1'), aNode('n2', planned)], frozen)), 'create 1')
  const kept = planFor(aPool(2), [aNode('n1'), aNode('n2', planned), aNode('new')], frozen)
  assert.equal(told(kept), 'nothing')
  assert.equal(conditionIn(kept, 'ScalingInhibited').reason, 'RegistryFrozen')
})

/** A node whose host was known to go before its pod came there. */
const inVain = (madeAgo: number, serves: boolean) => {
  const madeAt = NOW - madeAgo
  const late = { ...planned, madeAt, cameLate: true }
  return aNode('new', serves ? { ...late, admits: false, readySince: madeAt + 3 } : { ...late, ...starting, madeAt })
}

test('what comes to a host that goes as well replaces nobody, and is tried elsewhere after five minutes, not in a circle', () => {
  const busy = nodes(2, { ...planned, sessions: 3 })
  for (const serves of [false, true]) {
    const waits = planFor(aPool(2), [...busy, inVain(20, serves)])
    assert.deepEqual([told(waits), waits.lookAgainMs], ['nothing', 280_000])
    assert.equal(conditionIn(waits, 'Reconciling').status, 'True')
    assert.equal(told(planFor(aPool(2), [...busy, inVain(20, serves), aNode('neu')])), 'close n1')
    assert.equal(told(planFor(aPool(2), [...busy, inVain(301, serves)])), serves ? 'close new' : 'delete new')
  }
  assert.equal(told(planFor(aPool(2), busy)), 'create 1')
})

test('a pod whose host is known before its node tells of it is no reason to make another', () => {
  const justBound = aNode('new', { ...planned, ...starting })
  assert.equal(told(planFor(aPool(2), [...nodes(2, planned), justBound])), 'nothing')
})

test('one whose host announces its end after it came is replaced at once, however young it is', () => {
  const young = { ...planned, madeAt: NOW - 20, cameLate: false, sessions: 1 }
  assert.equal(told(planFor(aPool(1), [aNode('n1', young)])), 'create 1')
  assert.equal(told(planFor(aPool(1), [aNode('n1', young), aNode('new')])), 'close n1')
})

test('a roll-out makes no more than its surge where its nodes come to hosts that go', () => {
  const pool = aPool(2, { status: { currentRevision: V1, updateRevision: V2 } })
  const old = nodes(2, { revision: V1, sessions: 1 })
  const late = { ...planned, revision: V2, madeAt: NOW - 9, cameLate: true }
  assert.equal(told(planFor(pool, old, towards(V2))), 'create 1')
  assert.equal(told(planFor(pool, [...old, aNode('new', late)], towards(V2))), 'nothing')
})

test('a roll-out goes on beside it', () => {
  const pool = aPool(2, { status: { currentRevision: V1, updateRevision: V2 } })
  const old = [aNode('n1', { revision: V1 }), aNode('n2', { revision: V1, ...planned })]
  assert.equal(told(planFor(pool, old, towards(V2))), 'create 1')
  const replaced = planFor(pool, [...old, aNode('new', { revision: V2 })], towards(V2))
  assert.equal(told(replaced), 'close n2')
})

test('a roll-out whose new nodes came to hosts that go is not complete', () => {
  const pool = aPool(1, { status: { currentRevision: V1, updateRevision: V2 } })
  const late = aNode('new', { ...planned, ...starting, revision: V2 })
  assert.equal(planFor(pool, [late], towards(V2)).status.currentRevision, V1)
  assert.equal(planFor(pool, [aNode('new', { revision: V2 })], towards(V2)).status.currentRevision, V2)
})

test('a revision is not blamed for nodes that their host took along', () => {
  const gone = { deletedAt: NOW, madeAt: NOW - 100, drain: 'PodLost' } as const
  assert.equal(planFor(aPool(1), [aNode('n1', gone)]).status.failedStarts?.count, 1)
  assert.equal(planFor(aPool(1), [aNode('n1', { ...gone, disrupted: true })]).status.failedStarts, undefined)
})

// --- whatever hosts announce, and take back ---------------------------------------------------------------------------

const numRuns = Number(process.env['RTCNODE_RUNS'] ?? 1_500)
const kinds = fc.constantFrom(undefined, undefined, 'Advisory' as const, 'Planned' as const, 'Imminent' as const)
const history = fc.record({
  replicas: fc.integer({ min: 1, max: 8 }),
  surge: fc.constantFrom(0, 1, 3, '25%'),
  notices: fc.array(
    fc.record({
      node: fc.nat({ max: 20 }),
      kind: kinds,
      landsOn: fc.constantFrom(undefined, undefined, 'Planned' as const),
      steps: fc.nat({ max: 3 }),
      seconds: fc.constantFrom(1, 5, 40),
    }),
    { maxLength: 30, size: 'max' },
  ),
})

const living = (it: World) => it.nodes.filter(({ closed, deleted }) => !closed && !deleted)

/** What is made never leaves more than replicas and the surge: people who stay on closed nodes are beside that. */
function stepWithin(it: World): Plan {
  const plan = it.step()
  const { replicas, strategy } = it.spec
  const most = replicas + Math.max(1, shareOf(strategy.rollingUpdate.maxSurge, replicas))
  if (plan.batch?.do === 'create') assert.ok(living(it).length <= most, `${living(it).length} living, ${most} may`)
  return plan
}

/** Every step is checked by the world: bounds, replacement before closing, nothing opened on a host that goes. */
function play({ replicas, surge, notices }: typeof history extends fc.Arbitrary<infer H> ? H : never): World {
  const it = world(replicas)
  it.edit({ surge, unavailable: surge === 0 ? 1 : 0 })
  settle(it)
  for (const { node, kind, landsOn, steps, seconds } of notices) {
    for (const each of serves(it)) if (!leaves(each)) each.sessions = 3
    const chosen = it.node(node)
    if (chosen !== undefined) it.touch(chosen, { disruption: kind })
    it.lands(landsOn)
    for (let step = 0; step < steps; step += 1) stepWithin(it)
    it.pass(seconds)
  }
  it.lands(undefined)
  return it
}

/** Until the pool finds nothing to do, and waits for nothing; people stay where they are as long as they may. */
function settle(it: World): void {
  for (let steps = 0; ; steps += 1) {
    assert.ok(steps < 400, 'it comes to rest')
    const { batch, lookAgainMs } = stepWithin(it)
    if (batch === undefined && lookAgainMs === undefined) return
    it.pass(batch === undefined ? Math.max(3, Math.ceil((lookAgainMs ?? 0) / 1_000)) : 3)
  }
}

const leaves = ({ disruption }: World['nodes'][number]): boolean => isToGo(disruption)

const serves = (it: World) =>
  it.nodes.filter(({ closed, deleted, readySince }) => !closed && !deleted && readySince !== undefined)

test('whatever hosts announce in whatever order: all that go are replaced, and none of them is left open or forgotten', () => {
  fc.assert(
    fc.property(history, given => {
      const it = play(given)
      settle(it)
      const staying = serves(it).filter(node => !leaves(node))
      assert.equal(staying.length, given.replicas)
      assert.deepEqual(
        serves(it).filter(node => !staying.includes(node)),
        [],
        'on hosts that go',
      )
    }),
    { numRuns: Math.ceil(numRuns / 5) },
  )
})

test('whatever hosts announce and take back: no node stays closed for a host that stays', () => {
  fc.assert(
    fc.property(history, given => {
      const it = play(given)
      for (const node of it.nodes) it.touch(node, { disruption: undefined })
      settle(it)
      assert.deepEqual(
        it.nodes.filter(({ closed }) => closed?.by === 'HostGoing'),
        [],
      )
      assert.equal(serves(it).length, given.replicas)
    }),
    { numRuns: Math.ceil(numRuns / 5) },
  )
})

for (const surge of [1, 3]) {
  test(`where every host goes, nodes are made now and then and nobody is sent away for them; surge ${surge}`, () => {
    const it = world(4)
    it.edit({ surge })
    settle(it)
    const old = [...it.nodes]
    for (const node of old) it.touch(node, { disruption: 'Planned', sessions: 5 })
    it.lands('Planned')
    for (let seconds = 0; seconds < 3_600; seconds += 1) {
      stepWithin(it)
      it.pass(1)
      assert.ok(living(it).length <= 4 + surge)
      assert.ok(it.made - 4 <= surge * (1 + Math.floor(it.seconds() / 300)), `${it.made - 4} in ${it.seconds()} s`)
      assert.ok(old.every(({ closed, deleted }) => !closed && !deleted))
    }
    const [spared] = old
    assert.ok(spared !== undefined)
    it.touch(spared, { disruption: undefined })
    it.lands(undefined)
    for (let seconds = 0; seconds < 400; seconds += 1) {
      stepWithin(it)
      it.pass(1)
    }
    assert.equal(serves(it).length, 4)
    assert.ok(serves(it).includes(spared) && old.every(node => node === spared || node.closed?.by === 'HostGoing'))
    assert.ok(
      old.every(({ deleted }) => !deleted),
      'who talks stays until the time that was promised is up',
    )
    for (const node of it.nodes) it.touch(node, { disruption: undefined })
    settle(it)
    assert.deepEqual([serves(it).length, living(it).length], [4, 4])
    assert.ok(
      old.every(node => serves(it).includes(node)),
      'where people are',
    )
  })
}

test('a thousand nodes whose hosts go at once are replaced in waves, never more than the surge on their way', () => {
  const it = world(1_000)
  it.edit({ surge: 50 })
  for (
    let steps = 0;
    it.nodes.length < 1_000 || it.nodes.some(({ readySince }) => readySince === undefined);
    steps += 1
  ) {
    assert.ok(steps < 400)
    it.step()
    it.pass(1)
  }
  for (const node of it.nodes) {
    it.touch(node, { disruption: 'Planned' })
    node.sessions = 1
  }
  for (let steps = 0; serves(it).some(({ disruption }) => disruption !== undefined); steps += 1) {
    assert.ok(steps < 400, 'all are replaced')
    it.step()
    assert.ok(it.nodes.filter(({ readySince }) => readySince === undefined).length <= 50)
    it.pass(1)
  }
  assert.equal(serves(it).length, 1_000)
})
