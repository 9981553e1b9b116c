// The stage of real things: hosts with kubelet and containerd, LiveKit servers in pods, participants with media.
import { demoClass, demoKeys } from '../cluster/classes.ts'
import { startStockedCluster } from '../cluster/stocked.ts'
import { startLoad } from '../load/loader.ts'
import type { Stage } from './stage.ts'

export async function realStage(log: (line: string) => void): Promise<Stage> {
  const undo = new AsyncDisposableStack()
  const cluster = undo.use(await startStockedCluster(2, log))
  return {
    cluster,
    // So little CPU that a few calls are a load.
    classManifest: demoClass({ sfuCpuLimit: '300m' }),
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
