// Why an autoscaler wants the number it wants: the formula with its figures put in, what limits it, and what is in the way. Pure;
// all from the status, so it is what the operator reckoned and not what this program would.
import type { Instant } from '../ambient/clock.ts'
import type { Condition } from '../api/meta.ts'
import { type AutoscalerReason, autoscalerReasons } from '../api/reasons.ts'
import type { AutoscalerConditionType, RTCAutoscaler } from '../api/rtcautoscaler.ts'
import type { Terms } from '../api/rtcautoscaler-status.ts'
import type { RTCNodePool } from '../api/rtcnodepool.ts'
import { conditionOf } from '../kube/conditions.ts'
import { type EventRead, type Explanation, fact, problem, type Sentence, toldBy } from './explanation.ts'
import { autoscalerRemedies, remedyFor } from './remedies.ts'
import { ago, counted, figure } from './words.ts'

export interface AutoscalerEvidence {
  readonly autoscaler: RTCAutoscaler
  /** Undefined: there is none. */
  readonly pool: RTCNodePool | undefined
  readonly events: readonly EventRead[]
  readonly now: Instant
}

export function explainAutoscaler({ autoscaler, pool, events, now }: AutoscalerEvidence): Explanation {
  const { kind, metadata, status } = autoscaler
  const { name, namespace } = metadata
  return {
    kind,
    ...(namespace === undefined ? {} : { namespace }),
    name,
    headline: headlineOf(autoscaler, pool),
    sentences:
      status?.conditions === undefined
        ? [problem('no operator has said a word about it yet', 'kubectl rtc doctor')]
        : [
            ...active(autoscaler),
            ...formula(autoscaler),
            ...quality(autoscaler),
            ...alarms(autoscaler),
            ...lastChange(autoscaler, now),
          ],
    events: toldBy(events),
  }
}

function headlineOf({ metadata, spec, status }: RTCAutoscaler, pool: RTCNodePool | undefined): string {
  const who = `RTCAutoscaler ${metadata.namespace}/${metadata.name}`
  const wanted = status?.desiredReplicas
  const wish = wanted === undefined ? 'has worked out nothing yet' : `wants ${counted(wanted, 'node')}`
  const has = pool === undefined ? 'there is no such pool' : `which is asked for ${pool.spec.replicas}`
  return `${who} ${wish} for pool ${spec.poolName}, ${has}; bounds ${spec.minReplicas} to ${spec.maxReplicas}`
}

/** Reasons for which somebody has told it not to scale. */
const asWished: ReadonlySet<string> = new Set<AutoscalerReason>(['Recommending', 'Paused', 'PoolDeleting'])

function active(autoscaler: RTCAutoscaler): Sentence[] {
  const condition = conditionOf(autoscaler.status?.conditions, 'ScalingActive')
  if (condition === undefined) return []
  const isProblem =
    (condition.status !== 'True' && !asWished.has(condition.reason)) || condition.reason === 'LatencyNotLoadRelated'
  return [sentenceOf(autoscaler, condition, isProblem)]
}

function sentenceOf({ metadata, spec }: RTCAutoscaler, { reason, message }: Condition, isProblem: boolean): Sentence {
  const meaning = meaningOf(reason)
  const says = `${reason}: ${meaning === undefined || message.startsWith(meaning) ? message : `${meaning}: ${message}`}`
  const remedy = remedyFor(autoscalerRemedies[reason as AutoscalerReason], { name: metadata.name, pool: spec.poolName })
  if (isProblem) return problem(says, remedy)
  return remedy === undefined ? fact(says) : { ...fact(says), remedy }
}

const meaningOf = (reason: string): string | undefined =>
  (autoscalerReasons as Readonly<Record<string, string>>)[reason]?.replace(/\.$/, '')

const forecasts: Readonly<Record<NonNullable<Terms['forecastBy']>, string>> = {
  now: 'the load of now',
  trend: 'where the slope of the load leads',
  hour: 'what this minute of the hour has brought before',
  day: 'what this minute of the day has brought before',
}

