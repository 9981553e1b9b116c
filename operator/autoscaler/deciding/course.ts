// The number on its way from what the formula says to what is done, and each limit that turned it aside: whatever is limited
// names its limit, because there is no other way to limit. Used by up.ts, down.ts, need.ts and recommend.ts.
import type { AutoscalerReason } from '../../api/reasons.ts'

export interface Course {
  readonly replicas: number
  readonly limits: readonly AutoscalerReason[]
}

export const towards = (replicas: number): Course => ({ replicas, limits: [] })

/** Turned to `replicas` by this limit; as it was if that is where it goes anyway. */
export function turned({ replicas: before, limits }: Course, replicas: number, by: AutoscalerReason): Course {
  if (replicas === before) return { replicas, limits }
  return { replicas, limits: limits.includes(by) ? limits : [...limits, by] }
}

export const raised = (course: Course, least: number, by: AutoscalerReason): Course =>
  turned(course, Math.max(course.replicas, least), by)

export const lowered = (course: Course, most: number, by: AutoscalerReason): Course =>
  turned(course, Math.min(course.replicas, most), by)
