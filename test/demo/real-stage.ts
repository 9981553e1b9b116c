// The stage of real things: hosts with kubelet and containerd, LiveKit servers in pods, participants with media.
import { ensureBinaries } from '../cluster/binaries.ts'
import { demoClass, demoKeys } from '../cluster/classes.ts'
import { startCluster } from '../cluster/cluster.ts'
import { ensureImage } from '../cluster/images.ts'
import { startLoad } from '../load/loader.ts'
import type { Stage } from './stage.ts'

export async function realStage(log: (line: string) => void): Promise<Stage> {
  await ensureBinaries(['loader'], { log })
  const archives = [await ensureImage('livekit', { log }), await ensureImage('operator', { log })]
  const cluster = await startCluster({ hosts: 2, log })
  const undo = new AsyncDisposableStack()
  undo.use(cluster)
  try {
    log('Its hosts are ready; loading the images of LiveKit and of the operator into them …')
    const imports = cluster.hosts.flatMap(host => archives.map(archive => host.importImage(archive)))
    await Promise.all(imports)
  } catch (error) {
    await undo.disposeAsync()
    throw error
  }
  return {
    cluster,
    classManifest: demoClass(),
    media: 'All send and hear audio.',
    async ask({ address }) {
      const url = `http://${address}:7880/`
      const answer = await fetch(url, { signal: AbortSignal.timeout(5_000) })
      if (!answer.ok) throw new Error(`${url} answered ${answer.status}`)
      return `GET ${url} → ${await answer.text()}`
    },
    async join(room, { address }, participants) {
      const url = `ws://${address}:7880`
      return undo.use(await startLoad({ url, ...demoKeys(), room, participants, prefix: `${room}-`, log }))
    },
    stop: () => undo.disposeAsync(),
  }
}