/** Step 9 of docs/scaling.md with the figures of now, then where each of them comes from. */
function formula({ status }: RTCAutoscaler): Sentence[] {
  const terms = status?.terms
  if (terms === undefined) return []
  const { forecast, draining = 0, capacity, safePressure, warm = 0, needed, demand } = terms
  if (forecast === undefined || capacity === undefined || safePressure === undefined) return []
  const off = draining > 0 ? ` − ${figure(draining)} on closed nodes` : ''
  const load = off === '' ? figure(forecast) : `(${figure(forecast)}${off})`
  const quotient = (forecast - draining) / (capacity * safePressure)
  const spare = warm > 0 ? `, and ${warm} to spare for bursts` : ''
  const result = needed === undefined ? '' : `, so ${counted(needed, 'node')}`
  return [
    fact(
      `by the formula: load ${load} / (${figure(capacity)} a node × ${figure(safePressure)} safe pressure) = ${figure(quotient)}${spare}${result}`,
    ),
    fact(
      `the load is ${forecasts[terms.forecastBy ?? 'now']}: ${figure(forecast)} units${demand === undefined ? '' : `; there are ${figure(demand)} now`}`,
    ),
    ...pressure(terms),
  ]
}

/** Below these somebody may want to look for a reason. */
const [LOW_KNEE, LOW_TRIM, LARGE_MARGIN] = [0.5, 0.9, 0.2]

function pressure({ safePressure = 0, knee, trim, margin }: Terms): Sentence[] {
  if (knee === undefined || trim === undefined || margin === undefined) return []
  const causes = [
    ...(knee < LOW_KNEE ? ['a low knee: a slow SFU or a strict goal'] : []),
    ...(trim < LOW_TRIM ? ['a low trim: too many joins were late lately'] : []),
    ...(margin > LARGE_MARGIN ? ['a large margin: rooms are spread badly, or are large for the nodes'] : []),
  ]
  const of = `${figure(trim)} trim × ${figure(knee)} knee − ${figure(margin)} margin`
  return [
    fact(
      `nodes may be ${figure(safePressure * 100)} % full on average (${of}, at most prewarm.enter)${causes.length === 0 ? '' : `; ${causes.join('; ')}`}`,
    ),
  ]
}

function quality({ status }: RTCAutoscaler): Sentence[] {
  const { pressure: now, latency, freshPercent } = status ?? {}
  const parts = [
    ...(now === undefined ? [] : [`nodes that take rooms are ${figure(now * 100)} % full on average`]),
    ...(latency === undefined ? [] : [`quality against its goal: ${latency}`]),
    ...(freshPercent === undefined ? [] : [`${figure(freshPercent)} % of the pool reports`]),
  ]
  return parts.length === 0 ? [] : [fact(parts.join('; '))]
}

/** Limits that are there most of the time and harm nobody. */
const usual: ReadonlySet<string> = new Set<AutoscalerReason>([
  'TooFullAfter',
  'ScaleDownWindow',
  'ScaleUpWindow',
  'ScaleUpPolicy',
  'ScaleDownPolicy',
  'Tolerance',
  'MinReplicas',
  'Scheduled',
])
const badWhen: readonly (readonly [AutoscalerConditionType, Condition['status']])[] = [
  ['AbleToScale', 'False'],
  ['ScalingLimited', 'True'],
  ['Fallback', 'True'],
  ['TelemetryDegraded', 'True'],
  ['LatencyNotLoadRelated', 'True'],
]

function alarms(autoscaler: RTCAutoscaler): Sentence[] {
  const { conditions } = autoscaler.status ?? {}
  const told = conditionOf(conditions, 'ScalingActive')?.reason
  return badWhen.flatMap(([type, status]) => {
    const condition = conditionOf(conditions, type)
    if (condition?.status !== status || condition.reason === told) return []
    return [sentenceOf(autoscaler, condition, !usual.has(condition.reason))]
  })
}

function lastChange({ status }: RTCAutoscaler, now: Instant): Sentence[] {
  const { lastDecision } = status ?? {}
  if (lastDecision === undefined) return [fact('it has not changed the number yet')]
  const limits = lastDecision.limits.map(limit => meaningOf(limit) ?? limit)
  return [
    fact(
      `last change, ${ago(lastDecision.at, now)}: ${lastDecision.why}${limits.length === 0 ? '' : `; limited: ${limits.join('; ')}`}`,
    ),
  ]
}
