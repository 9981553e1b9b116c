// The API server for commands that ask it a few things and end, such as Helm's hooks: no log, no metrics, closed afterwards.
import { systemClock } from './ambient/clock.ts'
import { systemRandom } from './ambient/random.ts'
import { kubeMetrics } from './kube/metrics.ts'
import { type KubeTransport, kubeTransport } from './kube/transport.ts'
import { silentLogger } from './telemetry/log.ts'
import { metricRegistry } from './telemetry/metrics.ts'

export interface Asker {
  /** `name/version`. */
  readonly userAgent: string
  /** Default: in-cluster, else as kubectl finds it. */
  readonly kubeconfigPath?: string
}

/** What `work` gives. Rejects as it does, or with CredentialsError. */
export async function withApiServer<T>(asker: Asker, work: (transport: KubeTransport) => Promise<T>): Promise<T> {
  const metrics = kubeMetrics(metricRegistry())
  const transport = await kubeTransport({
    ...asker,
    clock: systemClock,
    random: systemRandom,
    log: silentLogger,
    metrics,
  })
  try {
    return await work(transport)
  } finally {
    await transport.close()
  }
}
