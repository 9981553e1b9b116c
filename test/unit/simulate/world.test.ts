// A whole run: the same seed gives the same, the minimum is a minimum, and faults do what they say.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { clairvoyantMinimum } from '../../../operator/simulate/clairvoyant.ts'
import { hpaOnCpu, keda } from '../../../operator/simulate/hpa-policies.ts'
import { ours } from '../../../operator/simulate/ours.ts'
import type { Policy } from '../../../operator/simulate/policy.ts'
import { traceWorkload } from '../../../operator/simulate/trace-workload.ts'
import { tunedParticipants } from '../../../operator/simulate/tune.ts'
import type { Workload } from '../../../operator/simulate/workload.ts'
import { workloadNames, workloadOf } from '../../../operator/simulate/workloads.ts'
import { type Outcome, runWorld } from '../../../operator/simulate/world.ts'
import { hill, model, specOf } from './small.ts'

const goalMs = 200
const bounds = specOf()
const autoscaler = (): Policy => ours('ours', specOf(), { deadlineSeconds: 7_200, emptySeconds: 30 })
const run = (policy: Policy, workload: Workload = traceWorkload(hill, 1), seed = 1): Outcome =>
  runWorld({ model, workload, policy, seed, goalMs, minReplicas: bounds.minReplicas })

for (const [name, policy] of [
  ['our policy', autoscaler],
  ['an HPA', () => hpaOnCpu(65, 600, bounds)],
] as const) {
  test(`${name}: the same seed gives the same run, another seed another`, () => {
    assert.deepEqual(run(policy()), run(policy()))
    assert.notDeepEqual(run(policy(), traceWorkload(hill, 2), 2).curves, run(policy()).curves)
  })
}

test('people are there as the trace says', () => {
  const { curves, score } = run(keda(60, 7_200, bounds))
  const minutes = curves.streams.length
  assert.equal(minutes, 240)
  const [low, high] = [curves.streams[2] ?? 0, curves.streams[minutes / 2] ?? 0]
  assert.ok(high > 6 * low, `${low} streams at 60 people, ${high} at 660`)
  assert.ok(score.joins > 660)
})

test('no policy that keeps the goal has fewer node-hours than the clairvoyant minimum', () => {
  for (const seed of [1, 2, 3]) {
    const workload = traceWorkload(hill, seed)
    const { nodeHours, nodes } = clairvoyantMinimum(model, workload, goalMs, bounds.minReplicas)
    assert.ok(nodes.every(count => count >= bounds.minReplicas))
    for (const policy of [autoscaler(), keda(60, 7_200, bounds)]) {
      const { score } = run(policy, workload, seed)
      assert.ok(score.nodeHours >= nodeHours, `${policy.name}, seed ${seed}: ${score.nodeHours} < ${nodeHours}`)
    }
  }
})

test('the minimum bears the load at the goal in every minute', () => {
  const workload = traceWorkload(hill, 1)
  const { nodes } = clairvoyantMinimum(model, workload, goalMs, 1)
  const { curves } = run(keda(60, 7_200, bounds), workload)
  for (const [minute, streams] of curves.streams.entries()) {
    const utilisation = streams / ((nodes[minute] ?? 0) * model.node.streamsAtFull)
    assert.ok(utilisation <= 0.8 + 1e-9, `minute ${minute}: ${utilisation}`)
  }
})

test('tuning finds as many participants a pod as keep the goal', () => {
  const workload = traceWorkload(hill, 1)
  const policyOf = (participants: number): Policy => keda(participants, 7_200, bounds)
  const { minReplicas } = bounds
  const tuned = tunedParticipants({ model, workload, seed: 1, goalMs, minReplicas, policyOf, lateShare: 0.0018 })
  assert.ok(run(keda(tuned, 7_200, bounds), workload).score.lateShare <= 0.0018)
  assert.ok(run(keda(2 * tuned, 7_200, bounds), workload).score.lateShare > 0.0018)
})

/** The step of an hour of the trace; before it there is one for settling. */
const inHour = (hour: number): number => ((hour + 1) * 3_600) / traceWorkload(hill, 1).stepSeconds

test('while the registry is gone our pool does not shrink, and nobody is cut', () => {
  const workload: Workload = {
    ...traceWorkload(hill, 1),
    faults: [{ kind: 'registry', from: inHour(2.5), to: inHour(3.5) }],
  }
  const { curves, score } = run(autoscaler(), workload)
  const [before, after] = [curves.open[150] ?? 0, curves.open[209] ?? 0]
  assert.ok(after >= before, `${before} nodes took rooms before, ${after} at the end of the outage`)
  assert.equal(score.cut, 0)
})

test('hosts that go take their people along, and those are not counted as cut', () => {
  const workload: Workload = {
    ...traceWorkload(hill, 1),
    faults: [{ kind: 'hosts', from: inHour(1.5), to: inHour(2), sharePerHour: 3, noticeSeconds: 60 }],
  }
  const { score } = run(autoscaler(), workload)
  assert.ok(score.moved > 0)
  assert.equal(score.cut, 0)
})

test('latency that has nothing to do with load changes no figure of a policy that does not look at it', () => {
  const faulty: Workload = {
    ...traceWorkload(hill, 1),
    faults: [{ kind: 'latency', from: inHour(1), to: inHour(2), factor: 8 }],
  }
  const policy = (): Policy => hpaOnCpu(65, 600, bounds)
  assert.deepEqual(run(policy(), faulty).score, run(policy()).score)
})

test('every workload can be run, and begins alike whatever comes before', () => {
  for (const name of workloadNames) {
    const whole = workloadOf(name, { model, seed: 1, peakNodes: 1 })
    const short: Workload = { ...whole, steps: whole.scoredFrom + 3_600 }
    const { score } = run(keda(60, 600, bounds), short)
    assert.ok(score.joins > 0, name)
    const early: Policy = { ...keda(60, 600, bounds), warmUpSeconds: 8 * 3_600 }
    const { joins } = run(early, short).score
    assert.ok(Math.abs(joins - score.joins) <= score.joins * 0.02, `${name}: ${joins} and ${score.joins} joins`)
  }
})
