// Autoscalers, their rivals and what was worked out for them, for the tests of the shell around the core.
import { type Instant, instant } from '../../../../operator/ambient/clock.ts'
import { API_VERSION, type ObjectMeta, type OwnerReference, type Uid } from '../../../../operator/api/meta.ts'
import { type RTCAutoscaler, RTCAutoscalerKind } from '../../../../operator/api/rtcautoscaler.ts'
import type { RTCAutoscalerSpec } from '../../../../operator/api/rtcautoscaler-spec.ts'
import type { RTCAutoscalerStatus } from '../../../../operator/api/rtcautoscaler-status.ts'
import type { Account } from '../../../../operator/autoscaler/autoscaler-status.ts'
import type { Recommendation } from '../../../../operator/autoscaler/deciding/core.ts'
import type { ForeignScaler } from '../../../../operator/autoscaler/rivals.ts'

export const NOW: Instant = instant(Date.parse('2030-01-01T10:00:00Z'))

const metadata = (name: string, change: Partial<ObjectMeta> = {}): ObjectMeta => ({
  name,
  namespace: 'media',
  uid: `uid-of-${name}` as Uid,
  resourceVersion: '1',
  generation: 1,
  creationTimestamp: '2030-01-01T00:00:00Z',
  ...change,
})

export interface AutoscalerTraits {
  readonly metadata?: Partial<ObjectMeta>
  readonly spec?: Partial<RTCAutoscalerSpec>
  readonly status?: RTCAutoscalerStatus
}

export const anAutoscaler = (name: string, traits: AutoscalerTraits = {}): RTCAutoscaler => ({
  apiVersion: API_VERSION,
  kind: 'RTCAutoscaler',
  metadata: metadata(name, traits.metadata),
  spec: RTCAutoscalerKind.spec.parse({
    poolName: 'eu',
    maxReplicas: 20,
    targets: { joinLatencyP99Ms: 1_500 },
    ...traits.spec,
  }) as RTCAutoscalerSpec,
  ...(traits.status && { status: traits.status }),
})

export interface ForeignTraits {
  readonly kind?: 'HorizontalPodAutoscaler' | 'ScaledObject'
  readonly target?: ForeignScaler['spec']['scaleTargetRef']
  readonly metadata?: Partial<ObjectMeta>
}

export const poolTarget = { apiVersion: API_VERSION, kind: 'RTCNodePool', name: 'eu' }

export const aForeign = (name: string, traits: ForeignTraits = {}): ForeignScaler => ({
  apiVersion: 'autoscaling/v2',
  kind: traits.kind ?? 'HorizontalPodAutoscaler',
  metadata: metadata(name, traits.metadata),
  spec: { scaleTargetRef: traits.target ?? poolTarget },
})

export const madeBy = ({ apiVersion, kind, metadata: { name, uid } }: ForeignScaler): OwnerReference => ({
  apiVersion,
  kind,
  name,
  uid,
  controller: true,
})

export const aRecommendation = (change: Partial<Recommendation> = {}): Recommendation => ({
  desired: 12,
  recommended: 12,
  terms: { demand: 6_000, capacity: 1_000, safePressure: 0.52, needed: 12 },
  limits: [],
  because: 'Steady',
  why: '12: load 6.0k / (1000 × 0.52)',
  pressure: 0.5,
  latency: '820/1500ms',
  joinLatencyP99Ms: 820,
  freshPercent: 100,
  fallback: { on: false, because: 'EnoughReport' },
  latencyNotLoadRelated: false,
  telemetryDegraded: false,
  forecastErrorPercent: 4,
  forecasts: {
    trend: { demand: 6_000, counts: true, errorPercent: 4 },
    hour: { demand: 7_800, counts: true, errorPercent: 3 },
    day: { demand: 6_000, counts: false, errorPercent: undefined },
  },
  leadTime: { warmSeconds: 20 },
  lookAgainMs: 10_000,
  ...change,
})

export const anAccount = (change: Partial<Account> = {}): Account => ({
  autoscaler: anAutoscaler('a'),
  standing: { does: 'scale', foreign: [] },
  replicas: 12,
  recommendation: aRecommendation(),
  lastDecision: undefined,
  lastScaleTime: undefined,
  learned: undefined,
  refusal: undefined,
  notStarting: undefined,
  now: NOW,
  ...change,
})
