// An autoscaler's metrics: they come with its first look and go with it, counters too.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { objectKey } from '../../../../operator/api/meta.ts'
import type { RTCAutoscalerSpec } from '../../../../operator/api/rtcautoscaler-spec.ts'
import type { Recommendation } from '../../../../operator/autoscaler/deciding/core.ts'
import { autoscalerMetrics } from '../../../../operator/autoscaler/metrics.ts'
import { metricRegistry } from '../../../../operator/telemetry/metrics.ts'

const key = objectKey('eu', 'media')
const recommendation = {
  desired: 4,
  recommended: 6,
  pressure: 0.5,
  joinLatencyP99Ms: 250,
  freshPercent: 100,
  terms: { demand: 100, draining: 0, capacity: 50, safePressure: 0.5 },
  limits: ['MaxReplicas'],
  fallback: { on: false },
  leadTime: {},
} as unknown as Recommendation
const spec = { minReplicas: 1, maxReplicas: 4, targets: { joinLatencyP99Ms: 1_500 } } as unknown as RTCAutoscalerSpec

async function seriesIn(registry: ReturnType<typeof metricRegistry>): Promise<string[]> {
  return (await registry.metrics()).split('\n').filter(line => line !== '' && !line.startsWith('#'))
}

test('bounds, goal, decisions and limits are told, and nothing of it is left when the autoscaler is gone', async () => {
  const registry = metricRegistry()
  const metrics = autoscalerMetrics(registry)
  metrics.show(key, recommendation, { replicas: 3, spec })
  metrics.decided(key, 'ScaledUp')
  const told = await seriesIn(registry)
  const its = 'namespace="media",autoscaler="eu"'
  for (const line of [
    `rtcnode_autoscaler_current_replicas{${its}} 3`,
    `rtcnode_autoscaler_max_replicas{${its}} 4`,
    `rtcnode_autoscaler_join_latency_goal_seconds{${its}} 1.5`,
    `rtcnode_autoscaler_decisions_total{${its},reason="ScaledUp"} 1`,
    `rtcnode_autoscaler_decisions_total{${its},reason="ScaledDown"} 0`,
    `rtcnode_autoscaler_limits_total{${its},limit="MaxReplicas"} 1`,
  ])
    assert.ok(told.includes(line), `${line} in\n${told.join('\n')}`)
  metrics.forget(key)
  assert.deepEqual(await seriesIn(registry), [])
})
