// Who was cut and why, and how drains ended: counted as the leader sees it happen, from one look at a node to the next. The
// controller calls it; nothing is decided by it.
import type { Instant } from '../ambient/clock.ts'
import type { Heartbeat } from '../api/heartbeat.ts'
import { isOnGoingHost } from '../api/host-going.ts'
import { type Condition, keyOf, type ObjectKey, type Uid } from '../api/meta.ts'
import type { RTCNode } from '../api/rtcnode.ts'
import { conditionOf } from '../kube/conditions.ts'
import type { Logger } from '../telemetry/log.ts'
import type { MetricsOf } from '../telemetry/metrics.ts'
import { drainNow } from './drain-now.ts'
import type { tallyMetricTable } from './metrics.ts'
import { DISRUPTED } from './running.ts'

/** Why calls ended that their people did not end. */
export const cutCauses = [
  'deadline',
  'host-going',
  'evicted',
  'preempted',
  'tainted',
  'kubelet',
  'pod-deleted',
  'sfu-restart',
  'node-lost',
] as const
export type CutCause = (typeof cutCauses)[number]
type Evicting = Exclude<CutCause, 'sfu-restart' | 'node-lost'>

/** Who may end a pod, by the reason that Kubernetes gives. */
const endings: Readonly<Record<string, Evicting>> = {
  EvictionByEvictionAPI: 'evicted',
  PreemptionByScheduler: 'preempted',
  DeletionByTaintManager: 'tainted',
  TerminationByKubelet: 'kubelet',
}

/** Why those on a node are told to leave, by the reason of its drain and what is on record of its pod. */
export function causeOf(drainReason: string, node: RTCNode): Evicting {
  if (drainReason === DISRUPTED || drainReason === 'HostGoing') return 'host-going'
  return drainReason === 'PodDeleted' ? (endings[disruptedOf(node)?.reason ?? ''] ?? 'pod-deleted') : 'deadline'
}

const disruptedOf = ({ status }: RTCNode): Condition | undefined => {
  const disrupted = conditionOf(status?.conditions, 'Disrupted')
  return disrupted?.status === 'True' ? disrupted : undefined
}

/** Why those on a node that goes now are lost. */
function lossOf(node: RTCNode): CutCause {
  const ended = endings[disruptedOf(node)?.reason ?? '']
  return ended ?? (isOnGoingHost(node) ? 'host-going' : 'node-lost')
}

/**
 * `empty`: all had left. `deadline`: those who were left were moved off. `given-up`: nobody answered, so steps were left out.
 * `lost`: the node went with people on it. `reopened`: its pool takes rooms on it again.
 */
export const drainOutcomes = ['empty', 'deadline', 'given-up', 'lost', 'reopened'] as const
export type DrainOutcome = (typeof drainOutcomes)[number]

export interface Tally {
  /** A look at a node that is there; `heartbeat`: its own, if that is fresh. */
  look(node: RTCNode, heartbeat: Heartbeat | undefined, now: Instant): void
  /** Its agent was told to move off those who are left. */
  evicted(key: ObjectKey, cause: Evicting): void
  /** There is no such RTCNode any more. */
  gone(key: ObjectKey, now: Instant | undefined): void
}

export interface TallyDeps {
  readonly metrics: MetricsOf<typeof tallyMetricTable>
  readonly log: Logger
}

interface Life {
  readonly uid: Uid
  bootId: string | undefined
  /** As last heard. */
  people: number
  /** Why those on it were moved off; they are counted. */
  evictedFor: Evicting | undefined
  state: Heartbeat['state'] | undefined
  /** Why they are lost, if it goes now. */
  lossCause: CutCause
  hasGivenUp: boolean
  drainingSince: Instant | undefined
}

export function lifeTally({ metrics, log }: TallyDeps): Tally {
  const lives = new Map<ObjectKey, Life>()
  for (const cause of cutCauses) metrics.rtcnode_participants_cut_total.inc({ cause }, 0)
  for (const outcome of drainOutcomes) metrics.rtcnode_drain_duration_seconds.zero({ outcome })

  function cut(key: ObjectKey, people: number, cause: CutCause): void {
    if (people === 0) return
    metrics.rtcnode_participants_cut_total.inc({ cause }, people)
    log.warn('people were cut', { node: key, people, cause })
  }

  function ended(since: Instant, outcome: DrainOutcome, now: Instant): void {
    metrics.rtcnode_drain_duration_seconds.observe({ outcome }, Math.max(0, now - since) / 1_000)
  }

  function end(key: ObjectKey, life: Life, now: Instant | undefined): void {
    if (isLost(life)) cut(key, life.people, life.lossCause)
    if (life.drainingSince !== undefined && now !== undefined) ended(life.drainingSince, outcomeOf(life), now)
    lives.delete(key)
  }

  /** A name may live again. */
  function lifeOf(key: ObjectKey, uid: Uid, now: Instant): Life {
    const known = lives.get(key)
    if (known?.uid === uid) return known
    if (known !== undefined) end(key, known, now)
    const life: Life = {
      uid,
      bootId: undefined,
      people: 0,
      evictedFor: undefined,
      state: undefined,
      lossCause: 'node-lost',
      hasGivenUp: false,
      drainingSince: undefined,
    }
    lives.set(key, life)
    return life
  }

  function followDrain(life: Life, node: RTCNode, now: Instant): void {
    const drain = drainNow(node)
    life.hasGivenUp = node.status?.drain?.skipped !== undefined
    if (drain !== undefined) life.drainingSince ??= drain.startedAt ?? now
    else if (life.drainingSince !== undefined) {
      ended(life.drainingSince, 'reopened', now)
      life.drainingSince = undefined
    }
  }

  return {
    look(node, heartbeat, now) {
      const key = keyOf(node)
      const life = lifeOf(key, node.metadata.uid, now)
      if (heartbeat !== undefined) {
        // Sessions of an older boot are gone, whoever has come back since.
        const hasRestarted = life.bootId !== undefined && life.bootId !== heartbeat.bootId
        if (hasRestarted && life.evictedFor === undefined) cut(key, life.people, 'sfu-restart')
        // Its host stays after all: whoever comes from now on has not been moved off.
        if (life.state === 'draining' && heartbeat.state === 'serving') life.evictedFor = undefined
        life.state = heartbeat.state
        life.bootId = heartbeat.bootId
        life.people = heartbeat.sessions
      }
      life.lossCause = lossOf(node)
      followDrain(life, node, now)
    },
    evicted(key, cause) {
      const life = lives.get(key)
      if (life === undefined || life.evictedFor !== undefined) return
      cut(key, life.people, cause)
      life.evictedFor = cause
    },
    gone(key, now) {
      const life = lives.get(key)
      if (life !== undefined) end(key, life, now)
    },
  }
}

const isLost = ({ people, evictedFor }: Life): boolean => people > 0 && evictedFor === undefined

function outcomeOf(life: Life): DrainOutcome {
  const { evictedFor } = life
  const isMovedInTime = evictedFor === 'deadline' || evictedFor === 'host-going'
  if (isLost(life) || (evictedFor !== undefined && !isMovedInTime)) return 'lost'
  if (life.hasGivenUp) return 'given-up'
  return isMovedInTime ? 'deadline' : 'empty'
}
