// Words for the tests of load: beats, watermarks and moments.
import { type Monotonic, monotonic } from '../../../operator/ambient/clock.ts'
import type { Heartbeat } from '../../../operator/api/heartbeat.ts'
import { RTCAutoscalerKind } from '../../../operator/api/rtcautoscaler.ts'
import type { RTCAutoscalerSpec, Watermarks } from '../../../operator/api/rtcautoscaler-spec.ts'

/** Milliseconds, on a clock that began some time ago. */
export const at = (seconds: number): Monotonic => monotonic(1_000_000 + seconds * 1_000)

export const aBeat = (beat: Partial<Heartbeat> = {}): Heartbeat => ({
  podUID: 'pod-1',
  bootId: 'boot-1',
  seq: 1,
  state: 'serving',
  sessions: 0,
  ...beat,
})

/** Scales the pool `eu`, for joins within 1,500 ms. */
export const aSpec = (spec: object = {}): RTCAutoscalerSpec =>
  RTCAutoscalerKind.spec.parse({
    poolName: 'eu',
    maxReplicas: 10,
    targets: { joinLatencyP99Ms: 1_500 },
    ...spec,
  }) as RTCAutoscalerSpec

/** 0.65 / 0.82 / 0.95, with exits 0.55 / 0.72 / 0.85. */
export const watermarks: Watermarks = aSpec().watermarks
