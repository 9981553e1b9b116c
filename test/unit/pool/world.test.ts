// Random histories of a pool. Each step is checked by the world; here stands what becomes of it in the end. RTCNODE_RUNS sets
// how many histories each law sees.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isDeepStrictEqual } from 'node:util'
import * as fc from 'fast-check'
import { plan } from '../../../operator/pool/plan.ts'
import { shareOf } from '../../../operator/pool/rollout.ts'
import type { Plan } from '../../../operator/pool/view.ts'
import { V1, V2, V3 } from './build.ts'
import { isCounted, isToGo, type PoolEdit, type World, world } from './world.ts'

const numRuns = Number(process.env['RTCNODE_RUNS'] ?? 1_500)

const some = fc.nat({ max: 20 })

/** What the pool has no hand in. */
const incident = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({ is: fc.constant('pass' as const), seconds: fc.constantFrom(1, 3, 30, 100, 700) }),
  },
  { weight: 5, arbitrary: fc.record({ is: fc.constant('sessions' as const), node: some, count: fc.nat({ max: 9 }) }) },
  { weight: 2, arbitrary: fc.record({ is: fc.constant('dies' as const), node: some }) },
  {
    weight: 3,
    arbitrary: fc.record({
      is: fc.constant('person' as const),
      node: some,
      sets: fc.constantFrom('isProtected' as const, 'cordoned' as const, 'silent' as const),
      to: fc.boolean(),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      is: fc.constant('host' as const),
      node: some,
      announces: fc.constantFrom(undefined, undefined, 'Advisory' as const, 'Planned' as const, 'Imminent' as const),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      is: fc.constant('lands' as const),
      on: fc.constantFrom(undefined, undefined, 'Planned' as const, 'Imminent' as const),
    }),
  },
  { weight: 3, arbitrary: fc.record({ is: fc.constant('aim' as const), at: fc.constantFrom(V1, V2, V3) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      is: fc.constant('edit' as const),
      edit: fc.oneof(
        fc.record({ replicas: fc.nat({ max: 9 }) }),
        fc.record({ paused: fc.boolean() }),
        fc.record({ partition: fc.nat({ max: 6 }) }),
        fc.record({ type: fc.constantFrom('RollingUpdate' as const, 'OnDelete' as const) }),
        fc.constantFrom<PoolEdit>(
          { surge: 0, unavailable: 1 },
          { surge: 1, unavailable: 0 },
          { surge: 3, unavailable: 2 },
          { surge: '100%', unavailable: 0 },
          { surge: '25%', unavailable: '50%' },
        ),
        fc.record({ minReadySeconds: fc.constantFrom(0, 20, 100) }),
      ),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ is: fc.constant('registry' as const), inSight: fc.boolean(), frozen: fc.boolean() }),
  },
)
type Incident = typeof incident extends fc.Arbitrary<infer E> ? E : never

const event = fc.oneof(
  { weight: 2, arbitrary: fc.record({ is: fc.constant('plan' as const) }) },
  {
    weight: 1,
    arbitrary: fc.record({ is: fc.constant('late-plan' as const), meanwhile: fc.array(incident, { maxLength: 4 }) }),
  },
  { weight: 4, arbitrary: incident },
)
type Event = typeof event extends fc.Arbitrary<infer E> ? E : never

const histories = fc.record({
  replicas: fc.nat({ max: 8 }),
  events: fc.array(event, { maxLength: 50, size: 'max' }),
})

function happen(it: World, what: Event): void {
  if (what.is === 'plan') it.step()
  else if (what.is === 'late-plan') planLate(it, what.meanwhile)
  else befall(it, what)
}

/** The caches behind a plan are as old as they may be: all of this happened since, but nothing that the pool did itself. */
function planLate(it: World, meanwhile: readonly Incident[]): void {
  const seen = it.view()
  const planned = plan(seen)
  const takenBefore = takenByHosts(it)
  for (const what of meanwhile) if (what.is !== 'person' || what.sets !== 'cordoned') befall(it, what)
  const before = it.view().members.filter(isCounted).length
  it.carryOut(planned, seen)
  const { replicas, strategy } = seen.pool.spec
  // What hosts take along counts beside what takes its place, and so does what they give back, meanwhile too.
  const byHosts = new Set([...takenBefore, ...takenByHosts(it)]).size
  const bound = replicas + shareOf(strategy.rollingUpdate.maxSurge, replicas) + byHosts
  const after = it.view().members.filter(isCounted).length
  assert.ok(after <= Math.max(before, bound), `${after} count, ${before} did, ${bound} may`)
}

