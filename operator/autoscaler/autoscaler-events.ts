// What an autoscaler tells people in Kubernetes events: each change of replicas with its reason, and that something has come
// up or is over that they should know of.
import type { Condition } from '../api/meta.ts'
import { type AutoscalerReason, autoscalerReasons } from '../api/reasons.ts'
import type { AutoscalerConditionType } from '../api/rtcautoscaler.ts'
import type { RTCAutoscalerStatus } from '../api/rtcautoscaler-status.ts'
import type { RTCNodePool } from '../api/rtcnodepool.ts'
import { conditionOf } from '../kube/conditions.ts'
import type { Happening } from '../kube/events.ts'
import type { Decision } from './autoscaler-status.ts'

/** `isSet`: false in mode Recommend, where the change is only worked out. */
export function eventOfDecision({ from, to, why, limits }: Decision, isSet: boolean, pool: RTCNodePool): Happening {
  const direction = to > from ? 'ScaledUp' : 'ScaledDown'
  const limited = limits.length > 0 ? `; limited by ${limits.join(', ')}` : ''
  return {
    type: 'Normal',
    reason: isSet ? direction : 'Recommending',
    action: 'Scale',
    note: `${why}${limited}`,
    related: pool,
  }
}

/** Somebody should look when one of these holds. */
const alarms: readonly AutoscalerConditionType[] = ['Fallback', 'LatencyNotLoadRelated', 'TelemetryDegraded']
/** Reasons of ScalingActive for which replicas are not set and somebody should know. */
const hindrances: ReadonlySet<string> = new Set<AutoscalerReason>([
  'ExternallyManaged',
  'AnotherAutoscaler',
  'InvalidSchedule',
  'PoolNotFound',
])

/** One for each condition that has become true, or true no more, since `before`. */
export function eventsOfChange(before: RTCAutoscalerStatus | undefined, next: RTCAutoscalerStatus): Happening[] {
  const changes = (type: AutoscalerConditionType): [Condition | undefined, Condition | undefined] => [
    conditionOf(before?.conditions, type),
    conditionOf(next.conditions, type),
  ]
  const about = alarms.flatMap(type => {
    const [was, is] = changes(type)
    if (is === undefined || (was?.status === 'True') === (is.status === 'True')) return []
    return [happening(is.status === 'True' ? 'Warning' : 'Normal', is)]
  })
  const [wasActive, isActive] = changes('ScalingActive')
  if (isActive !== undefined && hindrances.has(isActive.reason) && wasActive?.reason !== isActive.reason)
    about.push(happening('Warning', isActive))
  const [wasAble, isAble] = changes('AbleToScale')
  if (isAble?.status === 'False' && wasAble?.reason !== isAble.reason && !hindrances.has(isAble.reason))
    about.push(happening('Warning', isAble))
  return about
}

const happening = (type: Happening['type'], { reason, message }: Condition): Happening => ({
  type,
  reason,
  action: 'Reconcile',
  note: message || autoscalerReasons[reason as AutoscalerReason],
})
