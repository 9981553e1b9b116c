// Pools, nodes and records for the tests of what a pool owns and keeps.
import { labels } from '../../../operator/api/marks.ts'
import { API_VERSION, type KubeObject, type OwnerReference, type Uid } from '../../../operator/api/meta.ts'
import type { RTCNode } from '../../../operator/api/rtcnode.ts'
import { type RTCNodeClass, RTCNodeClassKind, type RTCNodeClassSpec } from '../../../operator/api/rtcnodeclass.ts'
import { type RTCNodePool, RTCNodePoolKind, type RTCNodePoolSpec } from '../../../operator/api/rtcnodepool.ts'
import type { ControllerRevision } from '../../../operator/pool/revision.ts'

type Metadata = Partial<KubeObject['metadata']>

const metadata = (name: string, change: Metadata): KubeObject['metadata'] => ({
  name,
  namespace: 'default',
  uid: `uid-of-${name}` as Uid,
  resourceVersion: '1',
  creationTimestamp: '2030-01-01T00:00:00Z',
  ...change,
})

export interface PoolTraits {
  readonly name?: string
  readonly metadata?: Metadata
  readonly selector?: Record<string, string>
  readonly templateLabels?: Record<string, string>
  readonly className?: string
  readonly pinnedRevision?: number
  readonly currentRevision?: string
}

export function aPool({ name = 'eu', selector = { app: 'sfu' }, className = 'sim', ...traits }: PoolTraits = {}) {
  const { templateLabels = selector, pinnedRevision, currentRevision } = traits
  const spec = RTCNodePoolKind.spec.parse({
    selector: { matchLabels: selector },
    template: { metadata: { labels: templateLabels }, spec: { className } },
    strategy: { pinnedRevision },
  }) as RTCNodePoolSpec
  const counts = { replicas: 0, openReplicas: 0, readyReplicas: 0, drainingReplicas: 0, updatedReplicas: 0 }
  const status = { ...counts, ...(currentRevision !== undefined && { currentRevision }) }
  const pool: RTCNodePool = {
    apiVersion: API_VERSION,
    kind: 'RTCNodePool',
    metadata: metadata(name, traits.metadata ?? {}),
    spec,
    status,
  }
  return pool
}

export const aNode = (name: string, change: Metadata = {}): RTCNode => ({
  apiVersion: API_VERSION,
  kind: 'RTCNode',
  metadata: metadata(name, change),
  spec: { className: 'sim', cordoned: false },
})

export const aClass = (name: string, change: Partial<RTCNodeClassSpec> = {}): RTCNodeClass => ({
  apiVersion: API_VERSION,
  kind: 'RTCNodeClass',
  metadata: metadata(name, {}),
  spec: RTCNodeClassKind.spec.parse({
    adapter: 'livekit',
    agent: { image: 'agent' },
    podTemplate: { spec: { containers: [{ name: 'sfu', image: 'sfu:1' }] } },
    ...change,
  }) as RTCNodeClassSpec,
})

export const aRecord = (revision: string, number: number, template: unknown): ControllerRevision => ({
  apiVersion: 'apps/v1',
  kind: 'ControllerRevision',
  metadata: metadata(`eu-${revision}-${number}`, { labels: { [labels.revision]: revision } }),
  revision: number,
  data: { template },
})

export const controlledBy = (owner: KubeObject): { ownerReferences: OwnerReference[] } => ({
  ownerReferences: [
    {
      apiVersion: owner.apiVersion,
      kind: owner.kind,
      name: owner.metadata.name,
      uid: owner.metadata.uid,
      controller: true,
    },
  ],
})
