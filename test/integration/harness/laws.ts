// What must hold in every life whatever is done to it, judged over the whole recorded history of a namespace after each
// test: phases go forward, a deadline never changes, and a node never has two pods.
import { type Phase, phases, type RTCNode } from '../../../operator/api/rtcnode.ts'
import type { History, Version, Where } from './history.ts'

/** One sentence for each breach; none is the only good answer. */
export const breachesOf = (history: History, namespace: string): string[] =>
  history
    .seenIn(namespace)
    .flatMap(where => [
      ...lives(history.nodes(where)).flatMap(life => [...backwards(where, life), ...movedDeadlines(where, life)]),
      ...twoPods(history, where),
    ])

/** The versions of one UID each; a name may live several times. */
function lives(versions: readonly Version<RTCNode>[]): RTCNode[][] {
  const byUid = new Map<string, RTCNode[]>()
  for (const { is } of versions) {
    if (is) byUid.set(is.metadata.uid, [...(byUid.get(is.metadata.uid) ?? []), is])
  }
  return [...byUid.values()]
}

function backwards(where: Where, life: readonly RTCNode[]): string[] {
  const order = life.map(({ status }) => status?.phase).filter((phase): phase is Phase => phase !== undefined)
  return order.flatMap((phase, index) => {
    const next = order[index + 1]
    return next !== undefined && phases.indexOf(next) < phases.indexOf(phase)
      ? [`${where} went from ${phase} to ${next}`]
      : []
  })
}

function movedDeadlines(where: Where, life: readonly RTCNode[]): string[] {
  const deadlines = new Set(life.map(({ status }) => status?.drain?.deadline).filter(Boolean))
  return deadlines.size > 1 ? [`${where} had several deadlines: ${[...deadlines].join(', ')}`] : []
}

/** Also one after the other: a life has one pod, and when that is lost the life is over. */
function twoPods(history: History, where: Where): string[] {
  const pods = new Map<string, Set<string>>()
  for (const { is } of history.pods(where)) {
    // What keeps a place on a host is its pool's, and comes and goes.
    const owner = is?.metadata.ownerReferences?.find(({ controller, kind }) => controller && kind === 'RTCNode')?.uid
    if (is && owner) pods.set(owner, (pods.get(owner) ?? new Set()).add(is.metadata.uid))
  }
  return [...pods]
    .filter(([, uids]) => uids.size > 1)
    .map(([owner, uids]) => `${where} (${owner}) had ${uids.size} pods`)
}
