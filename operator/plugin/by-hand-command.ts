// `kubectl rtc cordon`, `uncordon`, `drain`, `undrain`: looks at each node, lets by-hand.ts judge, and writes, only if the node is
// still as it was judged.
import { type ObjectKey, objectKey } from '../api/meta.ts'
import type { RTCNode } from '../api/rtcnode.ts'
import { type ApiError, isConflict, isForbidden, isRefusal } from '../kube/errors.ts'
import { type Deed, stay } from './by-hand.ts'
import { all, type Cluster } from './cluster.ts'
import { type ExitCode, FINE, FOUND, NotPossibleError, UsageError } from './errors.ts'
import { answer, type Output } from './output.ts'

/** Nodes by name, or all that are on a host. */
export interface Chosen {
  readonly names: readonly string[]
  readonly host: string | undefined
}

export type Judge = (node: RTCNode, cluster: Cluster) => Deed

interface Result {
  readonly namespace: string
  readonly name: string
  /** `refused`: nothing was done. */
  readonly did: 'patched' | 'deleted' | 'nothing' | 'refused'
  readonly says: string
  readonly remedy?: string
  /** RFC 3339, of a node that drains, once the operator has written it. */
  readonly deadline?: string
}

export async function byHand(cluster: Cluster, output: Output, chosen: Chosen, judge: Judge): Promise<ExitCode> {
  const results: Result[] = []
  for (const key of await keysOf(cluster, chosen)) results.push(await toOne(cluster, key, judge))
  answer(output, { results }, () =>
    results.flatMap(({ name, says, remedy }) => [
      `rtcnode/${name} ${says}`,
      ...(remedy === undefined ? [] : [`  → ${remedy}`]),
    ]),
  )
  return results.some(({ did }) => did === 'refused') ? FOUND : FINE
}

/** A host has nodes in many namespaces; names are of one. */
async function keysOf(cluster: Cluster, { names, host }: Chosen): Promise<ObjectKey[]> {
  if (host === undefined) {
    if (names.length === 0)
      throw new UsageError('no node is named: give names of RTCNodes, or --host HOST for all on a host')
    return names.map(name => objectKey(name, cluster.namespace))
  }
  if (names.length > 0) throw new UsageError(`both names (${names.join(', ')}) and --host are given: leave one out`)
  const there = (await all(cluster.nodes)).filter(({ status }) => status?.nodeName === host)
  if (there.length === 0)
    throw new NotPossibleError(`no RTCNode is on host “${host}”`, 'kubectl rtc top -A shows which host each is on')
  return there.map(({ metadata }) => objectKey(metadata.name, metadata.namespace))
}

/** Its status is written all the time; each time it is judged anew. */
const TRIES = 8

async function toOne(cluster: Cluster, key: ObjectKey, judge: Judge): Promise<Result> {
  const [namespace = '', name = ''] = key.split('/')
  const about = { namespace, name }
  for (let tries = 1; ; tries += 1) {
    const node = await cluster.nodes.get(key)
    if (node === undefined) {
      const remedy = `kubectl get rtcn -n ${namespace}`
      return { ...about, did: 'refused', says: `is not there (namespace ${namespace})`, remedy }
    }
    const deed = judge(node, cluster)
    try {
      return { ...about, ...(await carryOut(cluster, key, node, deed)) }
    } catch (error) {
      if (isConflict(error) && tries < TRIES) continue
      if (!isRefusal(error)) throw error
      return { ...about, did: 'refused', says: `is left as it is: ${error.message}`, remedy: whatToAsk(error) }
    }
  }
}

async function carryOut(
  cluster: Cluster,
  key: ObjectKey,
  node: RTCNode,
  deed: Deed,
): Promise<Omit<Result, 'namespace' | 'name'>> {
  const { says } = deed
  switch (deed.do) {
    case 'nothing':
      return { did: 'nothing', says }
    case 'refuse':
      return { did: 'refused', says, remedy: deed.remedy }
    case 'patch':
      await patch(cluster, key, node, deed.patch)
      return { did: 'patched', says }
    case 'delete': {
      const latest = deed.first === undefined ? node : await patch(cluster, key, node, deed.first)
      const { uid, resourceVersion } = latest.metadata
      await cluster.nodes.delete(key, { uid, resourceVersion })
      const begun = await drainBegun(cluster, key)
      if (begun === 'gone') return { did: 'deleted', says: `${says}; nobody was there, it is gone already` }
      if (begun === undefined)
        return { did: 'deleted', says, remedy: 'no operator has begun it yet; if it stays so: kubectl rtc doctor' }
      const deadline = begun.status?.drain?.deadline
      return {
        did: 'deleted',
        says: `${says}; ${stay(begun, cluster.now())}`,
        ...(deadline === undefined ? {} : { deadline }),
      }
    }
  }
}

/** UID and version in a patch are preconditions. */
function patch({ nodes }: Cluster, key: ObjectKey, { metadata }: RTCNode, wanted: object): Promise<RTCNode> {
  const { uid, resourceVersion } = metadata
  const { metadata: marks = {} } = wanted as { metadata?: object }
  return nodes.mergePatch(key, { ...wanted, metadata: { ...marks, uid, resourceVersion } })
}

const [LOOK_EVERY_MS, LOOKS] = [250, 20]

/** The node with the deadline that the operator has written; without one when it has not within some seconds. */
async function drainBegun({ nodes, clock }: Cluster, key: ObjectKey): Promise<RTCNode | 'gone' | undefined> {
  for (let look = 0; look < LOOKS; look += 1) {
    const node = await nodes.get(key)
    if (node === undefined) return 'gone'
    if (node.status?.drain !== undefined) return node
    await clock.sleep(LOOK_EVERY_MS)
  }
  return undefined
}

const whatToAsk = (error: ApiError): string =>
  isForbidden(error)
    ? 'ask for the right that the message names; the chart has roles for people (edit)'
    : 'the message is the API server’s'
