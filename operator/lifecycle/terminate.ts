// A drain reads as the list of its steps; the first that is not done speaks. No clock of ours is in its deadline (see
// drain-deadline.ts); only “has it come?” looks at `now`.
//
// Every step is bounded by the deadline (people) or by deadline + grace (machines that do not answer), so that a deleted
// node is gone by then even if neither SFU nor registry ever answers. What was given up is recorded in `drain.skipped`.
import { toTimestamp } from '../ambient/clock.ts'
import { closedByPool } from '../api/closed-by-pool.ts'
import { type DrainStage, drainStages, type Intent } from '../api/intent.ts'
import type { NodeReason } from '../api/reasons.ts'
import { conditionOf } from '../kube/conditions.ts'
import type { Act, Situation, Step, Waiting } from './decision.ts'
import { deadlineOf, drainOf, graceEndOf, promisedDeadline, untilDeadline } from './drain-deadline.ts'
import { acknowledged, isEmpty } from './drain-empty.ts'
import { ownHeartbeat, ownIntent, ownPod, reportsUnseen, surelyNobody } from './seen.ts'

export const terminationSteps: readonly Step[] = [
  stampDeadline,
  findPod,
  closeAdmission,
  awaitEmptyOrDeadline,
  moveOffTheRest,
  removeRegistration,
  deletePod,
  removeIntent,
  releaseFinalizer,
]

/** For the kubelet, once nobody is on the node. */
const POD_GRACE_SECONDS = 30

/** Once, before any side effect; whatever the spec says later, people keep what they were promised. */
function stampDeadline(at: Situation): 'done' | Waiting {
  if (at.node.status?.drain !== undefined) return 'done'
  const deadline = toTimestamp(promisedDeadline(at))
  return {
    because: 'ClosingAdmission',
    message: `people may stay until ${deadline}`,
    drain: { reason: reasonOf(at), startedAt: toTimestamp(at.now), deadline },
  }
}

/** Who cannot be seen cannot be told to leave. Bounded, because anybody may go on writing the key. */
function findPod(at: Situation): 'done' | Waiting {
  if (!reportsUnseen(at) || at.now >= graceEndOf(at)) return 'done'
  const message = 'the pod cannot be found, but its agent reports'
  return { because: 'ClosingAdmission', message, act: { do: 'find-pod' }, lookAgainMs: DRAIN_LOOK_MS }
}

function closeAdmission(at: Situation): 'done' | Waiting {
  if (surelyNobody(at) || at.now >= deadlineOf(at)) return 'done'
  const asked = ask(at, 'wait')
  if (asked === 'done' && (acknowledged(at) || isEmpty(at))) return 'done'
  return {
    because: 'ClosingAdmission',
    message: 'the agent has not confirmed yet that it takes no new rooms',
    lookAgainMs: Math.min(untilDeadline(at), DRAIN_LOOK_MS),
    ...(asked === 'done' ? {} : asked),
  }
}

function awaitEmptyOrDeadline(at: Situation): 'done' | Waiting {
  if (isEmpty(at) || at.now >= deadlineOf(at)) return 'done'
  const sessions = ownHeartbeat(at)?.sessions
  const who = sessions === undefined ? 'it cannot be seen how many people are left' : `${sessions} still connected`
  return {
    because: 'WaitingForSessions',
    message: `${who}; they may stay until ${drainOf(at).deadline}`,
    lookAgainMs: Math.min(untilDeadline(at), DRAIN_LOOK_MS),
  }
}

/** The deadline has come: those who are left are told to reconnect, and moved off. */
function moveOffTheRest(at: Situation): 'done' | Waiting {
  if (isEmpty(at)) return 'done'
  return insist(at, 'evict', 'Evicting', 'asking the agent to move off those who are left')
}

function removeRegistration(at: Situation): 'done' | Waiting {
  if (at.seen.registration.state === 'absent') return 'done'
  // Nobody is there to leave: the lease takes the key away, or (a key without a lease) nobody ever does.
  if (ownPod(at) === undefined && leftBehind(at))
    return giveUp(at, 'deregister: the key has no lease and its pod is gone') ?? 'done'
  return insist(at, 'leave', 'Deregistering', 'asking the agent to leave the registry')
}

