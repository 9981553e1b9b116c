// How long things took in an installation, by what its history has seen. For the test of the chart and the benchmark.
import type { Pod } from '../../operator/api/core.ts'
import type { History, Version } from '../integration/harness/history.ts'
import { readyOf } from '../integration/harness/scene.ts'
import { isReady, NAMESPACE, SFUS } from './installation.ts'

/** When the first node served, in milliseconds since the epoch; NaN if none did. */
export function firstServingAt(history: History): number {
  const serving = history.seenIn(SFUS).flatMap(where => {
    const first = history.nodes(where).find(({ is }) => is && readyOf(is)?.reason === 'Serving')
    return first?.at ?? []
  })
  return serving.length === 0 ? Number.NaN : Math.min(...serving)
}

/** From when the API server saw the container run to when it saw the pod ready, after so many restarts. */
export function toReadyMs(history: History, { metadata }: Pod, restarts: number): number {
  const versions: readonly Version<Pod>[] = history.pods(`${NAMESPACE}/${metadata.name}`)
  const life = versions.flatMap(({ at, is }) => (is?.metadata.uid === metadata.uid ? [{ at, is }] : []))
  const runs = ({ is }: { is: Pod }) => {
    const container = is.status?.containerStatuses?.[0]
    return container?.restartCount === restarts && container.state?.running !== undefined
  }
  const started = life.filter(runs)
  return (started.find(({ is }) => isReady(is))?.at ?? Number.NaN) - (started[0]?.at ?? Number.NaN)
}
