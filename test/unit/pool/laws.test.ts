// Laws of the judgement about a pool, over any fleet at any moment. RTCNODE_RUNS sets how many fleets each law sees.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { RTCNodePoolKind } from '../../../operator/api/rtcnodepool.ts'
import { plan } from '../../../operator/pool/plan.ts'
import { byVictim, inVictimOrder } from '../../../operator/pool/victims.ts'
import type { Member, Plan, PoolView } from '../../../operator/pool/view.ts'
import { absent, aDisruption, aNode, aPool, aView, NOW, plain, stale, timeAt, unknown, V1, V2, V3 } from './build.ts'
import { checkPlan } from './world.ts'

const numRuns = Number(process.env['RTCNODE_RUNS'] ?? 3_000)

const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined })
const revision = fc.constantFrom(V1, V2, V3)

const traits = fc
  .record({
    revision,
    classHash: maybe(fc.constantFrom('c1', 'c2')),
    phase: fc.constantFrom('Running' as const, 'Running' as const, 'Pending' as const),
    unready: maybe(fc.constantFrom('TelemetryLost', 'PodNotReady', 'ImagePullFailed', 'Unhealthy')),
    madeAt: fc.constantFrom(NOW - 3_700, NOW - 600, NOW - 100),
    readySince: fc.constantFrom(NOW - 3_600, NOW - 10, NOW),
    admits: fc.boolean(),
    closed: maybe(
      fc.record({
        by: fc.constantFrom('ScaleIn' as const, 'RollOut' as const, 'HostGoing' as const),
        deadline: fc.constantFrom(NOW - 1, NOW, NOW + 60),
      }),
    ),
    cordoned: fc.boolean(),
    deletedAt: maybe(fc.constantFrom(NOW - 60, NOW)),
    drain: maybe(fc.constantFrom('StartupTimeout', 'HealthTimeout', 'Deleted', 'ScaleIn')),
    opened: fc.boolean(),
    isProtected: fc.boolean(),
    priority: maybe(fc.constantFrom(-1, 5, 'high', '1e9')),
    sessions: fc.nat({ max: 3 }),
    rooms: maybe(fc.nat({ max: 2 })),
    emptyFor: fc.constantFrom(0, 10, 30, 99),
    registration: maybe(fc.constantFrom(absent, stale, plain, unknown)),
    hasPod: fc.boolean(),
    disruption: fc.constantFrom(
      undefined,
      undefined,
      'Advisory' as const,
      'Planned' as const,
      aDisruption('Planned', NOW + 200),
      aDisruption('Imminent', NOW - 5),
    ),
    disrupted: fc.boolean(),
    cameLate: maybe(fc.boolean()),
    zone: maybe(fc.constantFrom('a', 'b')),
    host: maybe(fc.constantFrom('h1', 'h2', 'h3')),
  })
  .map(given => Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)))

/** Most traits are rare, so that fleets are mostly well. */
const members = fc
  .array(
    fc.oneof(
      { weight: 3, arbitrary: fc.record({ revision, sessions: fc.nat({ max: 3 }) }) },
      { weight: 2, arbitrary: traits },
    ),
    {
      maxLength: 14,
      size: 'max',
    },
  )
  .map(all => all.map((given, i) => aNode(`n${i}`, given)))

const share = fc.constantFrom<(number | string)[]>(0, 1, 3, '25%', '100%')
const pools = fc
  .record({
    replicas: fc.nat({ max: 12 }),
    surge: share,
    unavailable: share,
    partition: fc.constantFrom(0, 0, 0, 2, 20),
    paused: fc.constantFrom(false, false, false, true),
    type: fc.constantFrom('RollingUpdate' as const, 'RollingUpdate' as const, 'OnDelete' as const),
    minReadySeconds: fc.constantFrom(0, 0, 30),
    deleted: fc.constantFrom(false, false, false, false, true),
    currentRevision: maybe(revision),
    updateRevision: revision,
    progressAt: fc.constantFrom(NOW - 700, NOW - 10),
    failed: maybe(
      fc.record({
        revision,
        count: fc.integer({ min: 1, max: 9 }),
        at: fc.constantFrom(NOW - 400, NOW - 5),
        soonLost: fc.boolean(),
      }),
    ),
  })
  // The API refuses a pool that could replace nothing.
  .filter(({ surge, unavailable }) => surge !== 0 || unavailable !== 0)
  .map(given =>
    aPool(given.replicas, {
      surge: given.surge,
      unavailable: given.unavailable,
      deleted: given.deleted,
      strategy: { partition: given.partition, paused: given.paused, type: given.type },
      spec: { minReadySeconds: given.minReadySeconds },
      status: {
        ...(given.currentRevision === undefined ? {} : { currentRevision: given.currentRevision }),
        updateRevision: given.updateRevision,
        progressAt: timeAt(given.progressAt),
        ...(given.failed === undefined
          ? {}
          : {
              failedStarts: {
                revision: given.failed.revision,
                count: given.failed.count,
                lastAt: timeAt(given.failed.at),
                ...(given.failed.soonLost ? { soonLost: true } : {}),
              },
            }),
      },
    }),
  )

