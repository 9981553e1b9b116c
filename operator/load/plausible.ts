// Whether a heartbeat can be believed. The schema (operator/api/heartbeat.ts) refuses what is no figure at all; here is what it
// lets through and no SFU can have. Pure. What is doubted is unknown: it is never clamped, and never read as zero.
import type { Monotonic } from '../ambient/clock.ts'
import { type Heartbeat, isSameWriter, type PlainLoad } from '../api/heartbeat.ts'
import { isFullHeartbeat } from './pressure.ts'

/** `impossible`: no machine bears that much. `jump`: more changed since the beat before than people can cause. */
export const doubts = ['impossible', 'jump'] as const
export type Doubt = (typeof doubts)[number]

type Figure =
  | 'cpu'
  | 'sessions'
  | 'rooms'
  | 'streams'
  | 'bandwidthMbps'
  | 'packetsPerSecond'
  | 'joins'
  | 'joinLatencyP99Ms'
  | 'forwardLatencyP99Ms'
  | 'nicQueueDepth'

/**
 * Some times what the largest machines bear: two 400 Gbit/s cards, a hundred thousand people. A percentile of ten minutes is a
 * timer that was never stopped.
 */
const most: Readonly<Record<Figure, number>> = {
  cpu: 1_000,
  sessions: 100_000,
  rooms: 100_000,
  streams: 500_000,
  bandwidthMbps: 800_000,
  packetsPerSecond: 200_000_000,
  joins: 1_000_000,
  joinLatencyP99Ms: 600_000,
  forwardLatencyP99Ms: 30_000,
  nicQueueDepth: 10_000_000,
}

/** A change by more than ten times is none between two beats, if it is above what comes in a moment on a node at rest. */
const JUMP = 10
const ordinary: Readonly<Partial<Record<Figure, number>>> = {
  sessions: 200,
  streams: 5_000,
  bandwidthMbps: 2_000,
  packetsPerSecond: 200_000,
}
/** Three beats: what has happened in a longer silence nobody knows. */
const COMPARABLE_MS = 10_000

const mostOfAll = Object.entries(most) as [Figure, number][]
const ordinaries = Object.entries(ordinary) as [Figure, number][]

export interface EarlierBeat {
  readonly beat: Heartbeat | PlainLoad
  readonly at: Monotonic
}

/**
 * Undefined: it can be believed. A jump is judged against the beat before whether that was believed or not, so a second beat
 * that says the same is believed; an SFU that has started anew is not compared with what it was.
 */
export function doubtOf(
  beat: Heartbeat | PlainLoad,
  before: EarlierBeat | undefined,
  at: Monotonic,
): Doubt | undefined {
  for (const [figure, limit] of mostOfAll) if ((told(beat, figure) ?? 0) > limit) return 'impossible'
  if (before === undefined || at - before.at > COMPARABLE_MS || !areComparable(beat, before.beat)) return undefined
  for (const [figure, usual] of ordinaries) {
    const [was, is] = [told(before.beat, figure), told(beat, figure)]
    if (was === undefined || is === undefined) continue
    if (Math.max(was, is) > JUMP * Math.max(usual, Math.min(was, is))) return 'jump'
  }
  return undefined
}

/** In the plain form others write what they like under our names. */
function told(beat: Heartbeat | PlainLoad, figure: Figure): number | undefined {
  if (isFullHeartbeat(beat)) return beat[figure]
  return figure === 'cpu' || figure === 'streams' ? beat[figure] : undefined
}

function areComparable(a: Heartbeat | PlainLoad, b: Heartbeat | PlainLoad): boolean {
  if (!isFullHeartbeat(a) || !isFullHeartbeat(b)) return isFullHeartbeat(a) === isFullHeartbeat(b)
  return isSameWriter(a, b)
}
