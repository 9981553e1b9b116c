// How long `rtcnode simulate` takes for a week of a large pool.
import { instant } from '../../operator/ambient/clock.ts'
import { chanceOf } from '../../operator/simulate/chance.ts'
import { goalOf, ourPolicies } from '../../operator/simulate/contest.ts'
import { shareOfPeak } from '../../operator/simulate/day-shape.ts'
import { meanRoom } from '../../operator/simulate/meetings.ts'
import livekit from '../../operator/simulate/models/livekit.json' with { type: 'json' }
import type { Policy } from '../../operator/simulate/policy.ts'
import { sfuModelSchema } from '../../operator/simulate/sfu-model.ts'
import type { Trace } from '../../operator/simulate/trace.ts'
import { traceWorkload } from '../../operator/simulate/trace-workload.ts'
import { usualSpec } from '../../operator/simulate/usual.ts'
import { runWorld } from '../../operator/simulate/world.ts'
import type { Benchmark } from './figure.ts'
import { median } from './statistics.ts'

const RUNS = 3
const ROW_SECONDS = 300
const WEEK_SECONDS = 604_800
/** Streams at the peak would fill so many nodes to the brim; the pool is more than twice that. */
const PEAK_NODES = 440
const model = sfuModelSchema.parse(livekit)

export const simulateWeek: Benchmark = {
  name: 'simulate-week',
  title: 'Simulating a week of a thousand nodes',
  method: `\`rtcnode simulate\` without its printing: a trace of one week with a row every ${ROW_SECONDS / 60} minutes, five working days and a weekend, through our policy alone, ${RUNS} times; time of the whole call.`,
  run() {
    const trace = week()
    const spec = usualSpec(model, 2_000)
    const runs = Array.from({ length: RUNS }, (_, run) => {
      const startedAt = performance.now()
      const { curves, score } = runWorld({
        model,
        workload: traceWorkload(trace, run),
        policy: ourPolicies(spec, 7_200)[0] as Policy,
        seed: run,
        goalMs: goalOf(spec, model),
        minReplicas: spec.minReplicas,
      })
      return { seconds: (performance.now() - startedAt) / 1_000, nodes: Math.max(...curves.nodes), score }
    })
    const took = median(runs.map(({ seconds }) => seconds))
    const [last] = runs
    return Promise.resolve({
      figures: [
        {
          what: `a week, up to ${last?.nodes} nodes, ${((last?.score.joins ?? 0) / 1e6).toFixed(0)} million joins`,
          measured: `${took.toFixed(1)} s`,
          goal: '< 10 s',
          isMet: took < 10 && (last?.nodes ?? 0) >= 1_000,
        },
      ],
      details: [
        `Each run: ${runs.map(({ seconds, nodes }) => `${seconds.toFixed(1)} s (${nodes} nodes)`).join(', ')}.`,
      ],
    })
  },
}

function week(): Trace {
  const room = meanRoom(chanceOf(0))
  const people = (PEAK_NODES * model.node.streamsAtFull * room.people) / room.streams
  return Array.from({ length: WEEK_SECONDS / ROW_SECONDS }, (_, row) => ({
    at: instant(Date.UTC(2026, 0, 5) + row * ROW_SECONDS * 1_000),
    participants: people * shareOfPeak(row * ROW_SECONDS),
    rooms: undefined,
  }))
}
