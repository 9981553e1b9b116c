// `make pictures`: draws the pictures of docs/scaling.md and fills its tables in, all from simulations that anybody can run again.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { later } from '../operator/ambient/clock.ts'
import { readAutoscaler } from '../operator/simulate/autoscaler-file.ts'
import { type Chart, type Curve, svgOf } from '../operator/simulate/chart.ts'
import { contest, goalOf, OURS, ourPolicies, type Result } from '../operator/simulate/contest.ts'
import livekit from '../operator/simulate/models/livekit.json' with { type: 'json' }
import { pictures } from '../operator/simulate/pictures.ts'
import { sfuModelSchema } from '../operator/simulate/sfu-model.ts'
import { inColumns, tableOf } from '../operator/simulate/table.ts'
import { readTrace } from '../operator/simulate/trace.ts'
import { traceWorkload } from '../operator/simulate/trace-workload.ts'
import { usualSpec } from '../operator/simulate/usual.ts'
import type { Workload } from '../operator/simulate/workload.ts'
import { type WorkloadName, workloadOf } from '../operator/simulate/workloads.ts'
import { runWorld } from '../operator/simulate/world.ts'

const root = join(import.meta.dirname, '..')
const page = join(root, 'docs/scaling.md')
const model = sfuModelSchema.parse(livekit)
const spec = usualSpec(model)
const SEED = 1
const PEAK_NODES = 30
const HOUR_MS = 3_600_000

const builtIn = (name: WorkloadName): Workload => workloadOf(name, { model, seed: SEED, peakNodes: PEAK_NODES })
const resultOf = (workload: Workload, by = spec): Result =>
  contest({ model, workload, spec: by, seed: SEED, drainSeconds: workload.drainSeconds })

/** Between so many hours after the chart begins. */
function within(chart: Chart, from: number, to: number): Chart {
  const [first, end] = [from, to].map(hours => (hours * HOUR_MS) / chart.spacingMs)
  return {
    ...chart,
    startsAt: later(chart.startsAt, from * HOUR_MS),
    curves: chart.curves.map(curve => ({ ...curve, values: curve.values.slice(first, end) })),
  }
}

const only = (chart: Chart, isWanted: (curve: Curve) => boolean): Chart => ({
  ...chart,
  curves: chart.curves.filter(isWanted),
})

function draw(name: string, chart: Chart | undefined): void {
  if (chart === undefined) throw new Error(`there is no picture for ${name}`)
  const path = `docs/images/${name}.svg`
  writeFileSync(join(root, path), `${svgOf(chart)}\n`)
  console.log(`wrote ${path}`)
}

function fillIn(name: string, result: Result): void {
  const [begin, end] = [`<!-- ${name} -->`, `<!-- end of ${name} -->`]
  const text = readFileSync(page, 'utf8')
  const [before, rest] = text.split(begin)
  const after = rest?.split(end)[1]
  if (before === undefined || after === undefined) throw new Error(`docs/scaling.md has no place for ${name}`)
  const table = `\`\`\`\n${inColumns(tableOf(result))}\n\`\`\``
  writeFileSync(page, `${before}${begin}\n${table}\n${end}${after}`)
  console.log(`wrote ${name} into docs/scaling.md`)
}

function drawWorkingDays(): void {
  const workload = builtIn('W1')
  const result = resultOf(workload)
  const [nodes, , joins, cut] = pictures(workload, result)
  draw('working-days-nodes', nodes)
  draw('working-days-joins', joins)
  draw('working-days-cut', cut)
  fillIn('working-days', result)
}

/** The second day, from nine to five. */
const [NINE, FIVE] = [24 + 9, 24 + 17]

function drawFlashCrowd(): void {
  const workload = builtIn('W3')
  const [nodes] = pictures(workload, resultOf(workload))
  const isShown = ({ name, isGround }: Curve): boolean => isGround === true || name.startsWith(OURS) || /2 h/.test(name)
  draw('flash-crowd-nodes', nodes && within(only(nodes, isShown), NINE, FIVE))
}

/** The same people twice: joins take eight times as long on one of these days, for 40 minutes from 03:00 and from 10:42. */
function drawLatencyFault(): void {
  const [policy] = ourPolicies(spec, builtIn('W1').drainSeconds)
  if (policy === undefined) throw new Error('there is no policy of ours')
  const nodesOf = (name: WorkloadName): readonly number[] => {
    const { minReplicas } = spec
    const run = { model, workload: builtIn(name), policy, seed: SEED, goalMs: goalOf(spec, model), minReplicas }
    return runWorld(run).curves.nodes
  }
  const { startsAt, scoredFrom, stepSeconds } = builtIn('W1')
  const chart: Chart = {
    title: 'Nodes, with and without joins that are slow for no reason of load (03:00 to 03:40, 10:42 to 11:22)',
    unit: 'nodes',
    startsAt: later(startsAt, scoredFrom * stepSeconds * 1_000),
    spacingMs: 60_000,
    curves: [
      { name: 'with the fault', values: nodesOf('W8') },
      { name: 'without', values: nodesOf('W1'), isGround: true },
    ],
  }
  draw('latency-fault-nodes', within(chart, 24, FIVE))
}

function fillInTrace(): void {
  const [trace, manifest] = ['examples/trace.csv', 'examples/autoscaler.yaml']
  const read = (path: string): string => readFileSync(join(root, path), 'utf8')
  const workload = traceWorkload(readTrace(read(trace), trace), SEED)
  fillIn('example-trace', resultOf(workload, readAutoscaler(read(manifest), manifest)))
}

drawWorkingDays()
drawFlashCrowd()
drawLatencyFault()
fillInTrace()
