// A cluster of real hosts that have the images of LiveKit and of the operator, so that nodes of the example classes start
// on them. Called by the demo's real stage and by the end-to-end tests.
import { ensureBinaries } from './binaries.ts'
import { type Cluster, type ClusterOptions, startCluster } from './cluster.ts'
import { ensureImage } from './images.ts'

/** Also has the loader built, so that nobody who joins later waits for it. Needs `make build` to have run. */
export async function startStockedCluster(
  hosts: number,
  log: (line: string) => void,
  options: ClusterOptions = {},
): Promise<Cluster> {
  await ensureBinaries(['loader'], { log })
  const archives = [await ensureImage('livekit', { log }), await ensureImage('operator', { log })]
  const cluster = await startCluster({ ...options, hosts, log })
  try {
    log('Its hosts are ready; loading the images of LiveKit and of the operator into them …')
    await Promise.all(cluster.hosts.flatMap(host => archives.map(archive => host.importImage(archive))))
    return cluster
  } catch (error) {
    await cluster.stop()
    throw error
  }
}
