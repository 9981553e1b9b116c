// The view that a replica keeps of a scripted registry, on a clock driven by hand: what the tests of the view begin with.
import { seededRandom } from '../../../operator/ambient/seeded-random.ts'
import { type FleetView, fleetView } from '../../../operator/registry/fleet.ts'
import { registryMetricTable } from '../../../operator/registry/metrics.ts'
import { silentLogger } from '../../../operator/telemetry/log.ts'
import { type MetricRegistry, metricRegistry, metricsFrom } from '../../../operator/telemetry/metrics.ts'
import { type FakeClock, fakeClock } from '../fake-clock.ts'
import { type ScriptedRegistry, scriptedRegistry } from './scripted-registry.ts'

export interface WatchedView {
  readonly etcd: ScriptedRegistry
  readonly clock: FakeClock
  readonly view: FleetView
  readonly metrics: MetricRegistry
  stop(): Promise<void>
}

/** Resolves when the empty registry has been read. */
export async function watchedView(): Promise<WatchedView> {
  const etcd = scriptedRegistry()
  const clock = fakeClock()
  const metrics = metricRegistry()
  const table = metricsFrom(metrics, registryMetricTable)
  const view = fleetView(etcd.connection, { clock, random: seededRandom(), log: silentLogger, metrics: table })
  const stopping = new AbortController()
  const ended = view.run(stopping.signal)
  await clock.advance(0)
  return {
    etcd,
    clock,
    view,
    metrics,
    async stop() {
      stopping.abort(new Error('the test is over'))
      await clock.advance(0)
      await ended
    },
  }
}
