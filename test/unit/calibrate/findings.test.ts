import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { Heartbeat } from '../../../operator/api/heartbeat.ts'
import { sfuModelSchema } from '../../../operator/simulate/sfu-model.ts'
import { cpuCostsOf, curveThrough, pointsOf } from '../../calibrate/findings.ts'
import { modelOf } from '../../calibrate/model.ts'
import type { Run, Sample, TimedJoin } from '../../calibrate/run.ts'

const BEAT_MS = 3_000
const STEP_MS = 30_000
const costs = { idleCores: 0.01, coresPerPerson: 0.002, coresPerStream: 0.0005, coreSecondsPerJoin: 0.02 }
const cpuLimitCores = 0.4

/** A run on an SFU of exactly these costs, in which each step has another mixture of people, streams and joins. */
function exactRun(): Run {
  const steps = [
    { people: 4, streams: 16, joinsPerSecond: 2 },
    { people: 40, streams: 120, joinsPerSecond: 1 },
    { people: 60, streams: 300, joinsPerSecond: 2 },
    { people: 80, streams: 260, joinsPerSecond: 4 },
  ]
  const joins = steps.flatMap(({ joinsPerSecond }, i) =>
    Array.from({ length: 30 * joinsPerSecond }, (_, join): TimedJoin => {
      return { at: i * STEP_MS + (1_000 * (join + 1)) / joinsPerSecond, latencyMs: 10 + i }
    }),
  )
  const coresOf = ({ people, streams, joinsPerSecond }: (typeof steps)[number]): number =>
    costs.idleCores +
    costs.coresPerPerson * people +
    costs.coresPerStream * streams +
    costs.coreSecondsPerJoin * joinsPerSecond
  const beats = steps.flatMap(step => Array.from({ length: STEP_MS / BEAT_MS }, () => step))
  const samples = beats.map((step, i): Sample => {
    const lookedBackOn = beats.slice(Math.max(0, i - 3), i + 1).map(coresOf)
    const cores = lookedBackOn.reduce((sum, each) => sum + each, 0) / lookedBackOn.length
    const beat: Heartbeat = {
      podUID: 'p',
      bootId: 'b',
      seq: i,
      state: 'serving',
      sessions: step.people,
      streams: step.streams,
      cpu: (cores / cpuLimitCores) * 100,
      joins: 30 * step.joinsPerSecond,
      joinLatencyP99Ms: 20 + steps.indexOf(step),
    }
    return { at: (i + 1) * BEAT_MS, machineIdle: 0.3, beat }
  })
  return {
    cpuLimitCores,
    startUps: [],
    steps: steps.map(({ joinsPerSecond }, i) => ({
      from: i * STEP_MS,
      to: (i + 1) * STEP_MS,
      pressure: 0,
      joinsPerSecond,
    })),
    samples,
    joins,
    failedAt: [STEP_MS + 5],
    cutAt: [],
  }
}

suite('a calibration', () => {
  test('each step is a point: its load, what the heartbeat says of joins, and what people felt', () => {
    const points = pointsOf(exactRun())
    assert.deepEqual(
      points.map(({ people, streams, answeredP99Ms, answers, failed }) => ({
        people,
        streams,
        answeredP99Ms,
        answers,
        failed,
      })),
      [
        { people: 4, streams: 16, answeredP99Ms: 20, answers: 60, failed: 0 },
        { people: 40, streams: 120, answeredP99Ms: 21, answers: 30, failed: 1 },
        { people: 60, streams: 300, answeredP99Ms: 22, answers: 60, failed: 0 },
        { people: 80, streams: 260, answeredP99Ms: 23, answers: 120, failed: 0 },
      ],
    )
    assert.deepEqual(
      points.map(({ connectedMs }) => connectedMs.p99),
      [10, 11, 12, 13],
    )
  })

  test('what people, streams and joins cost is told apart', () => {
    const { fit, ...found } = cpuCostsOf(exactRun())
    for (const [name, cost] of Object.entries(costs)) {
      const value = found[name as keyof typeof costs]
      assert.ok(Math.abs(value - cost) < cost * 0.15, `${name}: ${value}, not ${cost}`)
    }
    assert.ok(fit.r2 > 0.98, `r2 ${fit.r2}`)
  })

  test('the curve is found again, and its error is told in percent', () => {
    const uses = [0.1, 0.3, 0.5, 0.7, 0.9]
    const exact = curveThrough(uses.map(use => ({ use, ms: 20 + (8 * use) / (1 - use), joins: 100 })))
    assert.ok(Math.abs(exact.idleMs - 20) < 1e-6 && Math.abs(exact.risingMs - 8) < 1e-6)
    const off = curveThrough(
      uses.map((use, i) => ({ use, ms: (20 + (8 * use) / (1 - use)) * (i % 2 ? 1.1 : 0.9), joins: 100 })),
    )
    assert.ok(off.fit.meanErrorPercent > 3 && off.fit.meanErrorPercent < 15, `${off.fit.meanErrorPercent} %`)
  })

  test('a step at the limit bends no curve', () => {
    const points = [0.1, 0.5, 0.8].map(use => ({ use, ms: 20 + (8 * use) / (1 - use), joins: 100 }))
    const { idleMs, risingMs } = curveThrough([...points, { use: 1.01, ms: 9_000, joins: 100 }])
    assert.ok(Math.abs(idleMs - 20) < 1e-6 && Math.abs(risingMs - 8) < 1e-6)
  })

  test('the model is one that the simulator takes, of a larger node by proportion, with the times of real starts', () => {
    const run: Run = {
      ...exactRun(),
      startUps: [2, 3, 4].map(servingSeconds => ({ scheduledSeconds: 1, servingSeconds })),
    }
    const steps = run.steps.map(step => ({ ...step, answersMs: { p50: 10, p90: 15, p99: 21 } }))
    const circumstances = { sfu: 'an SFU', date: '2026-11-21', machine: 'a machine', cores: 2, ramps: 1 }
    const model = sfuModelSchema.parse(modelOf({ ...run, steps }, circumstances))
    assert.deepEqual(model.startUp.onHostSeconds, { p50: 3, p90: 4 })
    const inAll = costs.coresPerStream + costs.coresPerPerson * (184 / 696)
    const streams = (model.node.cores - costs.idleCores) / inAll
    assert.ok(
      Math.abs(model.node.streamsAtFull - streams) < streams * 0.1,
      `${model.node.streamsAtFull}, not ${streams}`,
    )
  })
})
