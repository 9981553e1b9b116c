// What all writes of a pool go through, and how they are noted.
import type { Random } from '../ambient/random.ts'
import { type KubeObject, keyOf } from '../api/meta.ts'
import type { RTCNode } from '../api/rtcnode.ts'
import type { RTCNodePool } from '../api/rtcnodepool.ts'
import type { Expectations } from '../kube/expectations.ts'
import type { ResourceClient } from '../kube/resource.ts'
import type { ControllerRevision } from './revision.ts'

export interface PoolWriters {
  readonly pools: ResourceClient<RTCNodePool>
  readonly nodes: ResourceClient<RTCNode>
  readonly revisions: ResourceClient<ControllerRevision>
  /** What was written and must be seen in the caches before the same pool is planned again. */
  readonly expectations: Expectations
  readonly random: Random
  readonly signal: AbortSignal
}

/** `object` is the server's answer. */
export function noteWritten(pool: RTCNodePool, object: KubeObject, { expectations }: PoolWriters): void {
  const { resourceVersion } = object.metadata
  expectations.wrote({ by: keyOf(pool), kind: object.kind, key: keyOf(object), resourceVersion })
}

export function noteDeleted(pool: RTCNodePool, object: KubeObject, { expectations }: PoolWriters): void {
  const { uid } = object.metadata
  expectations.deleted({ by: keyOf(pool), kind: object.kind, key: keyOf(object), uid })
}
