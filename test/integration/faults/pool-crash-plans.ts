// Crash plans for pools: the operator is killed before and after each write of a workload, and starts again. Whatever the
// plan, nobody is cut, no node is made or deleted twice, and all ends as where nothing happens.
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { playScene } from '../harness/scene.ts'
import { startWorldWith, type World } from '../harness/world.ts'
import { conditionOf, type PoolScene, poolScene } from '../pool/pool-scene.ts'
import { type Operators, startOperators } from './one-after-another.ts'
import { expectOutcome, type Gathering, gathering, type PlannedWrite, setTraps } from './traps.ts'
import type { Write } from './writes.ts'

export type CrashWorld = World<Operators>

export interface Workload {
  readonly name: string
  /** What is there before; the operator is not killed in it. */
  prepare(scene: PoolScene, world: CrashWorld): Promise<void>
  /** Asks for a change and sees it through to its end. */
  act(scene: PoolScene): Promise<void>
  /** The writes of the controller under test, and how often each comes in a run where nothing happens. */
  readonly writes: Readonly<Record<string, number>>
}

/** An operator that is killed ten times on the way takes its time. */
export const PATIENT = { withinMs: 300_000 }

/** All is done, and nobody empties any more. */
export const atRest = (scene: PoolScene): Promise<unknown> =>
  scene.expectPool(
    'eu',
    'is at rest',
    pool =>
      conditionOf(pool, 'Progressing')?.reason === 'Complete' &&
      pool.status?.observedGeneration === pool.metadata.generation &&
      pool.status?.drainingReplicas === 0,
    PATIENT,
  )

interface Plan extends PlannedWrite {
  readonly workload: Workload
}

export function suiteOfCrashes(title: string, workloads: readonly Workload[]): void {
  const plans = workloads.flatMap(plansFor)
  suite(title, () => {
    test('killed before and after each write, the operator ends where it would have', {
      timeout: 800_000,
      concurrency: 1_000,
    }, async t => {
      await using world = await startWorldWith(cluster => startOperators(cluster, { soonMs: 2_500 }))
      const clean = new Map(await Promise.all(workloads.map(async it => [it, await cleanRun(world, it)] as const)))
      const trap = setTraps(world.operator)
      const together = gathering(plans.length)
      const played = plans.map(plan =>
        t.test(`${plan.workload.name}: killed ${plan.when} “${plan.write}” ${plan.nth}`, () =>
          carryOut(plan, world, clean.get(plan.workload), trap, together),
        ),
      )
      await Promise.all(played)
      t.diagnostic(`${plans.length} plans, ${world.operator.killed} operators killed`)
      assert.ok(world.operator.killed >= 2, 'one was killed before a write and one after')
    })
  })
}

const plansFor = (workload: Workload): Plan[] =>
  Object.entries(workload.writes).flatMap(([write, times]) =>
    Array.from({ length: times }, (_, index) => index + 1).flatMap(nth =>
      (['before', 'after'] as const).map(when => ({ workload, write, nth, when })),
    ),
  )

const writesIn = ({ operator }: CrashWorld, { namespace }: PoolScene): Write[] =>
  operator.gate.writes.filter(write => write.namespace === namespace)

/** Of these each has a plan. Of the statuses the first of a kind has: how many there are is chance. */
const onObjects = /^(create|delete) (rtcnode|controllerrevision)$|^(close|reopen) node$|^set replicas$/

async function cleanRun(world: CrashWorld, workload: Workload): Promise<unknown> {
  let outcome: unknown
  await playScene(world, `clean ${workload.name}`, async single => {
    const scene = poolScene(single, world)
    await workload.prepare(scene, world)
    const begun = writesIn(world, scene).length
    await workload.act(scene)
    const seen = writesIn(world, scene)
      .slice(begun)
      .filter(({ what, accepted }) => accepted && onObjects.test(what))
    const counts = Map.groupBy(seen, ({ what }) => what)
    const planned = Object.entries(workload.writes).filter(([what]) => onObjects.test(what))
    assert.deepEqual(
      new Map([...counts].map(([what, writes]) => [what, writes.length])),
      new Map(planned),
      workload.name,
    )
    outcome = await outcomeIn(world, scene)
  })
  return outcome
}

/** Everything that is left, how often things were made and deleted, and what became of everybody. Without what is chance. */
async function outcomeIn({ fleet, ...world }: CrashWorld, scene: PoolScene): Promise<unknown> {
  const [pool, nodes, revisions] = await Promise.all([scene.pool('eu'), scene.nodesOf('eu'), scene.revisionsOf('eu')])
  const done = writesIn({ fleet, ...world }, scene).filter(({ accepted }) => accepted)
  const times = (what: string): number => done.filter(write => write.what === what).length
  const { replicas, openReplicas, readyReplicas, drainingReplicas, updatedReplicas } = pool.status ?? {}
  return {
    status: { replicas, openReplicas, readyReplicas, drainingReplicas, updatedReplicas },
    conditions: pool.status?.conditions?.map(({ type, status, reason }) => [type, status, reason]),
    isRolledOut: pool.status?.currentRevision === pool.status?.updateRevision,
    nodes: nodes.map(({ spec, metadata: { labels: its, annotations, finalizers } }) => ({
      spec,
      its,
      annotations,
      finalizers,
    })),
    revisions: revisions.map(({ metadata, revision }) => [metadata.name, revision]),
    made: times('create rtcnode'),
    deleted: times('delete rtcnode'),
    closed: times('close node'),
    reopened: times('reopen node'),
    scaled: times('set replicas'),
    people: fleet.ledger.sessions
      .filter(({ node }) => node.startsWith(`${scene.namespace}/`))
      .map(({ ending }) => ending?.how ?? 'connected')
      .sort(),
  }
}

async function carryOut(
  plan: Plan,
  world: CrashWorld,
  clean: unknown,
  setTrap: ReturnType<typeof setTraps>,
  together: Gathering,
): Promise<void> {
  const { workload, write, nth, when } = plan
  await playScene(
    world,
    `${when} ${write} ${nth} ${workload.name}`,
    async single => {
      const scene = poolScene(single, world)
      const prepared = workload.prepare(scene, world)
      await Promise.allSettled([prepared]).then(() => together.arrive())
      await prepared
      const trap = setTrap(scene.namespace, plan)
      await workload.act(scene)
      await expectOutcome(() => outcomeIn(world, scene), clean, { withinMs: 40_000, everyMs: 500 })
      assert.ok(trap.sprung, `there was no “${write}” ${nth} to be killed at`)
    },
    { goneWithinMs: 200_000 },
  )
}
