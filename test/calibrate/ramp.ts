// The load of a calibration, step by step: up until the SFU gives way, and down again, while every heartbeat is noted. How
// many people a step needs is worked out from the steps before it, so that it fits any machine and any limit.
import { readFileSync } from 'node:fs'
import { observedBetween, quantile, type Scrape } from '../../operator/agent/livekit/metrics.ts'
import type { Heartbeat } from '../../operator/api/heartbeat.ts'
import type { Crowd } from './crowd.ts'
import type { PlayedStep, Run, Sample } from './run.ts'
import { ANSWERS } from './stage.ts'

export interface Step {
  /** To be reached, of the SFU's CPU; 1 is full. */
  readonly pressure: number
  readonly joinsPerSecond: number
}

/** As long as the percentiles of a heartbeat look back: each step gives one figure of its own. */
export const STEP_SECONDS = 30
/** At this share of its CPU limit a node is full: the default of RTCAutoscaler's targets. */
export const FULL_CPU_PERCENT = 90

export const steps: readonly Step[] = [
  ...[0, 0.4, 0.55, 0.7, 0.8, 0.9, 1, 1.15].map(pressure => ({ pressure, joinsPerSecond: 2 })),
  { pressure: 0.65, joinsPerSecond: 3 },
  { pressure: 0.5, joinsPerSecond: 1 },
]

export const pressureOfBeat = ({ cpu = 0 }: Heartbeat): number => cpu / FULL_CPU_PERCENT

type Seen = Pick<Run, 'steps' | 'samples' | 'joins' | 'failedAt' | 'cutAt'>

export interface Climb {
  readonly crowd: Crowd
  readonly heartbeat: () => Heartbeat | undefined
  readonly scrape: () => Promise<Scrape>
  readonly say: (text: string) => void
}

export async function climb({ crowd, heartbeat, scrape, say }: Climb): Promise<Seen> {
  const { samples, stop } = noteBeats(heartbeat)
  const played: PlayedStep[] = []
  try {
    for (const step of steps) {
      const people = peopleFor(step.pressure, played, samples)
      const [from, before] = [Date.now(), await scrape()]
      await Promise.all([crowd.become(people), crowd.receive(step.joinsPerSecond, STEP_SECONDS)])
      const answersMs = answersBetween(before, await scrape())
      const seen = { ...step, from, to: Date.now(), ...(answersMs && { answersMs }) }
      played.push(seen)
      say(describe(seen, samples, crowd))
    }
  } finally {
    stop()
  }
  const joins = crowd.joined.map(({ at, joinLatencyMs }) => ({ at: at.getTime(), latencyMs: joinLatencyMs }))
  const times = (moments: Crowd['failed']): number[] => moments.map(({ at }) => at.getTime())
  return { steps: played, samples, joins, failedAt: times(crowd.failed), cutAt: times(crowd.cut) }
}

function answersBetween(before: Scrape, after: Scrape): PlayedStep['answersMs'] {
  const answers = observedBetween(ANSWERS, before, after)
  return answers && { p50: quantile(0.5, answers), p90: quantile(0.9, answers), p99: quantile(0.99, answers) }
}

/** A first guess; what people really cost is known after the first step that has a crowd. */
const PRESSURE_PER_PERSON = 0.01

function peopleFor(pressure: number, played: readonly PlayedStep[], samples: readonly Sample[]): number {
  const [first, ...others] = played.map(step => endOf(step, samples))
  if (first === undefined) return 0
  const last = others.findLast(it => it.pressure < 1 && it.people > first.people)
  const each = last ? (last.pressure - first.pressure) / (last.people - first.people) : PRESSURE_PER_PERSON
  return Math.max(0, Math.round((pressure - first.pressure) / Math.max(each, PRESSURE_PER_PERSON / 10)))
}

/** Means over the last few heartbeats of a step. */
function endOf(step: PlayedStep, samples: readonly Sample[]): { pressure: number; people: number } {
  const last = samples.filter(({ at }) => at > step.from && at <= step.to).slice(-4)
  const mean = (of: (beat: Heartbeat) => number): number =>
    last.reduce((sum, { beat }) => sum + of(beat), 0) / last.length
  return { pressure: mean(pressureOfBeat), people: mean(({ sessions }) => sessions) }
}

function describe(step: PlayedStep, samples: readonly Sample[], crowd: Crowd): string {
  const sample = samples.findLast(({ at }) => at > step.from && at <= step.to)
  if (!sample) return 'no heartbeat came'
  const { p50, p90 } = step.answersMs ?? {}
  const { sessions, streams, cpu, joinLatencyP99Ms, joins, forwardLatencyP99Ms, packetLossPercent } = sample.beat
  return [
    `pressure ${pressureOfBeat(sample.beat).toFixed(2)} (asked ${step.pressure}), CPU ${cpu} %`,
    `${sessions} people, ${streams} streams`,
    `joins p50 ${p50?.toFixed(0)}, p90 ${p90?.toFixed(0)}, p99 ${joinLatencyP99Ms} ms of ${joins}`,
    `forwarding p99 ${forwardLatencyP99Ms} ms, loss ${packetLossPercent} %`,
    `machine idle ${(sample.machineIdle * 100).toFixed(0)} %`,
    `failed ${crowd.failed.length}, cut ${crowd.cut.length}`,
  ].join(' · ')
}

const LOOK_EVERY_MS = 200

function noteBeats(heartbeat: () => Heartbeat | undefined): { samples: readonly Sample[]; stop: () => void } {
  const samples: Sample[] = []
  let cpu = machineCpu()
  const timer = setInterval(() => {
    const beat = heartbeat()
    if (!beat || beat.seq === samples.at(-1)?.beat.seq) return
    const now = machineCpu()
    const machineIdle = (now.idle - cpu.idle) / Math.max(1, now.total - cpu.total)
    cpu = now
    samples.push({ at: Date.now(), beat, machineIdle })
  }, LOOK_EVERY_MS)
  return { samples, stop: () => clearInterval(timer) }
}

/** First line of /proc/stat, see proc_stat(5): user nice system idle iowait irq softirq steal. */
function machineCpu(): { idle: number; total: number } {
  const [, ...ticks] = (readFileSync('/proc/stat', 'utf8').split('\n')[0] ?? '').split(/\s+/)
  const times = ticks.slice(0, 8).map(Number)
  return { idle: (times[3] ?? 0) + (times[4] ?? 0), total: times.reduce((sum, time) => sum + time, 0) }
}
