// Promises held in a random world. RTCNODE_SCHEDULES says how many schedules (default 10,000), RTCNODE_SEED where to begin;
// a failure prints its seed, and RTCNODE_SCHEDULES=1 RTCNODE_SEED=<seed> replays it.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { mutants } from './mutants.ts'
import { runSchedule } from './world.ts'

const schedules = Number(process.env['RTCNODE_SCHEDULES'] ?? 10_000)
const firstSeed = Number(process.env['RTCNODE_SEED'] ?? 1)

test(`no promise is broken in ${schedules} random schedules`, async () => {
  const reached = new Set<string>()
  for (let seed = firstSeed; seed < firstSeed + schedules; seed++) {
    const { violation, trace, goals } = await runSchedule(seed)
    assert.equal(violation, undefined, `seed ${seed}\n${trace.join('\n')}`)
    for (const goal of goals) reached.add(goal)
  }
  if (schedules < 1_000) return
  // The search has been in the places where promises are at stake.
  const places = ['Pending', 'Running', 'Terminating', 'orphan collected', 'deleted by its pool', 'its host stays']
  const endings = ['left', 'moved', 'killed', 'fault'].map(how => `sessions ${how}`)
  for (const goal of [...places, ...endings]) assert.ok(reached.has(goal), `no schedule reached: ${goal}`)
})

const ENOUGH = 20_000

for (const [mistake, { tampering, breaks }] of Object.entries(mutants)) {
  test(`an operator that ${mistake} is caught`, async () => {
    for (let seed = 1; seed <= ENOUGH; seed++) {
      const { violation, trace } = await runSchedule(seed, tampering)
      if (violation === undefined) continue
      assert.ok(breaks.includes(violation.invariant), `seed ${seed} breaks something else\n${trace.join('\n')}`)
      return
    }
    assert.fail(`not caught in ${ENOUGH} schedules`)
  })
}
