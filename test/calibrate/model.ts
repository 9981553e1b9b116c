// From what a calibration has seen to the file that `rtcnode simulate` reads: a model of the SFU, and for people how it was
// measured and how far it can be trusted. Pure; called by calibrate.ts.
import type { SfuModel } from '../../operator/simulate/sfu-model.ts'
import { quantile } from '../bench/statistics.ts'
import { type CpuCosts, type Curve, cpuCostsOf, curveThrough, mean, type Point, pointsOf } from './findings.ts'
import type { Run } from './run.ts'

export interface Circumstances {
  readonly sfu: string
  /** Calendar day, YYYY-MM-DD. */
  readonly date: string
  readonly machine: string
  readonly cores: number
  readonly ramps: number
}

/** Nodes of the simulator: large enough that a large room is a part of one, which the measured ones are not. */
const NODE_CORES = 8
/** The greatest time that LiveKit's histogram tells. */
const MOST_MS = 10_000
/** Of the standard normal distribution. */
const Z99 = 2.326

export function modelOf(run: Run, { sfu, date, machine, cores, ramps }: Circumstances): SfuModel {
  const points = pointsOf(run)
  const costs = cpuCostsOf(run)
  const answered = answeredCurve(points)
  const { idleCores, coresPerStream, coreSecondsPerJoin, fit } = costs
  const usedCores = mean(points.map(({ use }) => use)) * run.cpuLimitCores
  const servingSeconds = run.startUps.map(it => it.servingSeconds)
  return {
    sfu: `${sfu}, ${NODE_CORES} cores`,
    origin: `make calibrate: CPU measured on ${run.cpuLimitCores} cores and scaled to ${NODE_CORES} in proportion, join latency as measured; the time to make a host is assumed`,
    measuredOn: date,
    machine: `${machine}, ${cores} cores; pod limited to ${run.cpuLimitCores} cores`,
    node: {
      cores: NODE_CORES,
      streamsAtFull: Math.round((NODE_CORES - idleCores) / coresOfAStream(costs, points)),
      idleCpuPercent: rounded((idleCores / NODE_CORES) * 100),
      cpuNoise: rounded(fit.rmse / usedCores),
    },
    joinLatencyP99: {
      idleMs: rounded(answered.idleMs),
      risingMs: rounded(answered.risingMs),
      mostMs: MOST_MS,
      spread: rounded(spreadOf(points)),
    },
    startUp: {
      onHostSeconds: { p50: rounded(quantile(servingSeconds, 0.5)), p90: rounded(quantile(servingSeconds, 0.9)) },
      hostSeconds: { p50: 110, p90: 110 },
    },
    measurement: {
      ramps,
      heartbeats: run.samples.length,
      joins: run.joins.length,
      failedJoins: run.failedAt.length,
      startUps: run.startUps.length,
      cpuLimitCores: run.cpuLimitCores,
      media: 'audio only, Opus at 32 kbit/s and 30 packets/s; rooms of 3, 4 and 6 in which all speak',
      cpu: {
        idleCores: rounded(idleCores),
        coresPerPerson: rounded(costs.coresPerPerson),
        coresPerStream: rounded(coresPerStream),
        coreSecondsPerJoin: rounded(coreSecondsPerJoin),
        r2: rounded(fit.r2),
        rmseCores: rounded(fit.rmse),
        stretches: fit.points,
      },
      joinLatencyP99: { ...errorsOf(answered), joins: sum(points.map(({ answers }) => answers)) },
      perStream: perStreamOf(points),
      pressurePerJoinPerSecond: rounded(coreSecondsPerJoin / run.cpuLimitCores),
      points: points.toSorted((a, b) => a.use - b.use).map(pointRow),
      uncertain: uncertainties(run, points, costs),
    },
  }
}

