// Which tier a node is in: what is done to a node that fills up, step by step. Pure. The keeper (loads.ts) hands in each beat,
// the simulator too. Watermarks, and why enter and exit differ: docs/scaling.md.
import type { Monotonic } from '../ambient/clock.ts'
import type { Watermarks } from '../api/rtcautoscaler-spec.ts'

/** open ▸ prewarm (smaller share of new rooms) ▸ shed (no new rooms) ▸ protect (a limit on joins too). */
export const tiers = ['open', 'prewarm', 'shed', 'protect'] as const
export type Tier = (typeof tiers)[number]

export const isAbove = (a: Tier, b: Tier): boolean => tiers.indexOf(a) > tiers.indexOf(b)

/** Each watermark holds or not on its own; the tier is the highest that holds. */
export interface TierState {
  readonly tier: Tier
  readonly prewarm: Level
  readonly shed: Level
  readonly protect: Level
}

interface Level {
  readonly holds: boolean
  /** While it does not hold: beats in a row at or above its enter. */
  readonly beats: number
  /** While it holds: since when all beats have been below its exit. */
  readonly belowSince: Monotonic | undefined
}

/** One beat may be a spike; two in a row are a load. */
const BEATS_TO_ENTER = 2
/** Calls of people who are there already are at stake: it does not wait for a second beat. */
const BEATS_TO_PROTECT = 1
const EXIT_MS = 60_000

const off: Level = { holds: false, beats: 0, belowSince: undefined }
const on: Level = { holds: true, beats: 0, belowSince: undefined }

/** As if the node had just come into this tier: where a node stands of which an earlier operator has left word. */
export const standingIn = (tier: Tier): TierState => ({
  tier,
  prewarm: tier === 'open' ? off : on,
  shed: tier === 'open' || tier === 'prewarm' ? off : on,
  protect: tier === 'protect' ? on : off,
})

/** After a beat. The same object when nothing has changed. */
export function nextTier(state: TierState, pressure: number, watermarks: Watermarks, at: Monotonic): TierState {
  const prewarm = nextLevel(state.prewarm, watermarks.prewarm, pressure, at, BEATS_TO_ENTER)
  const shed = nextLevel(state.shed, watermarks.shed, pressure, at, BEATS_TO_ENTER)
  const protect = nextLevel(state.protect, watermarks.protect, pressure, at, BEATS_TO_PROTECT)
  return withLevels(state, prewarm, shed, protect)
}

/** No beat came, or none that can be believed: what holds goes on, and what was being counted begins anew. */
export const afterSilence = (state: TierState): TierState =>
  withLevels(state, countingAnew(state.prewarm), countingAnew(state.shed), countingAnew(state.protect))

const countingAnew = ({ holds }: Level): Level => (holds ? on : off)

function nextLevel(
  level: Level,
  { enter, exit }: Watermarks['shed'],
  pressure: number,
  at: Monotonic,
  beatsToEnter: number,
): Level {
  if (!level.holds) {
    if (pressure < enter) return off
    return level.beats + 1 >= beatsToEnter ? on : { ...off, beats: level.beats + 1 }
  }
  if (pressure >= exit) return on
  if (level.belowSince === undefined) return { ...on, belowSince: at }
  return at - level.belowSince >= EXIT_MS ? off : level
}

function withLevels(state: TierState, prewarm: Level, shed: Level, protect: Level): TierState {
  if (prewarm === state.prewarm && shed === state.shed && protect === state.protect) return state
  const tier = protect.holds ? 'protect' : shed.holds ? 'shed' : prewarm.holds ? 'prewarm' : 'open'
  return { tier, prewarm, shed, protect }
}
