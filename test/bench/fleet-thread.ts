// The simulated fleet in a thread of its own, so that a thousand agents do not delay the watcher that measures. Used by
// benchmarks that need agents; the same file is both sides.
import { once } from 'node:events'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import type { Cluster } from '../cluster/cluster.ts'
import { type FleetOptions, startFleet } from '../sfu/fleet.ts'

export async function startFleetThread({ kubeconfigPath, registry }: Cluster): Promise<AsyncDisposable> {
  const options: FleetOptions = { kubeconfigPath, registry: { endpoints: registry.endpoints } }
  const thread = new Worker(new URL(import.meta.url), { workerData: options })
  await once(thread, 'message')
  return {
    async [Symbol.asyncDispose]() {
      await thread.terminate()
    },
  }
}

if (!isMainThread && parentPort !== null) {
  await startFleet(workerData as FleetOptions)
  parentPort.postMessage('ready', [])
}
