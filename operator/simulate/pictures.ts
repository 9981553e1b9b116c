// Which curves of a contest are drawn. Called by page.ts, and for the documents.
import { later } from '../ambient/clock.ts'
import type { Chart } from './chart.ts'
import type { Result } from './contest.ts'
import type { Curves } from './score.ts'
import type { Workload } from './workload.ts'

export function pictures(workload: Workload, { outcomes, minimum, goalMs }: Result): readonly Chart[] {
  const startsAt = later(workload.startsAt, workload.scoredFrom * workload.stepSeconds * 1_000)
  const chart = (title: string, figure: keyof Curves): Chart => ({
    title,
    startsAt,
    spacingMs: 60_000,
    curves: outcomes.map(({ policy, curves }) => ({ name: policy, values: curves[figure] })),
  })
  const nodes = chart('Nodes that exist: starting, serving, emptying', 'nodes')
  return [
    { ...nodes, curves: [...nodes.curves, { name: 'minimum, clairvoyant', values: minimum.nodes, isGround: true }] },
    chart('Share of CPU in use, mean of the nodes that take rooms', 'utilisation'),
    {
      ...chart('Join latency p99 on the busiest node, by load alone', 'joinP99Ms'),
      unit: 'ms',
      logarithmic: true,
      goal: { name: `goal ${Math.round(goalMs)} ms`, value: goalMs },
    },
    chart('People cut so far', 'cut'),
  ]
}
