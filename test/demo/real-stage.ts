// The stage of real things: hosts with kubelet and containerd, LiveKit servers in pods, participants with media.

import { demoClass, demoKeys } from '../cluster/classes.ts'
import { startCluster } from '../cluster/cluster.ts'
import { ensureImage } from '../cluster/images.ts'
import { startLoad } from '../load/loader.ts'
import type { Stage } from './stage.ts'

const images = ['livekit', 'operator'] as const

export async function realStage(log: (line: string) => void): Promise<Stage> {
  const cluster = await startCluster({ hosts: 2, log })
  for (const image of images) {
    const archive = await ensureImage(image, { log })
    await Promise.all(cluster.hosts.map(host => host.importImage(archive)))
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
    join: (room, { address }, people) =>
      startLoad({ url: `ws://${address}:7880`, ...demoKeys(), room, participants: people, prefix: `${room}-`, log }),
    stop: () => cluster.stop(),
  }
}
