// A Running node: is it well, and what should its agent do. Two witnesses are needed to give a node up: the registry must
// miss it and its host must call it unwell. Either alone changes a condition and nothing else.
import { fromTimestamp, instant, toTimestamp } from '../ambient/clock.ts'
import { closedByPool } from '../api/closed-by-pool.ts'
import type { Pod } from '../api/core.ts'
import { drainStages, type Intent } from '../api/intent.ts'
import type { NodeReason } from '../api/reasons.ts'
import type { RTCNode } from '../api/rtcnode.ts'
import type { Disruption } from '../cluster/disruption.ts'
import { ADVISORY_WEIGHT, isGoing, sentenceOf } from '../cluster/reaction.ts'
import { conditionOf } from '../kube/conditions.ts'
import { type Admission, fullyOpen } from '../load/admission.ts'
import type { Act, GiveUpReason, Situation } from './decision.ts'
import { evictsAt, hasEnded, isReady, notReadySince, podCondition } from './pod-view.ts'
import {
  hostMovesOffAt,
  isRegistered,
  isShedding,
  missingForMs,
  missingHeartbeat,
  ownHeartbeat,
  ownIntent,
  ownPod,
  reportsUnseen,
} from './seen.ts'

export interface Health {
  readonly ready: 'True' | 'False' | 'Unknown'
  readonly because: NodeReason
  readonly message: string
  readonly giveUp?: GiveUpReason
  readonly lookAgainMs?: number
}

/** Total over what the two witnesses can say. */
export function healthOf(at: Situation): Health {
  const pod = ownPod(at)
  if (pod === undefined) return podGone(at)
  const evictAt = evictsAt(pod)
  if (evictAt !== undefined) {
    return {
      ready: 'False',
      because: 'PodDeleted',
      message: `the pod was deleted, not the RTCNode${inBrackets(at.seen.ending)}; people may finish until ${pod.metadata.deletionTimestamp}`,
      ...(at.now < evictAt ? { lookAgainMs: evictAt - at.now } : {}),
    }
  }
  if (isRegistered(at)) return isReady(pod) ? serving(at) : podNotReady(pod)
  if (isReady(pod)) {
    return {
      ready: 'Unknown',
      because: 'TelemetryLost',
      message: `${missingHeartbeat(at)}; the pod is ready, nothing is done to it`,
    }
  }
  return unhealthy(at, pod)
}

/** A pod that one cache misses while its heartbeat goes on, or while nobody sees the registry, may well be there. */
function podGone(at: Situation): Health {
  const what = reportsUnseen(at) ? 'the pod cannot be found, but its agent reports' : 'the pod of this node is gone'
  // A killed pod’s key outlives it by its lease, and once that is over the node goes at once: this may be the only word.
  const message = `${what}${whatIsOnRecord(at)}`
  const gone = { ready: 'False', because: 'PodLost', message } as const
  return missingForMs(at) === undefined ? gone : { ...gone, giveUp: 'PodLost' }
}

const inBrackets = (what: { readonly reason: string; readonly message: string } | undefined): string =>
  what === undefined ? '' : ` (${what.reason}: ${what.message})`

/** What ended it, as it was told while it could be seen, and how many people that was about. */
function whatIsOnRecord({ node }: Situation): string {
  const disrupted = conditionOf(node.status?.conditions, 'Disrupted')
  return `${inBrackets(disrupted?.status === 'True' ? disrupted : undefined)}${whoWasThere(node)}`
}

/** As last written: of what is gone nothing more can be read. */
function whoWasThere({ status }: RTCNode): string {
  const people = status?.load?.sessions ?? 0
  if (people === 0) return ''
  return `; ${people === 1 ? '1 participant was' : `${people} participants were`} on it when it was last heard`
}

function serving(at: Situation): Health {
  const { node, seen } = at
  if (isShedding(at)) return { ready: 'True', because: 'Shedding', message: sheddingMessage(seen.load) }
  if (!node.spec.cordoned && isGoing(seen.disruption)) return hostGoing(at, seen.disruption)
  if (!node.spec.cordoned) return { ready: 'True', because: 'Serving', message: 'takes new rooms' }
  const byPool = closedByPool(node)
  const why =
    byPool === undefined
      ? 'because spec.cordoned is true'
      : `because its pool closed it (${byPool.reason}); people may stay until ${byPool.deadline}`
  return { ready: 'True', because: 'Cordoned', message: `takes no new rooms, ${why}` }
}

function hostGoing(at: Situation, disruption: Disruption): Health {
  const movesOff = hostMovesOffAt(at)
  const people =
    movesOff === undefined
      ? 'people may finish'
      : movesOff > at.now
        ? `people may stay until ${toTimestamp(movesOff)}`
        : 'those who are left are told to reconnect elsewhere'
  return {
    ready: 'True',
    because: 'HostGoing',
    message: `takes no new rooms, because its host is about to go: ${sentenceOf(disruption)}; ${people}`,
  }
}

const sheddingMessage = ({ tier }: Admission): string =>
  tier === 'protect'
    ? 'is over its limit: takes no new rooms until its load falls, and people join only as fast as it can bear'
    : 'is full: takes no new rooms until its load falls'

const podNotReady = (pod: Pod): Health => ({
  ready: 'False',
  because: 'PodNotReady',
  message: `the agent reports, but the pod is not ready: ${podCondition(pod, 'Ready')?.message ?? 'no reason given'}`,
})

