// Writes down what belongs to a pool: nodes and records that it adopts or lets go, the record of its target, and which
// records are forgotten.
import { labels } from '../api/marks.ts'
import { type KubeObject, keyOf } from '../api/meta.ts'
import type { RTCNode } from '../api/rtcnode.ts'
import type { RTCNodePool } from '../api/rtcnodepool.ts'
import { isAlreadyExists } from '../kube/errors.ts'
import { controllerOf, ownerReferenceTo } from '../kube/owner.ts'
import type { ResourceClient } from '../kube/resource.ts'
import { isMadeFrom } from './claim.ts'
import { type ControllerRevision, type Mould, type Recorded, type Recording, recordLabels } from './revision.ts'
import { toEach, type Waves } from './waves.ts'
import { noteDeleted, noteWritten, type PoolWriters } from './writers.ts'

/**
 * Only a pool that lives, by the API server's own word, adopts: one that is being deleted with --cascade=orphan has just let
 * them go. Nothing is adopted when it does not.
 */
export async function adopt(
  pool: RTCNodePool,
  orphans: { readonly nodes: readonly RTCNode[]; readonly records: readonly ControllerRevision[] },
  update: Mould | undefined,
  writers: PoolWriters,
): Promise<Waves<RTCNode>> {
  const live = await writers.pools.get(keyOf(pool), { signal: writers.signal })
  const { uid, deletionTimestamp } = live?.metadata ?? {}
  if (uid !== pool.metadata.uid || deletionTimestamp !== undefined) return { done: [] }
  const records = await toEach(orphans.records, record =>
    patch(pool, record, writers.revisions, adoption(pool, record), writers),
  )
  if (records.failure !== undefined) return { done: [], failure: records.failure }
  return toEach(orphans.nodes, node => {
    const revision = update && isMadeFrom(node, update.template) ? { [labels.revision]: update.revision } : {}
    return patch(pool, node, writers.nodes, adoption(pool, node, revision), writers)
  })
}

/** The label is for people and for the selector of pods; a pool that selects by it knows what it wants there. */
const adoption = (pool: RTCNodePool, orphan: KubeObject, more: Record<string, string> = {}): object => ({
  ownerReferences: [...(orphan.metadata.ownerReferences ?? []), ownerReferenceTo(pool)],
  labels: { [labels.pool]: pool.metadata.name, ...more, ...pool.spec.selector.matchLabels },
})

export const release = (pool: RTCNodePool, nodes: readonly RTCNode[], writers: PoolWriters): Promise<Waves<RTCNode>> =>
  toEach(nodes, node => {
    const others = node.metadata.ownerReferences?.filter(({ uid }) => uid !== pool.metadata.uid)
    return patch(pool, node, writers.nodes, { ownerReferences: others }, writers)
  })

/** Somebody else who takes or lets go of it meanwhile makes this a conflict. */
async function patch<T extends KubeObject>(
  pool: RTCNodePool,
  object: T,
  client: ResourceClient<T>,
  metadata: object,
  writers: PoolWriters,
): Promise<void> {
  const { uid, resourceVersion } = object.metadata
  const body = { metadata: { uid, resourceVersion, ...metadata } }
  noteWritten(pool, await client.mergePatch(keyOf(object), body, { signal: writers.signal }), writers)
}

/** The name of a record belongs to somebody else, most often to a pool of the same name whose last things are being deleted. */
export class RecordNameTakenError extends Error {
  override readonly name = 'RecordNameTakenError'
}

export async function writeRecord(pool: RTCNodePool, recording: Recording, writers: PoolWriters): Promise<void> {
  const { revisions, signal } = writers
  if (recording.do === 'renumber') {
    const { uid, resourceVersion } = recording.record.metadata
    const body = { metadata: { uid, resourceVersion }, revision: recording.number }
    noteWritten(pool, await revisions.mergePatch(keyOf(recording.record), body, { signal }), writers)
    return
  }
  try {
    noteWritten(pool, await revisions.create(recording.record, { signal }), writers)
  } catch (error) {
    if (!isAlreadyExists(error)) throw error
    await findRecord(pool, recording, writers)
  }
}

/** It is there and our cache does not show it: it has lost the labels we watch by, or it is of another life of this name. */
async function findRecord(pool: RTCNodePool, recording: Recording, writers: PoolWriters): Promise<void> {
  const key = keyOf(recording.record as KubeObject)
  const there = await writers.revisions.get(key, { signal: writers.signal })
  if (there === undefined) return
  const owner = controllerOf(there)
  if (owner !== undefined && owner.uid !== pool.metadata.uid) {
    throw new RecordNameTakenError(`ControllerRevision ${key} belongs to ${owner.kind} ${owner.name} (${owner.uid})`)
  }
  const ownerReferences = owner === undefined ? [ownerReferenceTo(pool)] : there.metadata.ownerReferences
  const revision = (recording.record as ControllerRevision).metadata.labels?.[labels.revision] ?? ''
  await patch(pool, there, writers.revisions, { ownerReferences, labels: recordLabels(pool, revision) }, writers)
}

export const forget = (
  pool: RTCNodePool,
  records: readonly Recorded[],
  writers: PoolWriters,
): Promise<Waves<Recorded>> =>
  toEach(records, async ({ record }) => {
    const { uid, resourceVersion } = record.metadata
    await writers.revisions.delete(keyOf(record), { uid, resourceVersion, signal: writers.signal })
    noteDeleted(pool, record, writers)
  })
