// Everything that is judgement about one RTCNode. No I/O, no clock, no chance: a snapshot goes in, the next step comes out.
import { fromTimestamp, type Instant } from '../ambient/clock.ts'
import { FINALIZER } from '../api/marks.ts'
import type { RTCNode, RTCNodeStatus } from '../api/rtcnode.ts'
import { isGoing } from '../cluster/reaction.ts'
import { conditionOf } from '../kube/conditions.ts'
import { type Decision, firstNotDone, type Observed, type Situation, type Waiting } from './decision.ts'
import { type Health, healthOf, intentAct } from './running.ts'
import { hostMovesOffAt, ownHeartbeat, reportsUnseen, surelyNobody } from './seen.ts'
import { givesUpAt, startSteps, takeFinalizer } from './start.ts'
import type { AgentSettings } from './start-up-environment.ts'
import { nextStatus } from './status.ts'
import { terminationSteps } from './terminate.ts'

/** What one RTCNode needs next, given all that is known about it at `now`. Total: every input has an answer. */
export function decide(node: RTCNode, seen: Observed, now: Instant, settings: AgentSettings): Decision {
  const at: Situation = { node, seen, now }
  if (node.metadata.deletionTimestamp !== undefined) return terminating(at)
  return node.status?.phase === 'Running' ? running(at) : pending(at, settings)
}

function pending(at: Situation, settings: AgentSettings): Decision {
  const waiting = firstNotDone(startSteps(settings), at)
  if (waiting === undefined) return running(at)
  // Its agent may take rooms before its pod is ready, and perhaps it never is there.
  const closing = isGoing(at.seen.disruption) ? intentAct(at) : undefined
  const step: Waiting = waiting.act === undefined && closing !== undefined ? { ...waiting, act: closing } : waiting
  const status = nextStatus(at, { phase: 'Pending', ready: 'False', ...step })
  const decision = startsQuietly(at, step) ? withoutStatus(at, step) : settle(at, step, status)
  return { ...decision, ...lookAgainBy(givesUpAt(at), at.now, decision.lookAgainMs) }
}

/** A start that hangs (an image that never comes) causes no event: only time brings the operator back to give it up. */
function lookAgainBy(
  endsAt: Instant | undefined,
  now: Instant,
  lookAgainMs: number | undefined,
): Pick<Decision, 'lookAgainMs'> {
  if (endsAt === undefined || endsAt <= now) return {}
  return { lookAgainMs: Math.min(lookAgainMs ?? Number.POSITIVE_INFINITY, endsAt - now) }
}

function running(at: Situation): Decision {
  const health = healthOf(at)
  const status = nextStatus(at, { phase: 'Running', ...health })
  const finalizer = takeFinalizer(at)
  const act = finalizer === 'done' ? actOf(at, health) : finalizer.act
  const decision = settle(
    at,
    {
      ...health,
      ...(act === undefined ? {} : { act }),
      lookAgainMs: Math.min(health.lookAgainMs ?? LOOK_MS, untilMoved(at)),
    },
    status,
  )
  const standsForMs = recordStandsForMs(at, health)
  if (standsForMs <= 0) return decision
  const lookAgainMs = Math.min(standsForMs, decision.lookAgainMs ?? Number.POSITIVE_INFINITY)
  return { ...decision, status: at.node.status ?? status, lookAgainMs }
}

/** Until people are to be moved off because of the host. */
function untilMoved(at: Situation): number {
  const leftMs = (hostMovesOffAt(at) ?? Number.POSITIVE_INFINITY) - at.now
  return leftMs > 0 ? leftMs : Number.POSITIVE_INFINITY
}

/** Three heartbeats. */
const MISSED_AFTER_MS = 9_000
/** A registry that cannot be read for so long is worth telling. */
const FIRST_SIGHT_MS = 30_000

/** An operator that has just started has seen no beat of anybody: what is on record stands until one is surely missed. */
function recordStandsForMs({ seen: { registration } }: Situation, { because }: Health): number {
  if (registration.state === 'unknown' && registration.because === 'not-synced') {
    return FIRST_SIGHT_MS - registration.forMs
  }
  return because === 'TelemetryLost' && registration.state === 'stale' ? MISSED_AFTER_MS - registration.forMs : 0
}

function actOf(at: Situation, health: Health): Waiting['act'] {
  if (health.giveUp !== undefined) return { do: 'delete-node', because: health.giveUp }
  return reportsUnseen(at) ? { do: 'find-pod' } : intentAct(at)
}

function terminating(at: Situation): Decision {
  // Without our finalizer the object is others' to hold; what it owned, the garbage collector deletes and preStop drains.
  if (at.node.metadata.finalizers?.includes(FINALIZER) !== true) {
    return { status: at.node.status ?? { phase: 'Pending' }, because: 'CleaningUp' }
  }
  const waiting = firstNotDone(terminationSteps, at)
  if (waiting === undefined) throw new Error('the last step of a termination always speaks')
  const status = nextStatus(at, { phase: 'Terminating', ready: 'False', ...waiting })
  // The deadline must be on record before any side effect of the drain.
  if (waiting.drain !== undefined) return { status, because: waiting.because }
  return drainsQuietly(at, waiting) ? withoutStatus(at, waiting) : settle(at, waiting, status)
}

/** Why a node is given up, or its pod looked for, must be on record first. */
function settle(at: Situation, waiting: Waiting, status: RTCNodeStatus): Decision {
  const { act, because, lookAgainMs } = waiting
  const onRecord = conditionOf(at.node.status?.conditions, 'Ready')?.reason === because
  const held = (act?.do === 'delete-node' || act?.do === 'find-pod') && !onRecord
  return {
    status,
    because,
    ...(act === undefined || held ? {} : { act }),
    ...(lookAgainMs === undefined ? {} : { lookAgainMs }),
  }
}

/** Whatever changes about a Running node is heard of; this is for the day it is not. */
const LOOK_MS = 300_000

/** A start that goes on: told in the status when it hangs, and never as an event. Of a host that goes its own event tells. */
export const quietReasons: ReadonlySet<string> = new Set([
  'Pending',
  'PodCreated',
  'PodStarting',
  'AwaitingRegistration',
  'HostGoing',
])

/**
 * A start that goes well within this time costs no write of its own: a new object already reads as Pending. Nor does the
 * drain of an empty node. Many at once share the cluster, so each is given more, or telling them would slow all of them.
 */
const quietMs = ({ seen }: Situation): number => Math.min(300_000, 2_000 + 50 * seen.crowd)
const QUIET_LOOK_MS = 2_000

function startsQuietly(at: Situation, { because }: Waiting): boolean {
  const createdAt = fromTimestamp(at.node.metadata.creationTimestamp) ?? 0
  return quietReasons.has(because) && at.now - createdAt < quietMs(at)
}

/** That people are still there, or may be, is always told. */
function drainsQuietly(at: Situation, { act }: Waiting): boolean {
  const startedAt = fromTimestamp(at.node.status?.drain?.startedAt) ?? 0
  const nobody = surelyNobody(at) || ownHeartbeat(at)?.sessions === 0
  return nobody && act?.do !== 'find-pod' && at.now - startedAt < quietMs(at)
}

const withoutStatus = ({ node }: Situation, { because, act, lookAgainMs }: Waiting): Decision => ({
  status: node.status ?? { phase: 'Pending' },
  because,
  ...(act === undefined ? {} : { act }),
  lookAgainMs: Math.min(lookAgainMs ?? QUIET_LOOK_MS, QUIET_LOOK_MS),
})
