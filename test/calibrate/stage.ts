// Where a calibration takes place: one real host, and LiveKit in pods whose CPU is limited, so that the SFU and not the
// machine is what gives way. The operator makes the nodes; their agents' heartbeats are what is measured.
import { join } from 'node:path'
import { parseScrape, type Scrape } from '../../operator/agent/livekit/metrics.ts'
import { systemClock } from '../../operator/ambient/clock.ts'
import type { Heartbeat } from '../../operator/api/heartbeat.ts'
import { demoClass, demoKeys } from '../cluster/classes.ts'
import { applyCrds } from '../cluster/crds.ts'
import { startStockedCluster } from '../cluster/stocked.ts'
import { recordHistory } from '../integration/harness/history.ts'
import { startOperator } from '../integration/harness/operator.ts'
import { type Crowd, createCrowd } from './crowd.ts'
import type { StartUp } from './run.ts'

export interface CalibrationStage extends AsyncDisposable {
  /** Resolves when the node takes rooms. */
  startNode(name: string): Promise<StartUp>
  /** Resolves when nothing is left of it. */
  removeNode(name: string): Promise<void>
  heartbeat(name: string): Heartbeat | undefined
  /** LiveKit's own metrics, as its agent reads them. */
  scrape(name: string): Promise<Scrape>
  crowdOn(name: string): Crowd
}

const root = join(import.meta.dirname, '../..')
const WITHIN_MS = 60_000
/** From a join until the server has answered it; histogram, milliseconds. */
export const ANSWERS = 'livekit_session_join_latency_ms'

/** Needs root, and `make build` to have run. */
export async function startStage(cpuLimitCores: number, log: (line: string) => void): Promise<CalibrationStage> {
  const undo = new AsyncDisposableStack()
  try {
    const cluster = undo.use(await startStockedCluster(1, log))
    for (const host of cluster.hosts) host.favour()
    await applyCrds(cluster)
    await cluster.kubectl(['apply', '-f-'], { input: demoClass({ sfuCpuLimit: `${cpuLimitCores * 1_000}m` }) })
    const history = undo.use(recordHistory(cluster))
    undo.use(await startOperator(cluster, { program: join(root, 'dist/rtcnode.js') }))
    const heartbeat = (name: string): Heartbeat | undefined => history.heartbeat(`default/${name}`)
    const addressOf = (name: string): string => {
      const address = history.nodes(`default/${name}`).at(-1)?.is?.status?.address
      if (address === undefined) throw new Error(`${name} has no address`)
      return address
    }

    return {
      heartbeat,
      async startNode(name) {
        const askedAt = performance.now()
        const elapsed = (): number => (performance.now() - askedAt) / 1_000
        await cluster.kubectl(['apply', '-f-'], { input: manifest(name) })
        const hasHost = () => history.pods(`default/${name}`).at(-1)?.is?.spec.nodeName
        await history.until(`${name} to have a host`, hasHost, WITHIN_MS)
        const scheduledSeconds = elapsed()
        await history.until(`${name} to serve`, () => heartbeat(name)?.state === 'serving', WITHIN_MS)
        return { scheduledSeconds, servingSeconds: elapsed() }
      },
      async removeNode(name) {
        await cluster.kubectl(['delete', 'rtcnode', name, '--wait=false'])
        const isGone = () => !history.nodes(`default/${name}`).at(-1)?.is
        await history.until(`${name} to be gone`, isGone, WITHIN_MS)
      },
      async scrape(name) {
        const answer = await fetch(`http://${addressOf(name)}:6789/metrics`, { signal: AbortSignal.timeout(5_000) })
        return parseScrape(await answer.text(), new Set([ANSWERS]), systemClock.monotonic())
      },
      crowdOn: name => createCrowd({ url: `ws://${addressOf(name)}:7880`, ...demoKeys(), log }),
      [Symbol.asyncDispose]: () => undo.disposeAsync(),
    }
  } catch (error) {
    await undo.disposeAsync()
    throw error
  }
}

const manifest = (name: string): string =>
  JSON.stringify({
    apiVersion: 'rtcnode.io/v1alpha1',
    kind: 'RTCNode',
    metadata: { name, namespace: 'default' },
    spec: { className: 'livekit', drain: { deadlineSeconds: 1 } },
  })
