// How much people meet over a week, as a share of the busiest hour, and how much of it begins at the full and the half hour.
// Pure; the workloads are made of it.

/** A working day, hour by hour in UTC; between them it is linear. */
const hours = [
  0.05, 0.04, 0.03, 0.03, 0.04, 0.06, 0.12, 0.3, 0.6, 0.9, 1, 0.95, 0.65, 0.8, 1, 0.95, 0.75, 0.5, 0.3, 0.22, 0.2, 0.15,
  0.1, 0.07,
]
const WEEKEND = 0.15
const DAY = 86_400

/** `second` counts from a Monday, 0:00. */
export function shareOfPeak(second: number): number {
  const hour = (second % DAY) / 3_600
  const before = Math.floor(hour)
  const from = hours[before] ?? 0
  const to = hours[(before + 1) % hours.length] ?? 0
  const share = from + (to - from) * (hour - before)
  return Math.floor(second / DAY) % 7 < 5 ? share : share * WEEKEND
}

const HALF_HOUR = 1_800
/** People come some seconds after the mark, two in three within a minute and a half. */
const LATENESS = { mean: 15, deviation: 45 }
const AT_FULL_HOUR = 0.62

/** Of meetings that are arranged, how many times as many begin now as if they were spread evenly. */
export function pulse(second: number): number {
  const sinceMark = ((((second + HALF_HOUR / 2) % HALF_HOUR) + HALF_HOUR) % HALF_HOUR) - HALF_HOUR / 2
  const isFullHour = Math.round((second - sinceMark) / HALF_HOUR) % 2 === 0
  const z = (sinceMark - LATENESS.mean) / LATENESS.deviation
  const density = Math.exp((-z * z) / 2) / (LATENESS.deviation * Math.sqrt(2 * Math.PI))
  return 3_600 * density * (isFullHour ? AT_FULL_HOUR : 1 - AT_FULL_HOUR)
}
