// A trace as a workload: rooms open and people hang up so that as many are there at each moment as the trace says.
import { later } from '../ambient/clock.ts'
import { type Chance, chanceOf } from './chance.ts'
import { adHoc, meanRoom } from './meetings.ts'
import type { Trace, TraceRow } from './trace.ts'
import type { Workload } from './workload.ts'

/** Before the first row: people come, and the pool settles. */
const SETTLE_SECONDS = 3_600
const COME_SECONDS = 1_800
/** A trace says nothing of what happens between its rows: five steps from one to the next are enough. */
const STEPS = [60, 30, 15, 10, 5] as const
const STEPS_A_ROW = 5
/** How long meetings last on average, of which a trace says nothing. */
const MEETING_SECONDS = 1_800
const SMALLEST_ROOM = 2
const DRAIN_SECONDS = 7_200

export function traceWorkload(trace: Trace, seed: number): Workload {
  const first = trace[0] as TraceRow
  const last = trace.at(-1) as TraceRow
  const startsAt = later(first.at, -SETTLE_SECONDS * 1_000)
  const rowSeconds = (last.at - first.at) / 1_000 / (trace.length - 1)
  const stepSeconds = STEPS.find(seconds => seconds * STEPS_A_ROW <= rowSeconds) ?? 5
  const usualSize = meanRoom(chanceOf(0)).people
  const wantedAt = (second: number): number => {
    if (second < SETTLE_SECONDS) return first.participants * Math.min(1, second / COME_SECONDS)
    return between(trace, startsAt + second * 1_000, ({ participants }) => participants)
  }
  /** Rooms are as large as the trace says, where it does. */
  const scaleAt = (second: number): number => {
    const rooms = between(trace, startsAt + second * 1_000, row => row.rooms ?? 0)
    return rooms < 1 ? 1 : Math.max(0.2, wantedAt(second) / rooms / usualSize)
  }
  return {
    name: 'trace',
    title: 'a trace',
    stepSeconds,
    startsAt,
    scoredFrom: SETTLE_SECONDS / stepSeconds,
    steps: Math.ceil((last.at - startsAt) / 1_000 / stepSeconds),
    faults: [],
    drainSeconds: DRAIN_SECONDS,
    advance(step, rooms, events) {
      const second = step * stepSeconds
      const wanted = wantedAt(second)
      const chance: Chance = chanceOf(seed, 1, step)
      for (let missing = wanted - rooms.invited; missing >= SMALLEST_ROOM; missing = wanted - rooms.invited) {
        const plan = adHoc(chance, MEETING_SECONDS)
        const size = Math.round(Math.min(missing, Math.max(SMALLEST_ROOM, plan.size * scaleAt(second))))
        rooms.open({ ...plan, size }, step)
      }
      while (rooms.invited > wanted + SMALLEST_ROOM) rooms.endOne(events)
    },
  }
}

/** Linear between rows. */
function between(trace: Trace, at: number, figure: (row: TraceRow) => number): number {
  let [low, high] = [0, trace.length - 1]
  while (high - low > 1) {
    const middle = (low + high) >> 1
    if ((trace[middle] as TraceRow).at <= at) low = middle
    else high = middle
  }
  const [before, after] = [trace[low] as TraceRow, trace[high] as TraceRow]
  const share = Math.max(0, Math.min(1, (at - before.at) / (after.at - before.at)))
  return figure(before) + (figure(after) - figure(before)) * share
}
