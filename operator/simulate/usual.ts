// The RTCAutoscaler of built-in workloads, for those who hand in none of their own.
import { RTCAutoscalerKind } from '../api/rtcautoscaler.ts'
import type { RTCAutoscalerSpec } from '../api/rtcautoscaler-spec.ts'
import { joinP99Ms, type SfuModel } from './sfu-model.ts'

/** A goal that nodes keep up to 80 % of their CPU, and all defaults. */
export const usualSpec = (model: SfuModel, maxReplicas = 1_000): RTCAutoscalerSpec =>
  RTCAutoscalerKind.spec.parse({
    poolName: 'pool',
    minReplicas: 3,
    maxReplicas,
    targets: { joinLatencyP99Ms: Math.round(joinP99Ms(model, 0.8)) },
  }) as RTCAutoscalerSpec
