// The status of an autoscaler, from what was worked out. Pure; asked by the controller at every look. Whether it is worth a
// write, worth-a-write.ts says.
import type { Instant } from '../ambient/clock.ts'
import type { Condition } from '../api/meta.ts'
import { type AutoscalerReason, autoscalerReasons } from '../api/reasons.ts'
import type { AutoscalerConditionType, RTCAutoscaler } from '../api/rtcautoscaler.ts'
import type { RTCAutoscalerStatus, Terms } from '../api/rtcautoscaler-status.ts'
import { withFindings } from '../kube/conditions.ts'
import { compact } from '../kube/status.ts'
import type { Recommendation } from './deciding/core.ts'
import { boundsOf } from './deciding/schedule.ts'
import { rounded } from './figures.ts'
import type { Standing } from './standing.ts'

export type Decision = NonNullable<RTCAutoscalerStatus['lastDecision']>

/** All that there is to tell. */
export interface Account {
  readonly autoscaler: RTCAutoscaler
  readonly standing: Standing
  /** Of the pool, as they are now; undefined: there is no pool. */
  readonly replicas: number | undefined
  readonly recommendation: Recommendation | undefined
  readonly lastDecision: Decision | undefined
  /** RFC 3339: when replicas were last set. */
  readonly lastScaleTime: string | undefined
  readonly learned: RTCAutoscalerStatus['learned']
  /** What the API server said against the number. */
  readonly refusal: string | undefined
  /** Why nodes of the pool do not start, if they do not. */
  readonly notStarting: string | undefined
  readonly now: Instant
}

export function statusOf(account: Account): RTCAutoscalerStatus {
  const { autoscaler, recommendation } = account
  const { generation } = autoscaler.metadata
  const figures = recommendation === undefined ? {} : figuresOf(recommendation)
  return compact({
    observedGeneration: generation,
    currentReplicas: account.replicas,
    desiredReplicas: recommendation?.desired,
    ...figures,
    lastDecision: account.lastDecision,
    lastScaleTime: account.lastScaleTime,
    learned: account.learned,
    conditions: withFindings(autoscaler.status?.conditions, findings(account), generation, account.now),
  })
}

/** What moves with every heartbeat. */
function figuresOf(it: Recommendation) {
  return compact<Partial<RTCAutoscalerStatus>>({
    recommendedReplicas: it.recommended,
    pressure: rounded(it.pressure),
    latency: it.latency?.slice(0, 64),
    joinLatencyP99Ms: rounded(it.joinLatencyP99Ms),
    freshPercent: rounded(it.freshPercent),
    terms: roundedTerms(it.terms),
    forecastErrorPercent: rounded(it.forecastErrorPercent),
    forecasts: rounded(forecastsOf(it)),
    leadTime: rounded(it.leadTime),
  })
}

function forecastsOf({ forecasts: { trend, hour, day } }: Recommendation): ForecastsTold {
  const told = (forecast: typeof trend) => compact<ForecastsTold['trend']>(forecast)
  return { trend: told(trend), hour: told(hour), day: told(day) }
}

type ForecastsTold = NonNullable<RTCAutoscalerStatus['forecasts']>

export const roundedTerms = (terms: Terms): Terms => rounded(terms)

/** A change is called what it is for as long as people look for it. */
const NEWS_MS = 60_000

/** The reason of ScalingActive. */
function reasonOf(account: Account): AutoscalerReason {
  const { standing, recommendation, lastScaleTime, lastDecision, now } = account
  if (standing.does === 'look on') return standing.because
  // Also while it grows: people are to mend it.
  if (complaintsOf(account).length > 0) return 'InvalidSchedule'
  const because = recommendation?.because ?? 'NoLoadYet'
  const isNews = lastScaleTime !== undefined && now - Date.parse(lastScaleTime) < NEWS_MS
  if (because !== 'Steady' || !isNews || lastDecision === undefined) return because
  return lastDecision.to > lastDecision.from ? 'ScaledUp' : 'ScaledDown'
}

const complaintsOf = ({ autoscaler, now }: Account): readonly string[] => boundsOf(autoscaler.spec, now).complaints

type Finding = Pick<Condition, 'status' | 'message'> & { type: AutoscalerConditionType; reason: AutoscalerReason }

function findings(account: Account): Finding[] {
  const { standing, recommendation } = account
  const because = reasonOf(account)
  const about = [
    scalingActive(account, because),
    ableToScale(account),
    standing.foreign.length > 0
      ? finding('ExternallyManaged', true, 'ExternallyManaged', `${standing.foreign.join(' and ')} set replicas too`)
      : finding('ExternallyManaged', false, 'NotManaged'),
  ]
  return [...about, ...(recommendation === undefined ? unknown(because) : ofRecommendation(recommendation))]
}

function scalingActive(account: Account, reason: AutoscalerReason): Finding {
  const { standing, recommendation } = account
  const type = 'ScalingActive'
  const why = recommendation?.why ?? autoscalerReasons[reason]
  if (standing.does === 'look on') {
    const worked = recommendation === undefined ? '' : `; worked out: ${why}`
    return finding(type, false, reason, `${standing.message}${worked}`)
  }
  if (reason === 'InvalidSchedule') {
    const complaints = complaintsOf(account).join('; ')
    return finding(type, false, reason, `${complaints}; until then it does not count and no node is taken away; ${why}`)
  }
  return reason === 'NoLoadYet'
    ? { ...finding(type, false, reason, why), status: 'Unknown' }
    : finding(type, true, reason, why)
}

function ableToScale({ standing, refusal, notStarting }: Account): Finding {
  const type = 'AbleToScale'
  if (standing.does === 'look on' && (standing.because === 'PoolNotFound' || standing.because === 'PoolDeleting'))
    return finding(type, false, standing.because, standing.message)
  if (refusal !== undefined)
    return finding(type, false, 'ScaleRefused', `the API server refused the number: ${refusal.slice(0, 1_024)}`)
  if (notStarting !== undefined) return finding(type, false, 'StartsFail', notStarting)
  return finding(type, true, 'PoolFound')
}

function ofRecommendation(it: Recommendation): Finding[] {
  const [limit] = it.limits
  const limits = it.limits.map(reason => autoscalerReasons[reason]).join(' ')
  const { on, because } = it.fallback
  return [
    limit === undefined
      ? finding('ScalingLimited', false, 'WithinLimits')
      : finding('ScalingLimited', true, limit, limits),
    finding('Fallback', on, because),
    it.latencyNotLoadRelated
      ? finding('LatencyNotLoadRelated', true, 'LatencyNotLoadRelated')
      : finding('LatencyNotLoadRelated', false, 'LoadRelated'),
    it.telemetryDegraded
      ? finding('TelemetryDegraded', true, 'TelemetryDegraded', degraded(it.freshPercent))
      : finding('TelemetryDegraded', false, 'EnoughReport'),
  ]
}

const degraded = (freshPercent: number | undefined): string =>
  `${freshPercent === undefined ? 'nobody' : `${Math.round(freshPercent)} % of the pool`} reports; nothing is taken away`

/** Without a pool nothing of this can be said. */
const unknown = (because: AutoscalerReason): Finding[] =>
  (['ScalingLimited', 'Fallback', 'LatencyNotLoadRelated', 'TelemetryDegraded'] as const).map(type => ({
    ...finding(type, false, because),
    status: 'Unknown',
  }))

const finding = (
  type: AutoscalerConditionType,
  holds: boolean,
  reason: AutoscalerReason,
  message: string = autoscalerReasons[reason],
): Finding => ({ type, status: holds ? 'True' : 'False', reason, message })
