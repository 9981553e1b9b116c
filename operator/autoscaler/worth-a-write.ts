// Whether a status is worth a write: what people wait for is told at once, figures that move with every heartbeat only now and
// then, and nothing while nothing happens. Pure; asked by the controller.
import type { Condition } from '../api/meta.ts'
import type { RTCAutoscalerStatus } from '../api/rtcautoscaler-status.ts'
import { hasMoved } from './figures.ts'

/** Figures, and what follows from them alone, are written no more often than this. */
export const FIGURES_EVERY_MS = 30_000

/** Whether `next` is to be written now. `writtenAgoMs`: since this process wrote the status last. */
export function isDue(
  before: RTCAutoscalerStatus | undefined,
  next: RTCAutoscalerStatus,
  writtenAgoMs: number,
): boolean {
  if (JSON.stringify(news(before)) !== JSON.stringify(news(next))) return true
  if (writtenAgoMs < FIGURES_EVERY_MS) return false
  return hasMoved(figuresIn(before), figuresIn(next)) || limitIn(before) !== limitIn(next)
}

const news = (status: RTCAutoscalerStatus | undefined): unknown => [
  status?.observedGeneration,
  status?.currentReplicas,
  status?.lastDecision?.at,
  status?.lastDecision?.to,
  status?.lastScaleTime,
  status?.learned?.at,
  status?.conditions?.filter(isNews).map(({ type, status: value, reason }) => [type, value, reason]),
]

/** Load that goes up and down a little has now one limit, now another, now none. */
const isNews = ({ type }: Condition): boolean => type !== 'ScalingLimited'
const limitIn = (status: RTCAutoscalerStatus | undefined): string | undefined =>
  status?.conditions?.find(({ type }) => type === 'ScalingLimited')?.reason

/** Of the terms only those that say how much is needed: the others follow, or creep for hours. */
const figuresIn = (status: RTCAutoscalerStatus | undefined) => [
  status?.desiredReplicas,
  status?.recommendedReplicas,
  status?.pressure,
  status?.latency === undefined ? undefined : Number.parseFloat(status.latency),
  status?.joinLatencyP99Ms,
  status?.freshPercent,
  status?.terms?.demand,
  status?.terms?.capacity,
]
