// A factor on the knee that gives way quickly when joins are late at pressures that were held to be safe, and comes back slowly
// (AIMD, as TCP; the step "Trim" of docs/scaling.md). Pure; fed by learning.ts, read by size.ts.

export interface Trim {
  factor: number
  /** Since the last step of the factor. */
  joins: number
  late: number
  /** Minutes of the passage that were judged. */
  minute: number
  /** Of the last step; −1: none yet. */
  lateShare: number
}

export const [LEAST_TRIM, MOST_TRIM] = [0.7, 1]
const GIVES_WAY = 0.92
const COMES_BACK = 0.005
/** Goals are 99th percentiles. */
export const ALLOWED_LATE = 0.01
/** With a 99th percentile further below the goal, fewer than one join in a million is late. */
const NEAR_THE_GOAL = 0.33
const LEAST_JOINS = 20

export const newTrim = (): Trim => ({ factor: MOST_TRIM, joins: 0, late: 0, minute: 0, lateShare: -1 })

/** So many joins met this quality (99th percentile ÷ goal). */
export function learnTrim(trim: Trim, quality: number, joins: number): void {
  if (!(quality >= 0 && joins > 0)) return
  trim.joins += joins
  trim.late += joins * lateAt(quality)
}

/**
 * The share above the goal when only the 99th percentile is told, for an exponential tail: P(J > T) = 0.01^(T/p99). At the
 * goal it is 1 % for any tail, and that is where the decision lies.
 */
export const lateAt = (quality: number): number => (quality > NEAR_THE_GOAL ? ALLOWED_LATE ** (1 / quality) : 0)

/** Before the beats of a snapshot: judges what came until the minute was full, or until there were enough joins to tell. */
export function beginTrim(trim: Trim, nowMs: number): void {
  const minute = Math.floor(nowMs / 60_000)
  if (minute === trim.minute) return
  trim.minute = minute
  if (trim.joins < LEAST_JOINS) return
  trim.lateShare = trim.late / trim.joins
  trim.factor =
    trim.lateShare > ALLOWED_LATE
      ? Math.max(LEAST_TRIM, trim.factor * GIVES_WAY)
      : Math.min(MOST_TRIM, trim.factor + COMES_BACK)
  forgetJoins(trim)
}

/** Latency that load does not explain is no reason to give way, nor to come back. */
export function forgetJoins(trim: Trim): void {
  trim.joins = 0
  trim.late = 0
}

export const trimOf = ({ trim }: { readonly trim: Trim }): number => trim.factor

/** The share of joins that were late, when it was last looked at. Undefined: there have been too few. */
export const lateShare = ({ trim }: { readonly trim: Trim }): number | undefined =>
  trim.lateShare < 0 ? undefined : trim.lateShare
