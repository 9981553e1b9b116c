// `make calibrate`: ramps a real LiveKit in a CPU-limited pod until it gives way, fits how latency follows load, and writes the
// model that `rtcnode simulate` uses. With --raw FILE what was seen is kept; --from FILE,FILE… makes the model of several ramps.
import { readFileSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { sfuModelSchema } from '../../operator/simulate/sfu-model.ts'
import { ensureHostPackages } from '../cluster/debian.ts'
import { type Curve, cpuCostsOf, pointsOf } from './findings.ts'
import { answeredCurve, modelOf } from './model.ts'
import { climb } from './ramp.ts'
import { joined, type Run, type StartUp } from './run.ts'
import { startStage } from './stage.ts'

const { values: flags } = parseArgs({
  options: {
    cores: { type: 'string', default: '0.5' },
    raw: { type: 'string' },
    from: { type: 'string' },
  },
})
const START_UPS = 5
const root = join(import.meta.dirname, '../..')
const modelFile = join(root, 'operator/simulate/models/livekit.json')
const say = (text: string): void => console.log(text)

const runs = flags.from ? flags.from.split(',').map(read) : [await measure(Number(flags.cores))]
const run = joined(runs)
if (flags.raw) writeFileSync(flags.raw, JSON.stringify(run))
const model = sfuModelSchema.parse(
  modelOf(run, {
    sfu: `LiveKit ${versionOf('livekit', 'github.com/livekit/livekit-server')}`,
    date: new Date(run.samples[0]?.at ?? Number.NaN).toISOString().slice(0, 10),
    machine: cpus()[0]?.model ?? 'unknown processor',
    cores: cpus().length,
    ramps: runs.length,
  }),
)
writeFileSync(modelFile, `${readable(model)}\n`)
tell()

async function measure(cpuLimitCores: number): Promise<Run> {
  const hosts = await ensureHostPackages({ log: say })
  if (!hosts.possible) throw new Error(`no real hosts here: ${hosts.because}`)
  await using stage = await startStage(cpuLimitCores, say)
  const startUps: StartUp[] = []
  for (let i = 0; i < START_UPS; i++) {
    startUps.push(await stage.startNode(`start-${i}`))
    await stage.removeNode(`start-${i}`)
  }
  say(`A node takes rooms after ${startUps.map(({ servingSeconds }) => servingSeconds.toFixed(1)).join(', ')} s.`)
  await stage.startNode('measured')
  await using crowd = stage.crowdOn('measured')
  const scrape = () => stage.scrape('measured')
  const seen = await climb({ crowd, heartbeat: () => stage.heartbeat('measured'), scrape, say })
  return { cpuLimitCores, startUps, ...seen }
}

/** JSON, with each point of the curve on a line of its own. */
function readable(value: object): string {
  const text = JSON.stringify(value, undefined, 2)
  return text.replaceAll(/\{\s+"cpuPercent"[^}]*\}/g, point => point.replaceAll(/\s+/g, ' '))
}

function read(path: string): Run {
  return JSON.parse(readFileSync(path, 'utf8')) as Run
}

function versionOf(module: string, goModule: string): string {
  const text = readFileSync(join(root, `test/cluster/modules/${module}/go.mod`), 'utf8')
  return text.split(/\s+/).find((_, i, words) => words[i - 1] === goModule) ?? 'of an unknown version'
}

function tell(): void {
  const { node, joinLatencyP99, startUp } = model
  const { idleCores, coresPerStream, coreSecondsPerJoin, fit } = cpuCostsOf(run)
  const perStream = (coresPerStream * 1_000).toFixed(2)
  say(
    `CPU: ${idleCores.toFixed(3)} cores idle, ${perStream} millicores a stream, ${(coreSecondsPerJoin * 1_000).toFixed(0)} ms a join (R² ${fit.r2.toFixed(2)})`,
  )
  say(
    `joins p99: ${joinLatencyP99.idleMs} ms + ${joinLatencyP99.risingMs} ms · ρ/(1−ρ) (${goodness(answeredCurve(pointsOf(run)))})`,
  )
  say(
    `a node of ${node.cores} cores is full at ${node.streamsAtFull} streams, and takes rooms after ${startUp.onHostSeconds.p50} s`,
  )
  say(`written to ${modelFile}`)
}

function goodness({ fit }: Curve): string {
  return `R² ${fit.r2.toFixed(2)}, off by ${fit.meanErrorPercent.toFixed(0)} % on average, ${fit.points} points`
}
