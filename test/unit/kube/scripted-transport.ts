// The real transport, connected to a scripted server: what the tests of transport and informer begin with.
import type { Clock } from '../../../operator/ambient/clock.ts'
import { seededRandom } from '../../../operator/ambient/seeded-random.ts'
import { kubeMetrics } from '../../../operator/kube/metrics.ts'
import { type KubeTransport, kubeTransport } from '../../../operator/kube/transport.ts'
import { silentLogger } from '../../../operator/telemetry/log.ts'
import { metricRegistry } from '../../../operator/telemetry/metrics.ts'
import { type ScriptedServer, scriptedServer } from './scripted-server.ts'

export interface ScriptedTransport extends AsyncDisposable {
  readonly server: ScriptedServer
  readonly transport: KubeTransport
  /** What the transport was handed, for others that need the same. */
  readonly ambient: ReturnType<typeof ambientWith>
}

const ambientWith = (clock: Clock) => ({
  clock,
  random: seededRandom(),
  log: silentLogger,
  metrics: kubeMetrics(metricRegistry()),
})

export async function scriptedTransport(clock: Clock): Promise<ScriptedTransport> {
  const server = await scriptedServer()
  const ambient = ambientWith(clock)
  const transport = await kubeTransport({ ...ambient, kubeconfigPath: server.kubeconfigPath, userAgent: 'test/1' })
  return {
    server,
    transport,
    ambient,
    async [Symbol.asyncDispose]() {
      await transport.close()
      await server[Symbol.asyncDispose]()
    },
  }
}
