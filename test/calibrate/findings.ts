// What a calibration has seen, put in figures: a point for each step, what people, streams and joins cost, and the curve of
// latency over load. Pure; called by model.ts and calibrate.ts.
import { quantile } from '../bench/statistics.ts'
import { fitLine, type Goodness, type Row } from './fit.ts'
import type { PlayedStep, Run, Sample } from './run.ts'

/** So far look rates in a heartbeat back, and so far percentiles: operator/agent/livekit/load.ts, in beats of 3 s. */
const RATE_WINDOW_MS = 12_000
const LATENCY_WINDOW_MS = 30_000
/** Beyond that use ρ/(1−ρ) is all wall and no slope: what is measured there says only how bad it gets. */
const MOST_USE = 0.97
/** Means over the end of one step, and its latencies. `use` is the share of the CPU limit. */
export interface Point {
  readonly use: number
  readonly people: number
  readonly streams: number
  /** Of the heartbeat: until the server has answered the join; undefined when nobody joined. */
  readonly answeredP99Ms: number | undefined
  readonly answers: number
  /** Of the server's own histogram; undefined when it was not asked. */
  readonly answeredP50Ms: number | undefined
  readonly forwardP99Ms: number | undefined
  readonly lossPercent: number | undefined
  readonly mbps: number
  readonly packetsPerSecond: number
  /** Of the people: until media was connected. */
  readonly connectedMs: { readonly p50: number; readonly p99: number; readonly joins: number }
  readonly failed: number
  readonly cut: number
  readonly machineIdle: number
}

export function pointsOf(run: Run): Point[] {
  return run.steps.flatMap(step => pointOf(run, step) ?? [])
}

function pointOf(run: Run, { to, answersMs }: PlayedStep): Point | undefined {
  const from = to - LATENCY_WINDOW_MS
  const isIn = (at: number): boolean => at > from && at <= to
  // The CPU of a heartbeat is that of the seconds before it.
  const samples = run.samples.filter(({ at }) => isIn(at) && at > from + RATE_WINDOW_MS / 2)
  const last = samples.at(-1)
  if (!last) return undefined
  const latencies = run.joins.filter(({ at }) => isIn(at)).map(({ latencyMs }) => latencyMs)
  return {
    use: mean(samples.map(useOf)),
    people: mean(samples.map(({ beat }) => beat.sessions)),
    streams: mean(samples.map(({ beat }) => beat.streams ?? 0)),
    answeredP99Ms: last.beat.joinLatencyP99Ms,
    answers: last.beat.joins ?? 0,
    answeredP50Ms: answersMs?.p50,
    forwardP99Ms: last.beat.forwardLatencyP99Ms,
    lossPercent: last.beat.packetLossPercent,
    mbps: mean(samples.map(({ beat }) => beat.bandwidthMbps ?? 0)),
    packetsPerSecond: mean(samples.map(({ beat }) => beat.packetsPerSecond ?? 0)),
    connectedMs: { p50: quantile(latencies, 0.5), p99: quantile(latencies, 0.99), joins: latencies.length },
    failed: run.failedAt.filter(isIn).length,
    cut: run.cutAt.filter(isIn).length,
    machineIdle: mean(samples.map(({ machineIdle }) => machineIdle)),
  }
}

const useOf = ({ beat }: Sample): number => (beat.cpu ?? 0) / 100

export interface CpuCosts {
  readonly idleCores: number
  readonly coresPerPerson: number
  readonly coresPerStream: number
  readonly coreSecondsPerJoin: number
  readonly fit: Goodness
}

/** Cores used = idle + people + streams + joins per second, over stretches as long as the CPU of a heartbeat looks back. */
export function cpuCostsOf(run: Run): CpuCosts {
  const line = fitLine(stretchesOf(run).flatMap(stretch => rowOf(run, stretch)))
  const [idleCores = 0, coresPerPerson = 0, coresPerStream = 0, coreSecondsPerJoin = 0] = line.factors
  return { idleCores, coresPerPerson, coresPerStream, coreSecondsPerJoin, fit: line.fit }
}

/** Heartbeats that overlap would count the same seconds twice. */
function stretchesOf({ samples }: Run): Sample[] {
  const chosen: Sample[] = []
  for (const sample of samples) {
    const before = chosen.at(-1)?.at ?? samples[0]?.at ?? 0
    if (sample.at - before >= RATE_WINDOW_MS) chosen.push(sample)
  }
  return chosen
}

function rowOf(run: Run, sample: Sample): Row[] {
  const isIn = (at: number): boolean => at > sample.at - RATE_WINDOW_MS && at <= sample.at
  const beats = run.samples.filter(({ at }) => isIn(at)).map(({ beat }) => beat)
  // At the limit the CPU is what it may use, not what the load would cost.
  if (useOf(sample) > MOST_USE) return []
  const joins = run.joins.filter(({ at }) => isIn(at)).length
  const people = mean(beats.map(({ sessions }) => sessions))
  const streams = mean(beats.map(it => it.streams ?? 0))
  const joinsPerSecond = joins / (RATE_WINDOW_MS / 1_000)
  return [{ x: [1, people, streams, joinsPerSecond], y: useOf(sample) * run.cpuLimitCores, weight: 1 }]
}

export interface Curve {
  readonly idleMs: number
  readonly risingMs: number
  readonly fit: Goodness & { readonly meanErrorPercent: number }
}

/** J = j0 + j1·ρ/(1−ρ), in relative errors: 10 ms are much at 20 ms and nothing at 2 s. */
export function curveThrough(
  points: readonly { readonly use: number; readonly ms: number; readonly joins: number }[],
): Curve {
  const rows = points
    .filter(({ use, ms }) => use <= MOST_USE && ms > 0)
    .map(({ use, ms, joins }) => ({ x: [1, use / (1 - use)], y: ms, weight: joins / ms ** 2 }))
  const { factors, fit } = fitLine(rows)
  const [idleMs = 0, risingMs = 0] = factors
  const errors = rows.map(({ x, y }) => Math.abs(idleMs + risingMs * (x[1] ?? 0) - y) / y)
  return { idleMs, risingMs, fit: { ...fit, meanErrorPercent: mean(errors) * 100 } }
}

export const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length
