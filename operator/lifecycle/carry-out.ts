// Carries out one decision: at most one outside write. All the judgement was in decide.ts; what is left here is how each
// act is written down so that it does no harm when the caches behind the decision were old.
import type { Pod } from '../api/core.ts'
import { FINALIZER, labels, managedBy } from '../api/marks.ts'
import { keyOf, type ObjectKey } from '../api/meta.ts'
import type { RTCNode, RTCNodeStatus } from '../api/rtcnode.ts'
import { isAlreadyExists, isRefusal } from '../kube/errors.ts'
import type { Expectations } from '../kube/expectations.ts'
import type { ResourceClient } from '../kube/resource.ts'
import { applyStatus } from '../kube/status.ts'
import type { FleetView } from '../registry/fleet.ts'
import type { IntentWriter } from '../registry/intents.ts'
import type { Act, PodVersion, Refusal } from './decision.ts'
import type { PodManifest } from './pod.ts'
import { isPodOf, isReady } from './pod-view.ts'

export interface Writers {
  readonly nodes: ResourceClient<RTCNode>
  readonly pods: ResourceClient<Pod>
  readonly intents: Omit<IntentWriter, 'claim'>
  readonly fleet: FleetView
  /** What was written and must be seen in the caches before the next decision about the same node. */
  readonly expectations: Expectations
  readonly signal: AbortSignal
}

/** What the write taught that no cache will tell. */
export type Outcome =
  | { readonly outcome: 'done' }
  | { readonly outcome: 'refused'; readonly refusal: Omit<Refusal, 'retryInMs'> }
  /** The intent as it stands after our write. */
  | { readonly outcome: 'intent-written'; readonly revision: number }
  /** A live read showed another world than the caches: look again when they have caught up. */
  | { readonly outcome: 'outdated' }

const done: Outcome = { outcome: 'done' }
const outdated: Outcome = { outcome: 'outdated' }

export async function carryOut(node: RTCNode, act: Act, writers: Writers): Promise<Outcome> {
  const key = keyOf(node)
  const { nodes, pods, intents, fleet, signal } = writers
  switch (act.do) {
    case 'add-finalizer':
      return setFinalizers(node, [...(node.metadata.finalizers ?? []), FINALIZER], writers)
    case 'create-pod':
      return createPod(node, act.pod, writers)
    case 'find-pod': {
      const pod = await ownLivePod(node, writers)
      return pod === undefined ? outdated : restoreLabels(pod, writers)
    }
    case 'annotate-pod':
      // The UID in a patch is a precondition: it cannot be changed, so a pod of another life refuses.
      wrotePod(
        await pods.mergePatch(key, { metadata: { uid: act.uid, annotations: act.annotations } }, { signal }),
        writers,
      )
      return done
    case 'write-intent': {
      if (act.onlyIf !== undefined && !(await isStill(act.onlyIf, key, writers))) return outdated
      const before = fleet.intent(key)
      if (before.state === 'unknown') return outdated
      const expect = before.state === 'absent' ? 'absent' : { revision: before.revision }
      return { outcome: 'intent-written', ...(await intents.write(key, act.intent, expect, signal)) }
    }
    case 'delete-intent': {
      const pod = await ownLivePod(node, writers)
      if (pod !== undefined) return restoreLabels(pod, writers)
      const before = fleet.intent(key)
      if (before.state !== 'known' && before.state !== 'unreadable') return outdated
      await intents.remove(key, { revision: before.revision }, signal)
      return done
    }
    case 'delete-pod':
      await pods.delete(key, { ...act.onlyIf, gracePeriodSeconds: act.gracePeriodSeconds, signal })
      writers.expectations.deleted({ by: key, kind: 'Pod', key, uid: act.onlyIf.uid })
      return done
    case 'delete-node': {
      const pod = await ownLivePod(node, writers)
      if (pod !== undefined && act.because === 'PodLost') return restoreLabels(pod, writers)
      if (pod !== undefined && act.because === 'HealthTimeout' && isReady(pod)) return outdated
      const { uid, resourceVersion } = node.metadata
      await nodes.delete(key, { uid, resourceVersion, signal })
      writers.expectations.deleted({ by: key, kind: 'RTCNode', key, uid })
      return done
    }
    case 'release-finalizer': {
      // The last step of a life: only the API server's own word that the pod is gone will do.
      const pod = await ownLivePod(node, writers)
      if (pod !== undefined) return restoreLabels(pod, writers)
      return setFinalizers(
        node,
        (node.metadata.finalizers ?? []).filter(name => name !== FINALIZER),
        writers,
      )
    }
  }
}