const target = fc.oneof(
  {
    weight: 9,
    arbitrary: fc.record({ state: fc.constant('known' as const), revision, classFound: fc.constant(true) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ state: fc.constant('known' as const), revision, classFound: fc.constant(false) }),
  },
  { weight: 1, arbitrary: fc.constant({ state: 'revision-not-found' as const, number: 7 }) },
)

const views: fc.Arbitrary<PoolView> = fc
  .record({
    pool: pools,
    members,
    target,
    classRollout: fc.constantFrom('RollingUpdate' as const, 'RollingUpdate' as const, 'OnDelete' as const),
    packs: fc.boolean(),
    registry: fc.constantFrom(
      { inSight: true, frozen: false },
      { inSight: true, frozen: false },
      { inSight: true, frozen: false },
      { inSight: false, frozen: true },
      { inSight: true, frozen: true },
    ),
    overlapsWith: fc.constantFrom(undefined, undefined, undefined, 'other'),
    createRefused: fc.constantFrom(
      undefined,
      undefined,
      { message: 'quota', retryInMs: 500 },
      { message: 'quota', retryInMs: 0 },
    ),
  })
  .map(({ pool, members: all, ...rest }) => aView(pool, all, rest))

function law(name: string, holds: (view: PoolView, planned: Plan) => void): void {
  test(name, () => {
    fc.assert(
      fc.property(views, view => holds(view, plan(view))),
      { numRuns },
    )
  })
}

const nameOf = ({ node }: Member): string => node.metadata.name

law('no plan goes beyond its bounds, or takes away what is protected, busy, unknown or the last', (view, planned) => {
  // Where minReadySeconds or the share of a pool decide, the planner is stricter than what is checked here.
  if (view.pool.spec.minReadySeconds > 0 || view.target.state !== 'known') return
  checkPlan(planned, view)
})

law('the same view gives the same plan, in whatever order the nodes come', (view, planned) => {
  assert.deepEqual(plan(view), planned)
  const turned = plan({
    ...view,
    members: view.members.toReversed(),
    revisions: view.revisions.toReversed(),
  })
  const byName = (held: Plan['held']) => held.toSorted((a, b) => (a.name < b.name ? -1 : 1))
  const { held, batch, ...rest } = planned
  const { held: heldTurned, batch: batchTurned, ...restTurned } = turned
  assert.deepEqual(restTurned, rest)
  assert.deepEqual(byName(heldTurned), byName(held))
  assert.deepEqual(sorted(batchTurned), sorted(batch))
})

const sorted = (batch: Plan['batch']): unknown =>
  batch === undefined || batch.do === 'create'
    ? batch
    : { ...batch, nodes: [...batch.nodes].sort((a, b) => (a.name < b.name ? -1 : 1)) }

law('a status is one that the API takes, and every condition is there', (view, { status, lookAgainMs }) => {
  RTCNodePoolKind.status.parse(status)
  assert.deepEqual(
    status.conditions?.map(({ type }) => type),
    ['Available', 'Degraded', 'Progressing', 'Reconciling', 'ScalingInhibited', 'Stalled'],
  )
  assert.equal(status.observedGeneration, view.pool.metadata.generation)
  assert.ok(lookAgainMs === undefined || lookAgainMs > 0)
  const statusOf = (type: string) => status.conditions?.find(it => it.type === type)?.status
  assert.ok(!(statusOf('Reconciling') === 'True' && statusOf('Stalled') === 'True'))
  assert.ok(!(statusOf('Stalled') === 'True' && statusOf('Progressing') === 'True'))
})

law('a status that was written is not written again while nothing happens', (view, planned) => {
  const once = { ...view, pool: { ...view.pool, status: planned.status } }
  // What was begun is then on record, which may let it get further by one step.
  const twice = { ...once, pool: { ...view.pool, status: plan(once).status } }
  assert.deepEqual(plan(twice).status, twice.pool.status)
})

law('nothing changes a status but what happens: no age is in it', (view, planned) => {
  if (planned.batch !== undefined) return
  const settled = { ...view, pool: { ...view.pool, status: planned.status } }
  const written = { ...view, pool: { ...view.pool, status: plan(settled).status } }
  const soon = plan({ ...written, now: (view.now + 1_000) as PoolView['now'] })
  const deadlinePassed = planned.lookAgainMs !== undefined && planned.lookAgainMs <= 1_000
  if (!deadlinePassed) assert.deepEqual(soon.status, written.pool.status)
})

law('what is told to be held is there, and not taken away', (view, { batch, held }) => {
  const names = new Set(view.members.map(nameOf))
  const acted = new Set(batch?.do === 'close' || batch?.do === 'delete' ? batch.nodes.map(({ name }) => name) : [])
  for (const { name } of held) assert.ok(names.has(name) && !acted.has(name), name)
})

law('the order of victims is total: for any two nodes exactly one goes first, and so for any three', view => {
  const judged = view.members.map(member => ({ member, updated: false, going: false, inVain: false, open: false }))
  const order = [...inVictimOrder(view, judged)]
  for (const [i, a] of order.entries()) {
    for (const [j, b] of order.entries()) {
      const sign = Math.sign(byVictim(a, b))
      assert.equal(sign, -Math.sign(byVictim(b, a)) + 0, 'antisymmetric')
      assert.equal(sign === 0, i === j, 'only the node itself is its equal')
      assert.equal(sign < 0, i < j, 'the list is in that order, so it is transitive')
    }
  }
})
