// How long it takes from the wish for a node until it takes rooms: measured, and kept apart for hosts that had room and hosts that
// had to be made (the step "Lead time" of docs/scaling.md). Pure; fed by learning.ts, read by forecast.ts and warm.ts.
import type { Instant } from '../../ambient/clock.ts'
import type { NodeMemory } from './node-memory.ts'
import { type Passage, passedAt } from './passage.ts'
import type { NodeSample } from './snapshot.ts'

export interface Start {
  readonly seconds: number
  /** It waited for a host. */
  readonly cold: boolean
}

export interface LeadTime {
  /** The last ones, the oldest first. */
  readonly starts: Start[]
  /** When more nodes were last wished for, on the passage. */
  wishedMs: number
  /** Of these starts: asked for at every tick, and changed by a start only. */
  times: LeadTimes
}

export const MAX_STARTS = 64
/** A node that took longer was in trouble of its own, and somebody has helped it. */
export const MAX_SECONDS = 1_800
/** Nodes that appear so soon after a wish were made because of it; others replace one that was lost. */
const APPEARS_IN_MS = 60_000
/** A pod of twenty seconds on a host of two minutes. */
const PRIOR_SECONDS = 150
/** Fewer starts are an anecdote. */
const LEAST_STARTS = 3

export const newLeadTime = (): LeadTime => ({
  starts: [],
  wishedMs: Number.NEGATIVE_INFINITY,
  times: { planSeconds: PRIOR_SECONDS },
})

/** Replicas were set by us. To be told right after, before the next snapshot. */
export function noteChange(
  { leadTime, passage }: { readonly leadTime: LeadTime; readonly passage: Passage },
  change: { readonly at: Instant; readonly from: number; readonly to: number },
): void {
  if (change.to <= change.from) return
  leadTime.wishedMs = passedAt(passage, change.at)
}

/**
 * Follows a node from its first snapshot to the one in which it takes rooms. `node` is as it was in the snapshot before;
 * `isNew`: it was in none, and there was one, so it has just been made.
 */
export function learnLeadTime(
  leadTime: LeadTime,
  node: NodeMemory,
  now: NodeSample,
  isNew: boolean,
  nowMs: number,
): void {
  if (isNew) node.wishedMs = nowMs - leadTime.wishedMs <= APPEARS_IN_MS ? leadTime.wishedMs : nowMs
  if (Number.isNaN(node.wishedMs)) return
  if (now.supply === 'starting') {
    node.waitedForHost ||= now.waitedForHost
    return
  }
  const seconds = (nowMs - node.wishedMs) / 1_000
  // One that was open when it was first seen, and that nobody wished for, was adopted.
  if (now.supply === 'open' && seconds > 0 && seconds <= MAX_SECONDS) {
    addStart(leadTime, { seconds, cold: node.waitedForHost })
  }
  node.wishedMs = Number.NaN
}

export interface LeadTimes {
  readonly warmSeconds?: number
  readonly coldSeconds?: number
  /** What is to be reckoned with: nine in ten of the last starts were as quick, of either kind. */
  readonly planSeconds: number
}

/** In seconds, 1 – 1,800; each the 90th percentile of the last 64 starts. */
export const leadTimeOf = ({ leadTime }: { readonly leadTime: LeadTime }): LeadTimes => leadTime.times

export function addStart(leadTime: LeadTime, start: Start): void {
  leadTime.starts.push(start)
  if (leadTime.starts.length > MAX_STARTS) leadTime.starts.shift()
  leadTime.times = timesOf(leadTime.starts)
}

function timesOf(starts: readonly Start[]): LeadTimes {
  const warm = p90(starts.filter(({ cold }) => !cold))
  const cold = p90(starts.filter(start => start.cold))
  const all = starts.length < LEAST_STARTS ? PRIOR_SECONDS : (p90(starts) ?? PRIOR_SECONDS)
  return {
    ...(warm === undefined ? {} : { warmSeconds: warm }),
    ...(cold === undefined ? {} : { coldSeconds: cold }),
    planSeconds: Math.max(1, all),
  }
}

const p90 = (starts: readonly Start[]): number | undefined =>
  starts.map(({ seconds }) => seconds).sort((a, b) => a - b)[Math.ceil(0.9 * starts.length) - 1]
