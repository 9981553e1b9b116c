// People who have come so lately that the load does not show them. CPU and traffic are means over some seconds, so in a burst
// of joins they tell of a node as it was before; ninety people were sent to one bridge in half a minute because of that
// (jicofo#1298). Corrected as in autoscaling after jicofo: ρ̂ = ρ + k · w̄. Pure. Used by node-load.ts.
import type { Monotonic } from '../ambient/clock.ts'
import type { Dimension } from './pressure.ts'
import type { Reading } from './reading.ts'

/** So many of those who are connected the mean figures know of. */
export interface Shown {
  readonly sessions: number
  readonly at: Monotonic
}

/** The agent takes means over 10 s (operator/agent/livekit/load.ts): on average they are half of that old. */
const LAG_MS = 5_000

/** Whoever is there at first is taken for shown. */
export function shownAfter(before: Shown | undefined, sessions: number, at: Monotonic): Shown {
  if (before === undefined || sessions <= before.sessions) return { sessions, at }
  const passed = 1 - Math.exp(-Math.max(0, at - before.at) / LAG_MS)
  return { sessions: before.sessions + (sessions - before.sessions) * passed, at }
}

const isMean: Readonly<Record<Dimension, boolean>> = {
  cpu: true,
  bandwidth: true,
  packets: true,
  streams: false,
  'gpu-memory': false,
  'nic-queue': false,
}

/** What is counted one by one, streams for instance, shows everybody at once and needs no correction. */
export function withNewJoins(reading: Reading, shown: Shown | undefined, pressurePerJoin: number | undefined): Reading {
  if (shown === undefined || reading.sessions === undefined || pressurePerJoin === undefined) return reading
  const joins = reading.sessions - shown.sessions
  if (joins <= 0 || !isMean[reading.by]) return reading
  return { ...reading, pressure: reading.pressure + joins * pressurePerJoin }
}

/** Learned over the pool, from beats between these pressures: on a node at rest its own work would be taken for that of people. */
const LEARNED_FROM = { min: 0.3, max: 0.9 }
const FEWEST_PEOPLE = 10
const LEARNING_RATE = 0.02

/** w̄, the pressure of one person, after one more beat; undefined until a node has borne enough to tell. */
export function pressurePerJoinAfter(
  before: number | undefined,
  { pressure }: Reading,
  shown: Shown | undefined,
): number | undefined {
  if (shown === undefined || shown.sessions < FEWEST_PEOPLE) return before
  if (pressure < LEARNED_FROM.min || pressure > LEARNED_FROM.max) return before
  const told = pressure / shown.sessions
  return before === undefined ? told : before + LEARNING_RATE * (told - before)
}