const takenByHosts = (it: World) =>
  it.nodes.filter(({ disruption, closed }) => isToGo(disruption) || closed?.by === 'HostGoing')

function befall(it: World, what: Incident): void {
  switch (what.is) {
    case 'pass':
      return it.pass(what.seconds)
    case 'sessions': {
      const node = it.node(what.node)
      if (node?.readySince !== undefined && (node.closed === undefined || what.count <= node.sessions)) {
        node.sessions = what.count
        if (what.count > 0) node.emptySince = undefined
      }
      return
    }
    case 'dies': {
      const node = it.node(what.node)
      return node === undefined ? undefined : it.remove(node, 'HealthTimeout')
    }
    case 'person': {
      const node = it.node(what.node)
      return node === undefined ? undefined : it.touch(node, { [what.sets]: what.to })
    }
    case 'host': {
      const node = it.node(what.node)
      return node === undefined ? undefined : it.touch(node, { disruption: what.announces })
    }
    case 'lands':
      return it.lands(what.on)
    case 'aim':
      return it.aim(what.at)
    case 'edit':
      return it.edit(what.edit)
    case 'registry':
      return it.registry({ inSight: what.inSight, frozen: what.frozen })
  }
}

/** Nothing happens any more but what the pool does, and people leave. */
function calmDown(it: World, most: number): { steps: number; last: Plan } {
  it.registry({ inSight: true, frozen: false })
  it.lands(undefined)
  for (const node of it.nodes) if (node.silent) it.touch(node, { silent: false })
  for (let steps = 1; steps <= most; steps += 1) {
    const before = it.view()
    const planned = it.step()
    if (planned.batch !== undefined) continue
    const isAtRest = planned.lookAgainMs === undefined && it.nodes.every(isSettled)
    if (isAtRest && isDeepStrictEqual(planned.status, before.pool.status)) return { steps, last: planned }
    it.pass(Math.max(3, Math.min(60, Math.ceil((planned.lookAgainMs ?? 3_000) / 1_000))))
    for (const node of it.nodes) node.sessions = Math.max(0, node.sessions - 1)
  }
  throw new assert.AssertionError({
    message: `not at rest after ${most} steps: ${JSON.stringify({ spec: it.spec, nodes: it.nodes, plan: plan(it.view()) }, undefined, 1)}`,
  })
}

const isSettled = (node: World['nodes'][number]): boolean => node.deleted === undefined && node.readySince !== undefined
const counts = (node: World['nodes'][number]): boolean =>
  node.deleted === undefined && node.closed === undefined && !node.cordoned

const MOST_STEPS = 400

test('a pool that is left in peace gets to rest in a bounded number of steps, with what was asked for', () => {
  fc.assert(
    fc.property(histories, ({ replicas, events }) => {
      const it = world(replicas, new Set([V3]))
      for (const what of events) happen(it, what)
      // Whoever wants nodes that do not start gets no rest; another law tells what happens then.
      if (it.target === V3) it.aim(V2)
      if (it.spec.strategy.paused) it.edit({ paused: false })
      const madeBefore = it.made
      const leaving = it.nodes.filter(node => isToGo(node.disruption)).length
      const { last } = calmDown(it, MOST_STEPS)
      const { spec } = it
      // What is short, made of one revision, and once more of the other.
      const most = 2 * spec.replicas + shareOf(spec.strategy.rollingUpdate.maxSurge, spec.replicas) + leaving
      assert.ok(it.made - madeBefore <= most, `${it.made - madeBefore} nodes were made, ${most} are enough`)
      const counted = it.nodes.filter(node => counts(node) && !isToGo(node.disruption))
      const kept = counted.filter(node => node.isProtected).length
      const excess = `${counted.length} count, ${spec.replicas} wanted, ${kept} protected`
      assert.equal(counted.length, Math.max(spec.replicas, kept), excess)
      assert.ok(
        it.nodes.every(node => node.closed === undefined || node.isProtected || node.cordoned),
        'nobody is left',
      )

      const old = counted.filter(node => node.revision !== it.target && !node.isProtected).length
      const { paused, partition, type } = spec.strategy
      if (!paused && type === 'RollingUpdate') assert.ok(old <= partition, `${old} old, partition ${partition}`)
      const isHeld = it.nodes.some(node => counts(node) && node.isProtected && isToGo(node.disruption))
      const rests = ['Complete', 'Paused', 'Partitioned', 'HeldBack', 'ScalingIn', ...(isHeld ? ['HostsGoing'] : [])]
      assert.ok(rests.includes(last.because), last.because)
      const again = plan(it.view())
      assert.deepEqual(again.status, it.view().pool.status, 'at rest nothing is written')
    }),
    { numRuns },
  )
})

