// The workloads W1 to W8 that policies are compared by: a week to learn from, then a Monday and a Tuesday that are scored. All are
// the same working days but for what their title says. Used by `rtcnode simulate --workload`, the benchmarks and the tests.
import { instant } from '../ambient/clock.ts'
import { type Chance, chanceOf } from './chance.ts'
import { pulse, shareOfPeak } from './day-shape.ts'
import type { Fault } from './faults.ts'
import { adHoc, arranged, type Habits, long, meanRoom, meanSeconds } from './meetings.ts'
import type { RoomPlan } from './rooms.ts'
import type { Scale, Workload } from './workload.ts'

/** A Monday. */
const startsAt = instant(Date.UTC(2026, 0, 5))
/** A burst of joins lasts for minutes, and everybody compared decides every 10 or 15 s. */
const STEP_SECONDS = 5
const DAY = 86_400
const LEARNING_DAYS = 7
const SCORED_DAYS = 2
/** Longer than the meetings that are arranged. */
const DRAIN_SECONDS = 7_200

interface Kind {
  readonly title: string
  readonly habits: Habits
  readonly drainSeconds?: number
  /** Rooms that come on top, once: `seconds` from step 0. */
  readonly extra?: (chance: Chance, usual: Usual) => readonly Burst[]
  readonly faults?: (chance: Chance) => readonly FaultInSeconds[]
}

/** What a usual second of the busiest hour brings. */
interface Usual {
  readonly roomsAtPeak: number
}

interface Burst {
  readonly from: number
  readonly to: number
  readonly rooms: number
  readonly plan: (chance: Chance) => RoomPlan
}

type InSeconds<F extends Fault> = F extends Fault ? Omit<F, 'from' | 'to'> & { at: number; seconds: number } : never
type FaultInSeconds = InSeconds<Fault>

const weekday: Habits = { arranged: 0.5, long: 0 }
const scored = (day: number, hour: number): number => (LEARNING_DAYS + day) * DAY + hour * 3_600
const between = (chance: Chance, from: number, to: number): number => from + (to - from) * chance.uniform()

const flashCrowd = (chance: Chance, { roomsAtPeak }: Usual): readonly Burst[] => {
  const from = scored(1, between(chance, 10, 15))
  const rooms = 2 * roomsAtPeak * shareOfPeak(from)
  return [{ from, to: from + 480, rooms, plan: it => adHoc(it, 1_800) }]
}

const assembly: RoomPlan = { size: 500, gatherSeconds: 240, lengthSeconds: 3_600, stageTracks: 3 }

const kinds = {
  W1: { title: 'working days', habits: weekday },
  W2: { title: 'nearly all meetings begin at :00 and :30', habits: { arranged: 0.85, long: 0 } },
  W3: { title: 'a crowd three times as large within 8 minutes, unannounced', habits: weekday, extra: flashCrowd },
  W4: {
    title: 'one room of 500 people each day',
    habits: weekday,
    extra: chance =>
      [0, 1].map(day => {
        const from = scored(day, between(chance, 9.5, 16))
        return { from, to: from + STEP_SECONDS, rooms: 1, plan: () => assembly }
      }),
  },
  W5: {
    title: 'one meeting in eight goes on for hours, so people are given twelve',
    habits: { arranged: 0.5, long: 0.12 },
    drainSeconds: 12 * 3_600,
  },
  W6: {
    title: 'telemetry fails: a third of the nodes silent, the registry gone',
    habits: weekday,
    faults: () => [
      { kind: 'silent', at: scored(0, 9.9), seconds: 1_200, share: 0.3 },
      { kind: 'registry', at: scored(0, 15.75), seconds: 300 },
      { kind: 'registry', at: scored(1, 8.45), seconds: 300 },
      { kind: 'silent', at: scored(1, 17), seconds: 3_600, share: 0.6 },
    ],
  },
  W7: {
    title: 'hosts come and go: one in ten a day within 2 minutes, one in twenty an hour within an hour',
    habits: weekday,
    faults: () => [
      { kind: 'hosts', at: scored(0, 0), seconds: 2 * DAY, sharePerHour: 0.1 / 24, noticeSeconds: 120 },
      { kind: 'hosts', at: scored(0, 0), seconds: 2 * DAY, sharePerHour: 0.05, noticeSeconds: 3_600 },
    ],
  },
  W8: {
    title: 'joins take eight times as long for 40 minutes, for no reason of load',
    habits: weekday,
    faults: () => [3, 10.7].map(hour => ({ kind: 'latency', at: scored(1, hour), seconds: 2_400, factor: 8 })),
  },
} as const satisfies Record<string, Kind>

export type WorkloadName = keyof typeof kinds
export const workloadNames = Object.keys(kinds) as WorkloadName[]

export function workloadOf(name: WorkloadName, { model, seed, peakNodes }: Scale): Workload {
  const { title, habits, drainSeconds = DRAIN_SECONDS, extra, faults }: Kind = kinds[name]
  const room = meanRoom(chanceOf(0))
  const roomsAtPeak = (peakNodes * model.node.streamsAtFull) / room.streams
  const perSecondAtPeak = roomsAtPeak / meanSeconds(habits)
  const bursts = extra?.(chanceOf(seed, 3), { roomsAtPeak }) ?? []
  const dayLevels = Array.from({ length: LEARNING_DAYS + SCORED_DAYS }, (_, day) =>
    Math.exp(0.08 * chanceOf(seed, 4, day).normal()),
  )
  return {
    name,
    title,
    stepSeconds: STEP_SECONDS,
    startsAt,
    scoredFrom: (LEARNING_DAYS * DAY) / STEP_SECONDS,
    steps: ((LEARNING_DAYS + SCORED_DAYS) * DAY) / STEP_SECONDS,
    drainSeconds,
    faults: (faults?.(chanceOf(seed, 5)) ?? []).map(inSteps),
    advance(step, rooms) {
      const second = step * STEP_SECONDS
      const chance = chanceOf(seed, 1, step)
      const expected = perSecondAtPeak * STEP_SECONDS * shareOfPeak(second) * (dayLevels[Math.floor(second / DAY)] ?? 1)
      const open = (mean: number, plan: (chance: Chance) => RoomPlan): void => {
        for (let left = chance.poisson(mean); left > 0; left -= 1) rooms.open(plan(chance), step)
      }
      const short = expected * (1 - habits.long)
      open(short * habits.arranged * pulse(second), arranged)
      open(short * (1 - habits.arranged), it => adHoc(it))
      open(expected * habits.long, long)
      for (const { from, to, rooms: count, plan } of bursts) {
        if (second < from || second >= to) continue
        if (count === 1) rooms.open(plan(chance), step)
        else open((count * STEP_SECONDS) / (to - from), plan)
      }
    },
  }
}

function inSteps({ at, seconds, ...fault }: FaultInSeconds): Fault {
  const from = Math.round(at / STEP_SECONDS)
  return { ...fault, from, to: from + Math.round(seconds / STEP_SECONDS) }
}
