// What a pool's status says of room on hosts: a part for each who makes it, and each part applied by a hand of its own, so that nobody
// takes away what another has told.
import { isDeepStrictEqual } from 'node:util'
import { FIELD_MANAGER } from '../../api/marks.ts'
import { keyOf } from '../../api/meta.ts'
import type { RTCNodePool, RTCNodePoolStatus } from '../../api/rtcnodepool.ts'
import type { Expectations } from '../../kube/expectations.ts'
import type { ResourceClient } from '../../kube/resource.ts'

interface Writers {
  readonly pools: ResourceClient<RTCNodePool>
  readonly expectations: Expectations
}

/** Undefined takes the part away. Resolves with whether that was news. */
export async function tellPart<P extends 'headroom' | 'announced'>(
  pool: RTCNodePool,
  part: P,
  told: RTCNodePoolStatus[P],
  { pools, expectations }: Writers,
  signal: AbortSignal,
): Promise<boolean> {
  if (isDeepStrictEqual(pool.status?.[part], told)) return false
  const { apiVersion, kind } = pool
  const { name, namespace, uid } = pool.metadata
  const key = keyOf(pool)
  const { metadata } = await pools.apply(
    key,
    { apiVersion, kind, metadata: { name, namespace, uid }, status: told === undefined ? {} : { [part]: told } },
    { fieldManager: `${FIELD_MANAGER}-${part}`, force: true, subresource: 'status', signal },
  )
  expectations.wrote({ by: key, kind, key, resourceVersion: metadata.resourceVersion })
  return true
}