/** With its share of the people who send and hear it. */
function coresOfAStream({ coresPerStream, coresPerPerson }: CpuCosts, points: readonly Point[]): number {
  const peoplePerStream = sum(points.map(({ people }) => people)) / sum(points.map(({ streams }) => streams))
  return coresPerStream + coresPerPerson * peoplePerStream
}

export const answeredCurve = (points: readonly Point[]): Curve =>
  curveThrough(points.map(({ use, answeredP99Ms = 0, answers }) => ({ use, ms: answeredP99Ms, joins: answers })))

/** Log-normal: between the median and the 99th percentile lie 2.326 standard deviations. */
function spreadOf(points: readonly Point[]): number {
  const spreads = points.flatMap(({ answeredP50Ms, answeredP99Ms }) =>
    answeredP50Ms && answeredP99Ms ? [Math.log(answeredP99Ms / answeredP50Ms) / Z99] : [],
  )
  return quantile(spreads, 0.5)
}

function perStreamOf(points: readonly Point[]): object {
  const streams = sum(points.map(it => it.streams))
  return {
    kbitPerSecond: rounded((sum(points.map(({ mbps }) => mbps)) * 1_000) / streams),
    packetsPerSecond: rounded(sum(points.map(it => it.packetsPerSecond)) / streams),
  }
}

const errorsOf = ({ fit }: Curve): object => ({
  points: fit.points,
  r2: rounded(fit.r2),
  rmseMs: rounded(fit.rmse),
  meanErrorPercent: rounded(fit.meanErrorPercent),
})

const pointRow = ({
  use,
  people,
  streams,
  answeredP50Ms,
  answeredP99Ms,
  answers,
  connectedMs,
  ...rest
}: Point): object => ({
  cpuPercent: rounded(use * 100),
  people: Math.round(people),
  streams: Math.round(streams),
  joins: answers,
  ...(answeredP50Ms !== undefined && { joinP50Ms: rounded(answeredP50Ms) }),
  ...(answeredP99Ms !== undefined && { joinP99Ms: rounded(answeredP99Ms) }),
  connectedP50Ms: rounded(connectedMs.p50),
  connectedP99Ms: rounded(connectedMs.p99),
  ...(rest.forwardP99Ms !== undefined && { forwardP99Ms: rounded(rest.forwardP99Ms) }),
  ...(rest.lossPercent !== undefined && { lossPercent: rounded(rest.lossPercent) }),
  failed: rest.failed,
  machineIdlePercent: rounded(rest.machineIdle * 100),
})

/** What whoever uses the numbers should know. */
function uncertainties({ cpuLimitCores }: Run, points: readonly Point[], { coresPerPerson }: CpuCosts): string[] {
  const idlePercent = mean(points.map(({ machineIdle }) => machineIdle)) * 100
  const fullest = Math.max(...points.map(({ use }) => use)) * 100
  return [
    `The SFU may use ${cpuLimitCores} cores, by pauses of up to 100 ms in each 100 ms (CFS quota). A join takes tens of milliseconds of CPU, so an SFU that has whole cores answers faster and stays flat for longer; a node of ${NODE_CORES} cores was not measured.`,
    `On average ${idlePercent.toFixed(0)} % of the machine was idle: people, control plane and SFU share its cores. SFU and people go before other work, but caches and cores are shared.`,
    'Each point is the 99th percentile of some 60 joins, which is nearly the slowest of them.',
    'Join latency is the time until the server has answered, as in heartbeats. People wait for a connected transport: connectedP50Ms and connectedP99Ms, where a lost packet costs some 200 ms.',
    `Forwarding latency ends at 20 ms, where LiveKit's histogram does. CPU was at most ${fullest.toFixed(0)} %.`,
    'Audio only. Video costs more bandwidth and CPU for each stream.',
    ...(coresPerPerson === 0 ? ['What a person costs beside streams and joins could not be told from 0.'] : []),
    'The time to make a host depends on the cloud and was not measured.',
  ]
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0)

/** Four digits: more is not known. */
const rounded = (value: number): number => Number(value.toPrecision(4))
