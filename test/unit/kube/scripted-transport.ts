// The real transport, connected to a scripted server: what the tests of transport and informers begin with.
import type { TestContext } from 'node:test'
import type { Clock } from '../../../operator/ambient/clock.ts'
import { seededRandom } from '../../../operator/ambient/seeded-random.ts'
import type { KubeObject } from '../../../operator/api/meta.ts'
import type { Informer } from '../../../operator/kube/cache.ts'
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

/** Gives what lets the informer run. At the end of the test it ends, and after it what it was connected to. */
export function runnerOf<T extends KubeObject>(
  context: TestContext,
  scripted: ScriptedTransport,
  cache: Informer<T>,
): () => void {
  const stop = new AbortController()
  let running = Promise.resolve()
  context.after(async () => {
    stop.abort()
    await running
    await scripted[Symbol.asyncDispose]()
  })
  return () => {
    running = cache.run(stop.signal)
  }
}
