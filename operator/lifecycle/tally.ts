// Who was cut and why, and how drains ended: counted as the leader sees it happen, from one look at a node to the next. The
// controller calls it; nothing is decided by it.
import type { Instant } from '../ambient/clock.ts'
import type { Heartbeat } from '../api/heartbeat.ts'
import { keyOf, type ObjectKey, type Uid } from '../api/meta.ts'
import type { RTCNode } from '../api/rtcnode.ts'
import type { Logger } from '../telemetry/log.ts'
import type { MetricsOf } from '../telemetry/metrics.ts'
import { drainNow } from './drain-now.ts'
import type { tallyMetricTable } from './metrics.ts'

/** Why calls ended that their people did not end. */
export const cutCauses = ['deadline', 'pod-deleted', 'sfu-restart', 'node-lost'] as const
export type CutCause = (typeof cutCauses)[number]
type Evicting = Extract<CutCause, 'deadline' | 'pod-deleted'>

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
    if (isLost(life)) cut(key, life.people, 'node-lost')
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
        life.bootId = heartbeat.bootId
        life.people = heartbeat.sessions
      }
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
  if (isLost(life) || life.evictedFor === 'pod-deleted') return 'lost'
  if (life.hasGivenUp) return 'given-up'
  return life.evictedFor === 'deadline' ? 'deadline' : 'empty'
}