export async function writeStatus(node: RTCNode, status: RTCNodeStatus, writers: Writers): Promise<void> {
  wroteNode(await applyStatus(writers.nodes, node, status, writers.signal), writers)
}

/** An RTCNode that went without its last steps, because somebody took our finalizer off, leaves its intent behind. */
export async function sweepIntent(key: ObjectKey, { nodes, intents, fleet, signal }: Writers): Promise<void> {
  const left = fleet.intent(key)
  if (left.state !== 'known' && left.state !== 'unreadable') return
  if ((await nodes.get(key, { signal })) === undefined) await intents.remove(key, { revision: left.revision }, signal)
}

/** Optimistic: somebody else's finalizer, added meanwhile, makes this a conflict instead of a loss. */
async function setFinalizers(node: RTCNode, finalizers: readonly string[], writers: Writers): Promise<Outcome> {
  const { resourceVersion, uid } = node.metadata
  const patch = { metadata: { uid, resourceVersion, finalizers } }
  wroteNode(await writers.nodes.mergePatch(keyOf(node), patch, { signal: writers.signal }), writers)
  return done
}

/**
 * A pod is only ever made for an owner that is, by the API server's own word, still as it was seen: made from an old cache
 * for a node already gone it would be a pod that nobody drains, for a node already Running a second one.
 */
async function createPod(node: RTCNode, pod: PodManifest, writers: Writers): Promise<Outcome> {
  const { nodes, pods, signal } = writers
  const key = keyOf(node)
  const owner = await nodes.get(key, { signal })
  if (owner?.metadata.resourceVersion !== node.metadata.resourceVersion) return outdated
  try {
    wrotePod(await pods.create(pod, { signal }), writers)
    return done
  } catch (error) {
    if (isAlreadyExists(error)) return nameTaken(node, writers)
    if (isRefusal(error)) {
      return {
        outcome: 'refused',
        refusal: {
          reason: 'PodRefused',
          message: `the API server refused the pod: ${error.message}${remedyFor(error)}`,
        },
      }
    }
    throw error
  }
}

/** Where no SFU may run it is RBAC that speaks; quotas and policies say themselves what to do. */
const remedyFor = ({ message }: Error): string =>
  message.includes('cannot create resource "pods"')
    ? '; make the node where SFUs may run, or add its namespace to the value sfu.namespaces of the chart'
    : ''

async function nameTaken(node: RTCNode, writers: Writers): Promise<Outcome> {
  const pod = await ownLivePod(node, writers)
  if (pod !== undefined) return restoreLabels(pod, writers)
  const message = `pod ${node.metadata.name} exists and belongs to somebody else; it is left alone, delete it or choose another name`
  return { outcome: 'refused', refusal: { reason: 'PodNameTaken', message } }
}

async function ownLivePod(node: RTCNode, { pods, signal }: Writers): Promise<Pod | undefined> {
  const pod = await pods.get(keyOf(node), { signal })
  return pod !== undefined && isPodOf(pod, node) ? pod : undefined
}

async function isStill(
  { uid, resourceVersion }: PodVersion,
  key: ObjectKey,
  { pods, signal }: Writers,
): Promise<boolean> {
  const pod = await pods.get(key, { signal })
  return pod?.metadata.uid === uid && pod.metadata.resourceVersion === resourceVersion
}

/** A pod that lives but is not in our cache has lost the labels we watch by, or the cache is late. */
async function restoreLabels(pod: Pod, writers: Writers): Promise<Outcome> {
  const { uid, name } = pod.metadata
  if (pod.metadata.labels?.[labels.managedBy] === managedBy[labels.managedBy]) return outdated
  const patch = { metadata: { uid, labels: { ...managedBy, [labels.node]: name } } }
  wrotePod(await writers.pods.mergePatch(keyOf(pod), patch, { signal: writers.signal }), writers)
  return done
}

// A pod has the name of its node, so both are written by, and awaited for, the same key.
const wroteNode = (node: RTCNode, { expectations }: Writers): void => note('RTCNode', node, expectations)
const wrotePod = (pod: Pod, { expectations }: Writers): void => note('Pod', pod, expectations)

function note(kind: string, object: RTCNode | Pod, expectations: Expectations): void {
  const key: ObjectKey = keyOf(object)
  expectations.wrote({ by: key, kind, key, resourceVersion: object.metadata.resourceVersion })
}
