// What single meetings are like: how many people, for how long. Drawn by the workloads.
import type { Chance } from './chance.ts'
import { type RoomPlan, streamsOf } from './rooms.ts'

export interface Habits {
  /** Share of meetings that are arranged, for 25 or 55 minutes from the full or half hour. */
  readonly arranged: number
  /** Share of meetings that go on for hours. */
  readonly long: number
}

const HOUR = 3_600
const ARRANGED = [
  { seconds: 25 * 60, share: 0.35 },
  { seconds: 55 * 60, share: 0.65 },
] as const
const AD_HOC_SECONDS = 15 * 60
const LONG = { hours: 6, deviation: 0.4, most: 12 }
const SIZE = { median: 4, deviation: 0.8, most: 60 }

export const sizeOf = (chance: Chance): number =>
  Math.max(2, Math.min(SIZE.most, Math.round(SIZE.median * Math.exp(SIZE.deviation * chance.normal()))))

export function arranged(chance: Chance): RoomPlan {
  const [short, usual] = ARRANGED
  const seconds = chance.uniform() < short.share ? short.seconds : usual.seconds
  return { size: sizeOf(chance), gatherSeconds: 150, lengthSeconds: seconds + 60 * chance.normal() }
}

export const adHoc = (chance: Chance, meanSeconds: number = AD_HOC_SECONDS): RoomPlan => ({
  size: sizeOf(chance),
  gatherSeconds: 60,
  lengthSeconds: 60 + Math.min(4 * HOUR, chance.exponential(meanSeconds)),
})

export const long = (chance: Chance): RoomPlan => ({
  size: sizeOf(chance),
  gatherSeconds: 300,
  lengthSeconds: HOUR * Math.min(LONG.most, LONG.hours * Math.exp(LONG.deviation * chance.normal())),
})

const meanArrangedSeconds = ARRANGED.reduce((sum, { seconds, share }) => sum + seconds * share, 0)
const meanLongSeconds = HOUR * LONG.hours * Math.exp(LONG.deviation ** 2 / 2)

export const meanSeconds = ({ arranged: share, long: longShare }: Habits): number =>
  longShare * meanLongSeconds + (1 - longShare) * (share * meanArrangedSeconds + (1 - share) * (AD_HOC_SECONDS + 60))

/** What a room with everybody there forwards, and how many they are, on average over sizes as they are drawn. */
export function meanRoom(chance: Chance): { readonly streams: number; readonly people: number } {
  const DRAWN = 20_000
  let [streams, people] = [0, 0]
  for (let drawn = 0; drawn < DRAWN; drawn += 1) {
    const size = sizeOf(chance)
    streams += streamsOf(size, 0) / DRAWN
    people += size / DRAWN
  }
  return { streams, people }
}
