// Carries out the batch of a plan, many nodes at once. All the judgement was in plan.ts; what is left here is how each act is
// written down so that it does no harm when the caches behind the plan were old.
import type { Random } from '../ambient/random.ts'
import { SAFE_ALPHABET } from '../api/hash.ts'
import { annotations, FINALIZER, labels } from '../api/marks.ts'
import { keyOf, type ObjectKey, objectKey } from '../api/meta.ts'
import { RTCNodeKind } from '../api/rtcnode.ts'
import type { RTCNodePool } from '../api/rtcnodepool.ts'
import { ApiError, isAlreadyExists, isRefusal, NotLeaderError } from '../kube/errors.ts'
import { controllerOf, ownerReferenceTo } from '../kube/owner.ts'
import { selects } from './claim.ts'
import type { Mould } from './revision.ts'
import type { Batch, Closed, Picked } from './view.ts'
import { inGrowingWaves, toEach, type Waves } from './waves.ts'
import { noteWritten, type PoolWriters } from './writers.ts'

export interface Outcome {
  /** Names of the nodes it was done to. */
  readonly done: readonly string[]
  /** Nodes that may have been made: nobody answered. */
  readonly unsure: readonly ObjectKey[]
  /** What stopped it before its end. */
  readonly failure?: Error | undefined
}

/** The API server would not take an RTCNode of this pool; `message` is in its words. */
export class NodeRefusedError extends Error {
  override readonly name = 'NodeRefusedError'
}

type Moulds = { readonly [From in 'update' | 'current']?: Mould }

export async function carryOut(
  pool: RTCNodePool,
  batch: Batch,
  moulds: Moulds,
  writers: PoolWriters,
): Promise<Outcome> {
  switch (batch.do) {
    case 'create':
      return createNodes(pool, batch.count, mouldFor(batch.from, moulds), writers)
    case 'reopen':
      return outcomeOf(await toEach(batch.nodes, picked => reopen(pool, picked, writers)))
    case 'close':
      return outcomeOf(await toEach(batch.nodes, picked => close(pool, picked, writers)))
    case 'delete':
      return outcomeOf(await toEach(batch.nodes, picked => deleteNode(pool, picked, writers)))
  }
}

/** A current revision that was never recorded is the update revision: the pool is new. */
function mouldFor(from: 'update' | 'current', { update, current = update }: Moulds): Mould {
  const mould = from === 'update' ? update : current
  if (mould === undefined) throw new Error('a plan to make nodes of an unknown revision')
  return mould
}

const outcomeOf = ({ done, failure }: Waves<Picked>): Outcome => ({
  done: done.map(({ name }) => name),
  unsure: [],
  failure,
})

async function createNodes(pool: RTCNodePool, count: number, mould: Mould, writers: PoolWriters): Promise<Outcome> {
  const unsure: ObjectKey[] = []
  const { done, failure } = await inGrowingWaves(count, () => createNode(pool, mould, writers, unsure))
  return { done, unsure, failure }
}

const NAMES_TRIED = 5

/** Resolves with the name of the node. */
async function createNode(pool: RTCNodePool, mould: Mould, writers: PoolWriters, unsure: ObjectKey[]): Promise<string> {
  for (let tries = 1; ; tries += 1) {
    const manifest = nodeFrom(pool, mould, writers.random)
    const { name } = manifest.metadata
    const key = objectKey(name, pool.metadata.namespace)
    try {
      noteWritten(pool, await writers.nodes.create(manifest, { signal: writers.signal }), writers)
      return name
    } catch (error) {
      // Ours, when an earlier attempt of the same call did reach the server.
      if (isAlreadyExists(error) && (await isThere(pool, key, writers))) return name
      if (isAlreadyExists(error) && tries < NAMES_TRIED) continue
      if (mayBeDone(error)) unsure.push(key)
      throw refusalIn(error) ?? error
    }
  }
}

/** Asks the API server itself whether a node of this pool has that name. */
export async function isThere(pool: RTCNodePool, key: ObjectKey, writers: PoolWriters): Promise<boolean> {
  const node = await writers.nodes.get(key, { signal: writers.signal })
  if (node === undefined || controllerOf(node)?.uid !== pool.metadata.uid) return false
  noteWritten(pool, node, writers)
  return true
}

function nodeFrom(pool: RTCNodePool, { revision, template }: Mould, random: Random) {
  const { name: poolName, namespace } = pool.metadata
  const manifest = {
    apiVersion: RTCNodeKind.apiVersion,
    kind: RTCNodeKind.kind,
    metadata: {
      name: `${poolName}-${suffix(random)}`,
      namespace,
      labels: { ...template.metadata?.labels, [labels.pool]: poolName, [labels.revision]: revision },
      annotations: template.metadata?.annotations,
      // Spares the lifecycle a write for each node.
      finalizers: [FINALIZER],
      ownerReferences: [ownerReferenceTo(pool)],
    },
    spec: template.spec,
  }
  // It would be let go at once and another one made, for ever.
  if (!selects(pool, manifest)) throw new NodeRefusedError(OWN_LABELS_SELECTED)
  return manifest
}

const OWN_LABELS_SELECTED = `spec.selector asks for another ${labels.pool} or ${labels.revision} than nodes get; select by labels of your own`

const suffix = (random: Random): string =>
  Array.from({ length: 5 }, () => SAFE_ALPHABET.charAt(Math.floor(random.next() * SAFE_ALPHABET.length))).join('')

const refusalIn = (error: unknown): NodeRefusedError | undefined =>
  isRefusal(error) ? new NodeRefusedError(error.message, { cause: error }) : undefined

const mayBeDone = (error: unknown): boolean =>
  !(error instanceof NotLeaderError) && !(error instanceof ApiError && error.status < 500)

const close = (pool: RTCNodePool, picked: Closed, writers: PoolWriters): Promise<void> =>
  setCordoned(pool, picked, true, { closedByPool: picked.reason, drainDeadline: picked.deadline }, writers)

const reopen = (pool: RTCNodePool, picked: Picked, writers: PoolWriters): Promise<void> =>
  setCordoned(pool, picked, false, { closedByPool: null, drainDeadline: null }, writers)

/** UID and version in a patch are preconditions: a node that changed since it was judged refuses, and is judged again. */
async function setCordoned(
  pool: RTCNodePool,
  { name, uid, resourceVersion }: Picked,
  cordoned: boolean,
  marks: Record<'closedByPool' | 'drainDeadline', string | null>,
  writers: PoolWriters,
): Promise<void> {
  const written = { [annotations.closedByPool]: marks.closedByPool, [annotations.drainDeadline]: marks.drainDeadline }
  const patch = { metadata: { uid, resourceVersion, annotations: written }, spec: { cordoned } }
  const key = objectKey(name, pool.metadata.namespace)
  noteWritten(pool, await writers.nodes.mergePatch(key, patch, { signal: writers.signal }), writers)
}

async function deleteNode(pool: RTCNodePool, { name, uid, resourceVersion }: Picked, writers: PoolWriters) {
  const key = objectKey(name, pool.metadata.namespace)
  await writers.nodes.delete(key, { uid, resourceVersion, signal: writers.signal })
  writers.expectations.deleted({ by: keyOf(pool), kind: RTCNodeKind.kind, key, uid })
}
