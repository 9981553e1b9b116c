// Writes the number of a decision into the pool. All the judgement was in the core; what is left here is how it is written so
// that it takes back nothing that was decided since, and how it is known whether it was taken.
import { keyOf } from '../api/meta.ts'
import type { RTCAutoscaler } from '../api/rtcautoscaler.ts'
import { type RTCNodePool, RTCNodePoolKind } from '../api/rtcnodepool.ts'
import { ApiError, isRefusal, NotLeaderError } from '../kube/errors.ts'
import type { Expectations } from '../kube/expectations.ts'
import type { ResourceClient } from '../kube/resource.ts'

export interface AutoscalerWriters {
  readonly autoscalers: ResourceClient<RTCAutoscaler>
  readonly pools: ResourceClient<RTCNodePool>
  /** What was written and must be seen in the caches before the same autoscaler decides again. */
  readonly expectations: Expectations
  readonly signal: AbortSignal
}

export type Outcome =
  | { readonly outcome: 'done' }
  /** In the API server's words. */
  | { readonly outcome: 'refused'; readonly message: string }
  /** Nobody answered: it may be done, or will be. */
  | { readonly outcome: 'unsure'; readonly error: unknown }

/** Conflicts are thrown: the pool has changed since it was judged, and is judged again. */
export async function setReplicas(
  by: RTCAutoscaler,
  pool: RTCNodePool,
  replicas: number,
  writers: AutoscalerWriters,
): Promise<Outcome> {
  const { uid, resourceVersion } = pool.metadata
  // UID and version are preconditions.
  const patch = { metadata: { uid, resourceVersion }, spec: { replicas } }
  try {
    const { signal } = writers
    const scale = await writers.pools.mergePatch(keyOf(pool), patch, { subresource: 'scale', signal })
    // Of the pool: a Scale has the version of what it is the scale of.
    noteWritten(by, pool, scale.metadata.resourceVersion, writers)
    return { outcome: 'done' }
  } catch (error) {
    if (isRefusal(error)) return { outcome: 'refused', message: error.message }
    const isCertain = error instanceof NotLeaderError || (error instanceof ApiError && error.status < 500)
    if (isCertain) throw error
    return { outcome: 'unsure', error }
  }
}

/** Asks the API server itself whether a number that nobody confirmed has come to be. */
export async function wasSet(
  by: RTCAutoscaler,
  pool: RTCNodePool,
  replicas: number,
  writers: AutoscalerWriters,
): Promise<boolean> {
  const live = await writers.pools.get(keyOf(pool), { signal: writers.signal })
  if (live === undefined || live.metadata.uid !== pool.metadata.uid) return false
  noteWritten(by, pool, live.metadata.resourceVersion, writers)
  return live.spec.replicas === replicas
}

const noteWritten = (by: RTCAutoscaler, pool: RTCNodePool, resourceVersion: string, writers: AutoscalerWriters): void =>
  writers.expectations.wrote({ by: keyOf(by), kind: RTCNodePoolKind.kind, key: keyOf(pool), resourceVersion })
