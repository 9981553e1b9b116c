// What the plugin reads of a cluster, in the words of the tests of pools: pool “eu” in namespace “media” and its nodes, at NOW.
import type { Condition, KubeObject, Uid } from '../../../operator/api/meta.ts'
import { API_VERSION } from '../../../operator/api/meta.ts'
import { type RTCAutoscaler, RTCAutoscalerKind } from '../../../operator/api/rtcautoscaler.ts'
import type { RTCAutoscalerSpec } from '../../../operator/api/rtcautoscaler-spec.ts'
import type { RTCAutoscalerStatus } from '../../../operator/api/rtcautoscaler-status.ts'
import type { RTCNode, RTCNodeStatus } from '../../../operator/api/rtcnode.ts'
import type { RTCNodePool } from '../../../operator/api/rtcnodepool.ts'
import type { EventRead } from '../../../operator/plugin/explanation.ts'
import { aNode, aPool, at, NOW, type NodeTraits, type PoolTraits, timeAt } from '../pool/build.ts'

export { at, NOW, timeAt }
export const now = at(NOW)

export interface NodeWords extends NodeTraits {
  /** Of the Ready condition; `unready` gives its reason too, and Serving is the reason of a node that is ready. */
  readonly reason?: string
  readonly message?: string
  readonly load?: RTCNodeStatus['load']
  readonly drainStatus?: RTCNodeStatus['drain']
  readonly managedFields?: readonly object[]
  /** Default: pool “eu”; null: nobody's. */
  readonly pool?: null
}

export function node(name: string, words: NodeWords = {}): RTCNode {
  const { node: made } = aNode(name, words)
  const { reason, message, load, drainStatus } = words
  const conditions = (made.status?.conditions ?? []).map(it =>
    it.type === 'Ready' ? { ...it, ...(reason && { reason }), ...(message && { message }) } : it,
  )
  return {
    ...made,
    metadata: {
      ...made.metadata,
      ...(words.pool === null ? {} : { ownerReferences: [ownerReference] }),
      ...(words.managedFields && { managedFields: words.managedFields }),
    },
    status: {
      ...made.status,
      conditions,
      ...(load && { load }),
      ...(drainStatus && { drain: drainStatus }),
    } as RTCNodeStatus,
  }
}

const ownerReference = {
  apiVersion: API_VERSION,
  kind: 'RTCNodePool',
  name: 'eu',
  uid: 'uid-pool' as Uid,
  controller: true,
}

export const condition = (
  type: string,
  status: Condition['status'],
  reason: string,
  message = 'as it is said',
): Condition => ({ type, status, reason, message, lastTransitionTime: timeAt(NOW - 60) })

export function pool(replicas: number, conditions: readonly Condition[], traits: PoolTraits = {}): RTCNodePool {
  return aPool(replicas, { ...traits, status: { ...traits.status, conditions: [...conditions] } })
}

export const complete = [
  condition('Progressing', 'True', 'Complete', '3 of 3 open'),
  condition('Reconciling', 'False', 'Complete'),
  condition('Stalled', 'False', 'Complete'),
]

export const autoscaler = (status: Partial<RTCAutoscalerStatus> = {}, spec: object = {}): RTCAutoscaler => ({
  apiVersion: API_VERSION,
  kind: 'RTCAutoscaler',
  metadata: {
    name: 'a',
    namespace: 'media',
    uid: 'uid-a' as Uid,
    resourceVersion: '1',
    generation: 1,
    creationTimestamp: timeAt(0),
  },
  spec: RTCAutoscalerKind.spec.parse({
    poolName: 'eu',
    maxReplicas: 10,
    targets: { joinLatencyP99Ms: 1_500 },
    ...spec,
  }) as RTCAutoscalerSpec,
  status,
})

export const event = (words: Partial<EventRead>): EventRead => ({
  apiVersion: 'events.k8s.io/v1',
  kind: 'Event',
  metadata: {
    name: 'e',
    namespace: 'media',
    uid: 'uid-e' as Uid,
    resourceVersion: '1',
    creationTimestamp: timeAt(NOW),
  },
  type: 'Normal',
  reason: 'Closed',
  action: 'Closed',
  note: '1 node: n1',
  ...words,
})

/** As an API server keeps who wrote a field last. */
export const wroteBy = (manager: string, seconds: number, fields: object): object => ({
  manager,
  time: timeAt(seconds),
  fieldsV1: fields,
})

export const withManagedFields = <T extends KubeObject>(object: T, managedFields: readonly object[]): T => ({
  ...object,
  metadata: { ...object.metadata, managedFields },
})
