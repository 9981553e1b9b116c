// Crash plans: the operator is killed before and after each of its writes, to API server and registry, in every stretch of
// a node's life, and starts again. Whatever the plan, all ends as it does in a run where nothing happens.
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { playScene, type Scene } from '../harness/scene.ts'
import { startWorldWith, type World } from '../harness/world.ts'
import { type Operators, startOperators } from './one-after-another.ts'
import { type Outcome, outcomeOf } from './outcome.ts'
import { expectOutcome, type Gathering, gathering, type PlannedWrite, setTraps } from './traps.ts'
import { classes, type Workload, workloads } from './workloads.ts'

type CrashWorld = World<Operators>

interface Plan extends PlannedWrite {
  readonly workload: Workload
}

interface CleanRun {
  readonly writes: ReadonlySet<string>
  readonly outcome: Outcome
}

/** A write that depends on how quick the machine is may not come in one run; then the plan is tried again. */
const TRIES = 5
/** The operators are killed for others while one scene is tidied up. */
const PATIENT = { goneWithinMs: 300_000 }

suite('crash plans', () => {
  test('killed before and after each write, the operator ends where it would have', {
    timeout: 800_000,
    concurrency: 1_000,
  }, async t => {
    await using world = await startWorldWith(startOperators)
    for (const its of classes) await world.apply(its)
    const clean = await cleanRuns(world)
    const plans = workloads.flatMap(workload =>
      [...(clean.get(workload)?.writes ?? [])].flatMap(write =>
        (['before', 'after'] as const).map((when): Plan => ({ workload, write, when })),
      ),
    )
    const trap = setTraps(world.operator)
    for (const [, its] of Map.groupBy(plans, ({ workload }) => workload.alone ?? false)) {
      const together = gathering(its.length)
      const played = its.map(plan =>
        t.test(`${plan.workload.name}: killed ${plan.when} “${plan.write}”`, () =>
          carryOut(plan, world, clean.get(plan.workload)?.outcome, trap, together),
        ),
      )
      await Promise.all(played)
    }
    t.diagnostic(`${plans.length} plans, ${world.operator.killed} operators killed`)
    assert.ok(world.operator.killed > 10, 'operators were killed')
  })
})

/** Each workload twice: what happens in both is what can be planned on. */
async function cleanRuns(world: CrashWorld): Promise<Map<Workload, CleanRun>> {
  const run = async (workload: Workload): Promise<CleanRun> => {
    let result: CleanRun | undefined
    await playScene(world, `clean ${workload.name}`, async scene => {
      const node = await workload.prepare(scene)
      const begun = world.operator.gate.writes.length
      await workload.act(scene, node)
      const writes = world.operator.gate.writes.slice(begun).filter(({ namespace }) => namespace === scene.namespace)
      result = {
        writes: new Set(writes.map(({ what }) => what)),
        outcome: await outcomeIn(world, scene, node),
      }
    })
    if (!result) throw new Error('no clean run')
    return result
  }
  const pairs = await Promise.all(
    workloads.map(async workload => [workload, ...(await Promise.all([run(workload), run(workload)]))] as const),
  )
  return new Map(
    pairs.map(([workload, one, other]) => {
      assert.deepEqual(one.outcome, other.outcome, `${workload.name}: two clean runs end alike`)
      const writes = [...one.writes].filter(write => other.writes.has(write) && !workload.byChance?.test(write))
      return [workload, { outcome: one.outcome, writes: new Set(writes) }]
    }),
  )
}

const outcomeIn = (world: CrashWorld, scene: Scene, node: string): Promise<Outcome> =>
  outcomeOf(
    world,
    scene,
    node,
    world.operator.gate.writes.filter(({ namespace }) => namespace === scene.namespace),
  )

async function carryOut(
  plan: Plan,
  world: CrashWorld,
  clean: Outcome | undefined,
  setTrap: ReturnType<typeof setTraps>,
  together: Gathering,
): Promise<void> {
  for (let tries = 1; tries <= TRIES; tries += 1) {
    let sprung = false
    await playScene(
      world,
      `${plan.when} ${plan.write} ${plan.workload.name}`,
      async scene => {
        const prepared = plan.workload.prepare(scene)
        if (tries === 1) await Promise.allSettled([prepared]).then(() => together.arrive())
        const node = await prepared
        const trap = setTrap(scene.namespace, plan)
        await plan.workload.act(scene, node)
        await expectOutcome(() => outcomeIn(world, scene, node), clean, { withinMs: 30_000, everyMs: 300 })
        sprung = trap.sprung
      },
      PATIENT,
    )
    if (sprung) return
  }
  assert.fail(`in ${TRIES} runs there was no “${plan.write}” to be killed at`)
}
