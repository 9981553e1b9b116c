// What there is to compare after two runs of the same story: everything that is left, what became of everybody, and how
// often things were made and deleted. Without what may differ: times, identities, places.
import type { Pod } from '../../../operator/api/core.ts'
import type { RTCNode } from '../../../operator/api/rtcnode.ts'
import type { NodeName, Scene } from '../harness/scene.ts'
import type { World } from '../harness/world.ts'
import type { Write } from './writes.ts'

export interface Outcome {
  /** Undefined: there is none any more. */
  readonly node: unknown
  readonly pod: unknown
  readonly intent: unknown
  readonly registered: boolean
  /** Of the node's last status, also when it is gone; the deadline in seconds after the deletion. */
  readonly drain: unknown
  /** Creations and deletions that the API server took. */
  readonly done: Readonly<Record<string, number>>
  /** How each session ended, and whether people were told before. */
  readonly people: Readonly<Record<string, string>>
}

export async function outcomeOf(
  { history, etcd, fleet }: Pick<World, 'history' | 'etcd' | 'fleet'>,
  scene: Scene,
  node: NodeName,
  writes: readonly Write[],
): Promise<Outcome> {
  const where = scene.key(node)
  const now: RTCNode | undefined = history.nodes(where).at(-1)?.is
  const pod: Pod | undefined = history.pods(where).at(-1)?.is
  const intent = await etcd.get(`/sfu/intents/${where}`).string()
  return {
    node: withoutChance(now, scene.namespace),
    pod: withoutChance(pod, scene.namespace),
    intent: withoutChance(intent === null ? undefined : JSON.parse(intent), scene.namespace),
    registered: await etcd.get(`/sfu/nodes/${where}`).exists(),
    drain: drainOf(history.nodes(where).findLast(({ is }) => is)?.is),
    done: counted(writes.filter(({ accepted, what }) => accepted && /^(create|delete) /.test(what))),
    people: Object.fromEntries(
      fleet.ledger.sessions
        .filter(session => session.node === where)
        .map(({ participant, ending, toldAt }) => [
          participant,
          `${ending?.how ?? 'connected'}${toldAt ? ', was told' : ''}`,
        ]),
    ),
  }
}

function drainOf(node: RTCNode | undefined): unknown {
  const drain = node?.status?.drain
  if (!node || !drain) return undefined
  const { deletionTimestamp = '' } = node.metadata
  const seconds = (Date.parse(drain.deadline) - Date.parse(deletionTimestamp)) / 1_000
  return { reason: drain.reason, deadlineSeconds: seconds, skipped: drain.skipped }
}

const counted = (writes: readonly Write[]): Record<string, number> => {
  const counts: Record<string, number> = {}
  for (const { what } of writes) counts[what] = (counts[what] ?? 0) + 1
  return counts
}

const times = 'creationTimestamp deletionTimestamp lastTransitionTime startTime startedAt observedAt'
const places =
  'nodeName address hostIP hostIPs podIP podIPs topology.kubernetes.io/zone load kubectl.kubernetes.io/last-applied-configuration'
const identities = 'uid resourceVersion generation observedGeneration managedFields podUID containerID apiVersion kind'
/** When an idle pod is released is a matter of time too. */
const protection =
  'rtcnode.io/busy cluster-autoscaler.kubernetes.io/safe-to-evict karpenter.sh/do-not-disrupt controller.kubernetes.io/pod-deletion-cost'
const chance = new Set(`${times} ${places} ${identities} ${protection}`.split(' '))

/** Conditions in the order of their types: who was there first is chance too. */
function withoutChance(object: unknown, namespace: string): unknown {
  if (object === undefined) return undefined
  const text = JSON.stringify(object, (key: string, value: unknown) => {
    if (chance.has(key)) return undefined
    if (key === 'conditions' && Array.isArray(value)) {
      return (value as { type: string; message?: string }[])
        .map(condition => ({ ...condition, message: condition.message?.replace(/kwok-\d+/, 'a host') }))
        .sort((a, b) => a.type.localeCompare(b.type))
    }
    return value
  })
  return JSON.parse(text.replaceAll(namespace, 'the-namespace').replaceAll(uuid, 'a-uid'))
}

const uuid = /[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g