test('a revision that does not start leaves the others serving, makes few nodes and stops', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 8 }), fc.integer({ min: 1, max: 3 }), (replicas, surge) => {
      const it = world(replicas, new Set([V2]))
      calmDown(it, MOST_STEPS)
      it.edit({ surge })
      it.aim(V2)
      const made = new Set<string>()
      for (let steps = 0; steps < 2_000; steps += 1) {
        it.step()
        it.pass(3)
        for (const node of it.nodes) if (node.revision === V2) made.add(node.name)
        assert.equal(it.nodes.filter(node => node.revision === V1 && counts(node)).length, replicas)
      }
      assert.ok(made.size <= 2 * (surge + 1), `${made.size} made`)
      assert.equal(plan(it.view()).because, 'ProgressDeadlineExceeded')
      it.aim(V3)
      calmDown(it, MOST_STEPS)
      assert.ok(it.nodes.length === replicas && it.nodes.every(node => node.revision === V3))
    }),
    { numRuns: Math.ceil(numRuns / 60) },
  )
})

test('a new pool whose nodes do not start makes one after the other, not a storm', () => {
  const it = world(100, new Set([V1]))
  const made = new Set<string>()
  for (let seconds = 0; seconds < 86_400; seconds += 10) {
    it.step()
    it.pass(10)
    for (const node of it.nodes) made.add(node.name)
  }
  // The first hundred may have pods before the first is known to fail; then one in ten minutes.
  assert.ok(made.size <= 100 + 86_400 / 600, `${made.size} nodes were made in a day`)
})

test('a new pool whose nodes die soon after they started makes few, not a storm', () => {
  const it = world(100, new Set(), { [V1]: 40 })
  const made = new Set<string>()
  for (let seconds = 0; seconds < 86_400; seconds += 10) {
    it.step()
    it.pass(10)
    for (const node of it.nodes) made.add(node.name)
  }
  // A hundred, and a hundred in their place; then one after the other. All at once each time would be more than 100,000.
  assert.ok(made.size <= 1_000, `${made.size} nodes were made in a day`)
})

test('a revision whose nodes die soon after they started goes no further, and the old ones are opened again', () => {
  for (const surge of [1, 3]) {
    const it = world(6, new Set(), { [V2]: 40 })
    calmDown(it, MOST_STEPS)
    const old = new Set(it.nodes.map(({ name }) => name))
    for (const node of it.nodes) node.sessions = 5
    it.edit({ surge })
    it.aim(V2)
    const made = new Set<string>()
    for (let steps = 0; steps < 2_000; steps += 1) {
      it.step()
      it.pass(3)
      for (const node of it.nodes) if (node.revision === V2) made.add(node.name)
      const serving = it.nodes.filter(node => old.has(node.name) && counts(node)).length
      // Until the second ones die nobody knows; then one at most is closed for the one that is tried.
      assert.ok(serving >= 5 || steps < 50, `${serving} of the old ones take rooms after ${steps} steps`)
    }
    assert.equal(it.nodes.filter(({ name, deleted }) => old.has(name) && deleted === undefined).length, 6)
    assert.ok(made.size <= 40, `${made.size} were tried`)
    assert.equal(plan(it.view()).because, 'StartsFail')
  }
})

test('two changes of the template in a row, and an undo in the middle, end with the last one and nobody cut', () => {
  for (const [first, second] of [
    [V2, V3],
    [V2, V1],
  ] as const) {
    for (let gap = 0; gap < 25; gap += 1) {
      const it = world(6)
      calmDown(it, MOST_STEPS)
      for (const node of it.nodes) node.sessions = 5
      it.aim(first)
      for (let i = 0; i < gap; i += 1) {
        it.step()
        it.pass(3)
      }
      it.aim(second)
      calmDown(it, MOST_STEPS)
      assert.ok(it.nodes.length === 6 && it.nodes.every(node => node.revision === second))
    }
  }
})