function deletePod(at: Situation): 'done' | Waiting {
  const pod = ownPod(at)
  if (pod === undefined) return 'done'
  const { deletionTimestamp, deletionGracePeriodSeconds = 0, uid, resourceVersion } = pod.metadata
  const waiting = { because: 'DeletingPod', message: 'the pod is being deleted' } as const
  // A pod that somebody deleted with a long grace need not sit it out: nobody is there any more.
  if (deletionTimestamp !== undefined && deletionGracePeriodSeconds <= POD_GRACE_SECONDS) {
    return { ...waiting, ...lastWord(at) }
  }
  return {
    ...waiting,
    act: { do: 'delete-pod', onlyIf: { uid, resourceVersion }, gracePeriodSeconds: POD_GRACE_SECONDS },
  }
}

/**
 * We were away while deadline and grace passed, so that nobody was told: let them at least be moved off before the kubelet
 * kills their SFU. Here, because nothing waits for it: the pod goes whether or not this can be written.
 */
function lastWord(at: Situation): { act?: Act } {
  const asked = isEmpty(at) ? 'done' : ask(at, 'evict')
  return asked === 'done' ? {} : asked
}

function removeIntent(at: Situation): 'done' | Waiting {
  const { intent } = at.seen
  if (intent.state === 'absent') return 'done'
  if (intent.state === 'unknown') return outOfPatience(at, 'CleaningUp', 'the registry cannot be read', 'remove-intent')
  return { because: 'CleaningUp', message: 'removing the intent', act: { do: 'delete-intent' } }
}

function releaseFinalizer(_at: Situation): Waiting {
  return { because: 'CleaningUp', message: 'nothing is left', act: { do: 'release-finalizer' } }
}

// --- what the steps ask -------------------------------------------------------------------------------------------

/** How often sessionsRemaining is refreshed while people leave, and how often a silent agent is looked at. */
const DRAIN_LOOK_MS = 5_000

const stageIndex = (stage: DrainStage): number => drainStages.indexOf(stage)

/** The intent that brings the agent to this stage; 'done' when it has been told. Without a pod or a registry nobody can be told. */
function ask(at: Situation, stage: DrainStage): 'done' | { act?: Act } {
  const pod = ownPod(at)
  if (pod === undefined) return 'done'
  if (at.seen.intent.state === 'unknown') return {}
  const current = ownIntent(at)?.intent.drain
  const { deadline, reason } = drainOf(at)
  if (current !== undefined && current.deadline === deadline && stageIndex(current.stage) >= stageIndex(stage))
    return 'done'
  const intent: Intent = {
    podUID: pod.metadata.uid,
    admission: 'closed',
    weight: 0,
    drain: { reason, deadline, stage },
  }
  const { uid, resourceVersion } = pod.metadata
  return { act: { do: 'write-intent', intent, ...(stage === 'leave' ? { onlyIf: { uid, resourceVersion } } : {}) } }
}

/** Brings the agent to this stage and waits for what comes of it: until the grace is over, then it is given up. */
function insist(at: Situation, stage: 'evict' | 'leave', because: NodeReason, asking: string): 'done' | Waiting {
  const asked = ask(at, stage)
  if (asked !== 'done' && at.now < graceEndOf(at)) {
    return { because, message: asking, lookAgainMs: DRAIN_LOOK_MS, ...asked }
  }
  return outOfPatience(at, because, gaveUp[stage].message, gaveUp[stage].step)
}

const gaveUp = {
  evict: { step: 'evict', message: 'moving people off was not confirmed' },
  leave: { step: 'deregister', message: 'the registry key is still there' },
} as const

function leftBehind({ seen: { registration } }: Situation): boolean {
  return registration.state !== 'unknown' && 'forMs' in registration && registration.forMs >= 30_000
}

function outOfPatience(at: Situation, because: NodeReason, what: string, step: string): 'done' | Waiting {
  const leftMs = graceEndOf(at) - at.now
  if (leftMs > 0) return { because, message: what, lookAgainMs: Math.min(leftMs, DRAIN_LOOK_MS) }
  return giveUp(at, step) ?? 'done'
}

/** Records a step that is given up, before going on; undefined once it is on record. */
function giveUp(at: Situation, step: string): Waiting | undefined {
  const drain = drainOf(at)
  if (drain.skipped?.includes(step)) return undefined
  return {
    because: 'CleaningUp',
    message: `gave up after deadline and grace: ${step}`,
    drain: { ...drain, skipped: [...(drain.skipped ?? []), step] },
  }
}

function reasonOf({ node }: Situation): NodeReason {
  const ready = conditionOf(node.status?.conditions, 'Ready')?.reason
  if (ready === 'StartupTimeout' || ready === 'HealthTimeout' || ready === 'PodLost') return ready
  return closedByPool(node)?.reason ?? 'Deleted'
}
