// RTCAutoscaler: keeps the latency of a pool at its goal by setting its replicas. People write the spec, the autoscaler
// controller writes the status; the pool is only touched through its scale subresource.
import type { Kind } from './kind.ts'
import { API_VERSION, type KubeObject } from './meta.ts'
import { autoscalerReasons } from './reasons.ts'
import { type RTCAutoscalerSpec, rtcAutoscalerSpecSchema } from './rtcautoscaler-spec.ts'
import { type RTCAutoscalerStatus, rtcAutoscalerStatusSchema } from './rtcautoscaler-status.ts'

export interface RTCAutoscaler extends KubeObject {
  readonly spec: RTCAutoscalerSpec
  readonly status?: RTCAutoscalerStatus
}

const autoscalerConditions = {
  ScalingActive: 'It works out replicas and sets them. Its reason is the column Reason.',
  AbleToScale: 'The pool is there and takes a number.',
  ScalingLimited: 'A limit keeps the number from being what the formula says.',
  LatencyNotLoadRelated: 'Latency is bad while load is low: more nodes would not help, so none are made.',
  Fallback: 'Too few nodes report for long; the pool is held, or raised to spec.fallback.replicas.',
  ExternallyManaged: 'An HPA or a ScaledObject sets the replicas of the pool; this one stands back.',
  TelemetryDegraded: 'Part of the pool does not report; nothing is taken away.',
} as const
export type AutoscalerConditionType = keyof typeof autoscalerConditions

const active = (field: 'reason' | 'message' | 'status'): string =>
  `.status.conditions[?(@.type=="ScalingActive")].${field}`

export const RTCAutoscalerKind: Kind<RTCAutoscaler> = {
  apiVersion: API_VERSION,
  kind: 'RTCAutoscaler',
  plural: 'rtcautoscalers',
  singular: 'rtcautoscaler',
  shortName: 'rtca',
  namespaced: true,
  description:
    'RTCAutoscaler keeps the latency of an RTCNodePool at its goal: load decides how many nodes there are, latency calibrates how full they may be, and every decision explains itself.',
  spec: rtcAutoscalerSpecSchema,
  status: rtcAutoscalerStatusSchema,
  initialStatus: {},
  rules: [],
  columns: [
    { name: 'Pool', type: 'string', jsonPath: '.spec.poolName', description: 'The pool it scales' },
    { name: 'Current', type: 'integer', jsonPath: '.status.currentReplicas', description: 'Replicas now' },
    { name: 'Desired', type: 'integer', jsonPath: '.status.desiredReplicas', description: 'Replicas wanted' },
    { name: 'Pressure', type: 'number', jsonPath: '.status.pressure', description: 'Mean pressure; 1 is full' },
    { name: 'Latency', type: 'string', jsonPath: '.status.latency', description: 'Against its goal' },
    { name: 'Mode', type: 'string', jsonPath: '.spec.mode', description: 'Apply or Recommend' },
    { name: 'Active', type: 'string', jsonPath: active('status'), description: 'Whether it scales' },
    { name: 'Reason', type: 'string', jsonPath: active('reason'), description: 'What is going on' },
    { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp', description: 'Since when it exists' },
    { name: 'Min', type: 'integer', jsonPath: '.spec.minReplicas', description: 'Lower bound', wide: true },
    { name: 'Max', type: 'integer', jsonPath: '.spec.maxReplicas', description: 'Upper bound', wide: true },
    {
      name: 'Why',
      type: 'string',
      jsonPath: '.status.lastDecision.why',
      description: 'Where the last number comes from',
      wide: true,
    },
  ],
  conditions: autoscalerConditions,
  reasons: autoscalerReasons,
}
