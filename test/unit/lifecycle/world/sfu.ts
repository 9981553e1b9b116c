// Simulated SFU pods: the process with its people, the agent beside it (the real judgement of operator/agent), and the
// kubelet that starts and kills them. Whatever ends a session is told to the ledger.

import { decide, initialStance, type Stance } from '../../../../operator/agent/decide.ts'
import { type Instant, monotonic } from '../../../../operator/ambient/clock.ts'
import type { Pod } from '../../../../operator/api/core.ts'
import type { KnownIntent } from '../../../../operator/registry/registration.ts'
import type { Registry } from './registry.ts'

export interface Sfu {
  readonly name: string
  readonly podUID: string
  readonly nodeUID: string
  /** What the agent was told its pod may take to stop. */
  readonly graceMs: number
  bootId: number
  seq: number
  sessions: number
  stance: Stance
  preStopAt: number | undefined
  mayStop: boolean
  /** Faults: the agent is dead; the SFU does not answer it; it obeys nobody; people never leave by themselves. */
  agentDead: boolean
  hung: boolean
  deaf: boolean
  neverEmpties: boolean
}

/** How sessions end: by themselves, moved off by the agent, killed with their pod, or lost to a fault of the SFU or its host. */
export type Ending = 'left' | 'moved' | 'killed' | 'fault'

export interface Ledger {
  ended(sfu: Sfu, how: Ending, sessions: number): void
}

export const startSfu = (pod: Pod): Sfu => ({
  name: pod.metadata.name,
  podUID: pod.metadata.uid,
  nodeUID: pod.metadata.ownerReferences?.find(owner => owner.controller)?.uid ?? '',
  graceMs: (pod.spec.terminationGracePeriodSeconds ?? 30) * 1_000,
  bootId: 1,
  seq: 0,
  sessions: 0,
  stance: initialStance,
  preStopAt: undefined,
  mayStop: false,
  agentDead: false,
  hung: false,
  deaf: false,
  neverEmpties: false,
})

export function end(sfu: Sfu, how: Ending, ledger: Ledger, sessions = sfu.sessions): void {
  if (sessions === 0) return
  ledger.ended(sfu, how, sessions)
  sfu.sessions -= sessions
}

/** One round of the agent: read, decide, obey, report. */
export function agentRound(sfu: Sfu, etcd: Registry, now: Instant, ledger: Ledger): void {
  if (sfu.agentDead) return
  const moment = monotonic(now)
  const intent = sfu.deaf ? ({ state: 'absent' } as const) : intentSeenBy(sfu, etcd)
  const decided = decide(
    sfu.stance,
    {
      intent,
      sfu: sfu.hung
        ? { state: 'silent' }
        : { state: 'answers', takenAt: moment, sessions: sfu.sessions, rooms: sfu.sessions > 0 ? 1 : 0 },
      ...(sfu.preStopAt === undefined ? {} : { preStop: { askedAt: monotonic(sfu.preStopAt), graceMs: sfu.graceMs } }),
    },
    sfu.podUID,
    moment,
  )
  sfu.stance = decided.stance
  sfu.mayStop = decided.mayStop
  for (const act of decided.acts) {
    if (act.do === 'evict' && !sfu.hung) end(sfu, 'moved', ledger)
    if (act.do === 'leave' && etcd.up) etcd.remove(sfu.name, sfu.podUID)
  }
  if (!etcd.up || sfu.stance.left) return
  if (sfu.hung) return etcd.keepAlive(sfu.name, sfu.podUID)
  if (decided.state === undefined) return
  etcd.put(sfu.name, {
    podUID: sfu.podUID,
    bootId: `boot-${sfu.bootId}`,
    seq: ++sfu.seq,
    state: decided.state,
    sessions: sfu.sessions,
    ...(decided.stance.ackIntent === undefined ? {} : { ackIntent: decided.stance.ackIntent }),
  })
}

function intentSeenBy(sfu: Sfu, etcd: Registry): KnownIntent {
  if (!etcd.up) return { state: 'unknown' }
  const intent = etcd.intent(sfu.name)
  return intent === undefined ? { state: 'absent' } : { state: 'known', ...intent }
}

/** The container starts anew: nobody of before is there any more. */
export function crash(sfu: Sfu, ledger: Ledger): void {
  end(sfu, 'fault', ledger)
  sfu.bootId++
  sfu.hung = false
  sfu.stance = { ...sfu.stance, emptyReadings: 0 }
}