function unhealthy(at: Situation, pod: Pod): Health {
  const { nodeClass, registryFrozen } = at.seen
  const message = `${missingHeartbeat(at)}, and the pod is not ready: ${podCondition(pod, 'Ready')?.message ?? 'no reason given'}${inBrackets(at.seen.ending)}`
  const missingMs = missingForMs(at)
  const since = notReadySince(pod) ?? (hasEnded(pod) ? instant(at.now - (missingMs ?? 0)) : undefined)
  const base = { ready: 'False', because: 'Unhealthy' } as const
  // Without the class nobody said how long to wait; without a clear word of both witnesses nothing is concluded.
  if (nodeClass === undefined || missingMs === undefined || since === undefined) return { ...base, message }
  if (registryFrozen) {
    return {
      ...base,
      message: `${message}; kept, because many nodes vanished from the registry or fell silent in it at once, which points at the registry`,
    }
  }
  const limitMs = nodeClass.spec.health.unhealthyAfterSeconds * 1_000
  const bothForMs = Math.min(missingMs, at.now - since)
  if (bothForMs < limitMs) return { ...base, message, lookAgainMs: limitMs - bothForMs }
  return {
    ready: 'False',
    because: 'HealthTimeout',
    message: `${message}; for ${limitMs / 1_000} s${whoWasThere(at.node)}`,
    giveUp: 'HealthTimeout',
  }
}

/** What the agent of a node that is not Terminating should do: the strictest of a deletion, its host, `spec.cordoned`, and load. */
export function intentWanted(at: Situation, pod: Pod): Intent {
  const podUID = pod.metadata.uid
  const drain = drainWanted(at, pod)
  if (drain !== undefined) return { podUID, admission: 'closed', weight: 0, drain }
  const { load, disruption } = at.seen
  if (at.node.spec.cordoned || isGoing(disruption)) return { podUID, ...load, admission: 'closed', weight: 0 }
  return disruption === undefined
    ? { podUID, ...load }
    : { podUID, ...load, weight: Math.min(load.weight, ADVISORY_WEIGHT) }
}

/** The reason of the one drain that can be called back: a host that goes may be kept after all. */
export const DISRUPTED = 'Disrupted'

/**
 * After a deletion of the pod its deadline is the kubelet's, which the agent cannot see: the API server wrote it into the pod. For
 * a host that goes there is no drain before people are to be moved off, so that nobody is told of an end which may not come.
 */
function drainWanted(at: Situation, pod: Pod): Intent['drain'] {
  const killAt = evictsAt(pod)
  const hostAt = hostMovesOffAt(at)
  const evicts = (moment: number | undefined): boolean => moment !== undefined && at.now >= moment
  if (killAt !== undefined) {
    const stage = evicts(killAt) || evicts(hostAt) ? 'evict' : 'wait'
    return { reason: 'PodDeleted', deadline: toTimestamp(killAt), stage }
  }
  if (!evicts(hostAt)) return undefined
  // Of an end that nobody has told the time of, the moment counts when people were told of it.
  const told = ownIntent(at)?.intent.drain
  const toldAt = told?.reason === DISRUPTED ? fromTimestamp(told.deadline) : undefined
  return { reason: DISRUPTED, deadline: toTimestamp(at.seen.disruption?.deadline ?? toldAt ?? at.now), stage: 'evict' }
}

/**
 * No intent means open, so a node that is to be open and was never told anything costs no write. One that says it is closed was
 * told so by an intent that is lost, perhaps with all the registry: agents stay as they were told until they are told otherwise.
 */
export function intentAct(at: Situation): Act | undefined {
  const pod = ownPod(at)
  if (pod === undefined || at.seen.intent.state === 'unknown') return undefined
  const wanted = intentWanted(at, pod)
  const current = ownIntent(at)?.intent
  if (current === undefined) {
    const isAsBorn = sameIntent(wanted, { podUID: wanted.podUID, ...fullyOpen }) && ownHeartbeat(at)?.state !== 'closed'
    return isAsBorn ? undefined : { do: 'write-intent', intent: wanted }
  }
  if (callsBack(current, wanted)) return undefined
  return sameIntent(current, wanted) ? undefined : { do: 'write-intent', intent: wanted }
}

/**
 * Deletions cannot be undone, so no drain is ever called back: whoever sees no reason for one looks at an old cache. Nor
 * does `evict` become `wait` again when the clock steps back. Only a host may stay after all; and a drain for that, which can
 * be called back, never takes the place of one that cannot.
 */
function callsBack(current: Intent, wanted: Intent): boolean {
  if (current.drain === undefined || current.drain.reason === DISRUPTED) return false
  if (wanted.drain === undefined || wanted.drain.reason === DISRUPTED) return true
  return drainStages.indexOf(wanted.drain.stage) < drainStages.indexOf(current.drain.stage)
}

export function sameIntent(a: Intent, b: Intent): boolean {
  return (
    a.admission === b.admission &&
    a.weight === b.weight &&
    a.joinsPerSecond === b.joinsPerSecond &&
    a.tier === b.tier &&
    a.drain?.stage === b.drain?.stage &&
    a.drain?.reason === b.drain?.reason &&
    a.drain?.deadline === b.drain?.deadline
  )
}
