// A simulated API server with what the lifecycle leans on: versions, UIDs, preconditions, finalizers, graceful deletion of
// pods, and a history that every cache follows at its own pace. Used by the random world.
import { type Instant, instant, toTimestamp } from '../../../../operator/ambient/clock.ts'
import type { Pod } from '../../../../operator/api/core.ts'
import type { KubeObject, Uid } from '../../../../operator/api/meta.ts'
import type { RTCNode } from '../../../../operator/api/rtcnode.ts'
import { ApiError } from '../../../../operator/kube/errors.ts'

export interface Kinds {
  RTCNode: RTCNode
  Pod: Pod
}
export type KindName = keyof Kinds
export interface Change {
  readonly name: string
  readonly object: KubeObject | undefined
}

export interface Preconditions {
  readonly uid?: string | undefined
  readonly resourceVersion?: string | undefined
}

export interface ApiServer {
  /** All changes of a kind from the beginning; a cache is a prefix of it. */
  readonly history: Readonly<Record<KindName, readonly Change[]>>
  node(name: string): RTCNode | undefined
  pod(name: string): Pod | undefined
  nodes(): readonly RTCNode[]
  pods(): readonly Pod[]
  create<K extends KindName>(kind: K, object: Omit<Kinds[K], 'metadata'> & { metadata: object }): Kinds[K]
  /** Replaces what `change` returns; a status is written without a new generation. */
  update<K extends KindName>(
    kind: K,
    name: string,
    only: Preconditions,
    change: (object: Kinds[K]) => Kinds[K],
  ): Kinds[K]
  /** As DELETE does it: with finalizers or a grace it only marks. A second delete of a pod can only shorten its grace. */
  delete(kind: KindName, name: string, only: Preconditions, graceSeconds?: number): void
  /** The kubelet is done with it, or somebody forced it. */
  removePod(uid: string): void
}

const notFound = (name: string): ApiError => new ApiError(404, { reason: 'NotFound', message: `${name} not found` })
const conflict = (message: string): ApiError => new ApiError(409, { reason: 'Conflict', message })

export function apiServer(now: () => Instant): ApiServer {
  const objects = { RTCNode: new Map<string, RTCNode>(), Pod: new Map<string, Pod>() }
  const history: Record<KindName, Change[]> = { RTCNode: [], Pod: [] }
  let version = 0
  let born = 0

  const mapOf = (kind: KindName): Map<string, KubeObject> => objects[kind]

  function keep<T extends KubeObject>(kind: KindName, object: T): T {
    const { name } = object.metadata
    const kept = { ...object, metadata: { ...object.metadata, resourceVersion: String(++version) } }
    mapOf(kind).set(name, kept)
    history[kind].push({ name, object: kept })
    return kept
  }

  function drop(kind: KindName, name: string): void {
    version++
    mapOf(kind).delete(name)
    history[kind].push({ name, object: undefined })
  }

  function held(kind: KindName, name: string, only: Preconditions): KubeObject {
    const object = mapOf(kind).get(name)
    if (object === undefined) throw notFound(name)
    if (only.uid !== undefined && only.uid !== object.metadata.uid)
      throw conflict('the UID in the precondition differs')
    if (only.resourceVersion !== undefined && only.resourceVersion !== object.metadata.resourceVersion)
      throw conflict('the object has been modified')
    return object
  }

  function mark(object: KubeObject, graceSeconds: number): KubeObject {
    const { metadata } = object
    const killAt = instant(now() + graceSeconds * 1_000)
    return {
      ...object,
      metadata: {
        ...metadata,
        ...(metadata.generation === undefined ? {} : { generation: metadata.generation + 1 }),
        deletionTimestamp: toTimestamp(killAt),
        deletionGracePeriodSeconds: graceSeconds,
      },
    }
  }

  return {
    history,
    node: name => objects.RTCNode.get(name),
    pod: name => objects.Pod.get(name),
    nodes: () => [...objects.RTCNode.values()],
    pods: () => [...objects.Pod.values()],
    create(kind, object) {
      const { name } = object.metadata as { name: string }
      if (mapOf(kind).has(name)) throw new ApiError(409, { reason: 'AlreadyExists', message: `${name} exists` })
      const metadata = {
        ...object.metadata,
        uid: `${kind === 'Pod' ? 'pod' : 'node'}-${++born}` as Uid,
        creationTimestamp: toTimestamp(now()),
        ...(kind === 'RTCNode' ? { generation: 1 } : {}),
      }
      return keep(kind, { ...object, metadata } as unknown as KubeObject) as never
    },
    update(kind, name, only, change) {
      const before = held(kind, name, only)
      const after = change(before as never) as KubeObject
      const deleting = after.metadata.deletionTimestamp !== undefined
      const added = after.metadata.finalizers?.some(it => before.metadata.finalizers?.includes(it) !== true) === true
      if (deleting && added) throw new ApiError(422, { reason: 'Invalid', message: 'no new finalizers if deleting' })
      if (deleting && kind === 'RTCNode' && (after.metadata.finalizers ?? []).length === 0) {
        drop(kind, name)
        return after as never
      }
      return keep(kind, after) as never
    },
    delete(kind, name, only, graceSeconds) {
      const object = held(kind, name, only)
      const { deletionTimestamp, deletionGracePeriodSeconds, finalizers = [] } = object.metadata
      if (kind === 'RTCNode') {
        if (finalizers.length === 0) drop(kind, name)
        else if (deletionTimestamp === undefined) keep(kind, mark(object, 0))
        return
      }
      const { spec } = object as Pod
      if (spec.nodeName === undefined) return drop(kind, name)
      const grace = graceSeconds ?? spec.terminationGracePeriodSeconds ?? 30
      const killAt = instant(now() + grace * 1_000)
      const shorter = deletionTimestamp === undefined || killAt < Date.parse(deletionTimestamp)
      if (shorter && (deletionGracePeriodSeconds === undefined || grace < deletionGracePeriodSeconds))
        keep(kind, mark(object, grace))
    },
    removePod(uid) {
      const pod = [...objects.Pod.values()].find(({ metadata }) => metadata.uid === uid)
      if (pod !== undefined) drop('Pod', pod.metadata.name)
    },
  }
}
