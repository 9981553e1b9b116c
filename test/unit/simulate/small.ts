// What the simulator's tests share: a small SFU, a short trace, an autoscaler.
import { instant } from '../../../operator/ambient/clock.ts'
import { RTCAutoscalerKind } from '../../../operator/api/rtcautoscaler.ts'
import type { RTCAutoscalerSpec } from '../../../operator/api/rtcautoscaler-spec.ts'
import { type SfuModel, sfuModelSchema } from '../../../operator/simulate/sfu-model.ts'
import type { Trace } from '../../../operator/simulate/trace.ts'

export const model: SfuModel = sfuModelSchema.parse({
  sfu: 'a small one',
  origin: 'made up',
  node: { cores: 1, streamsAtFull: 2_000, idleCpuPercent: 0, cpuNoise: 0.02 },
  joinLatencyP99: { idleMs: 60, risingMs: 35, mostMs: 10_000, spread: 0.1 },
  startUp: { onHostSeconds: { p50: 20, p90: 25 }, hostSeconds: { p50: 60, p90: 90 } },
})

export const specOf = (more: object = {}): RTCAutoscalerSpec =>
  RTCAutoscalerKind.spec.parse({
    poolName: 'eu',
    minReplicas: 2,
    maxReplicas: 100,
    targets: { joinLatencyP99Ms: 200 },
    ...more,
  }) as RTCAutoscalerSpec

/** People from 60 up to 660 and back within four hours. */
export const hill: Trace = Array.from({ length: 49 }, (_, index) => ({
  at: instant(Date.UTC(2026, 0, 5, 8, 5 * index)),
  participants: Math.round(360 - 300 * Math.cos((2 * Math.PI * index) / 48)),
  rooms: undefined,
}))
