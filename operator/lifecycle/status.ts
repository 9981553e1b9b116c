// The status of an RTCNode, from what was seen and judged. Pure.
import { toTimestamp } from '../ambient/clock.ts'
import type { Pod } from '../api/core.ts'
import type { Heartbeat } from '../api/heartbeat.ts'
import { annotations } from '../api/marks.ts'
import type { NodeReason } from '../api/reasons.ts'
import {
  type DisruptionStatus,
  type DrainStatus,
  type LoadStatus,
  type Phase,
  phases,
  type RTCNodeStatus,
} from '../api/rtcnode.ts'
import { scheduledBecause, sentenceOf } from '../cluster/reaction.ts'
import { conditionOf, withFindings } from '../kube/conditions.ts'
import { compact } from '../kube/status.ts'
import type { Finding, Situation } from './decision.ts'
import { hostAddress } from './pod-view.ts'
import { isRegistered, isShedding, missingHeartbeat, ownHeartbeat, ownPod } from './seen.ts'
import { addressSourceOf } from './start-up-environment.ts'

export interface Verdict {
  readonly phase: Phase
  readonly ready: 'True' | 'False' | 'Unknown'
  readonly because: NodeReason
  readonly message: string
  readonly drain?: DrainStatus
}

export function nextStatus(at: Situation, verdict: Verdict): RTCNodeStatus {
  const { node, now } = at
  const previous = node.status
  const pod = ownPod(at)
  const phase = forward(previous?.phase, verdict.phase)
  return compact({
    phase,
    observedGeneration: node.metadata.generation,
    podName: pod?.metadata.name ?? previous?.podName,
    podUID: pod?.metadata.uid ?? previous?.podUID,
    classHash: classHashOf(pod) ?? previous?.classHash,
    nodeName: pod?.spec.nodeName ?? previous?.nodeName,
    address: addressOf(at) ?? previous?.address,
    region: node.spec.region ?? at.seen.host?.metadata.labels?.['topology.kubernetes.io/region'] ?? previous?.region,
    ports: previous?.ports ?? at.seen.nodeClass?.spec.network.ports,
    load: loadOf(at) ?? previous?.load,
    drain: drainOf(at, verdict),
    disruption: disruptionOf(at),
    conditions: withFindings(previous?.conditions, findings(at, verdict, phase), node.metadata.generation, now),
  })
}

/** Only what could be one: an annotation can be edited by whoever may edit pods, and must not keep the status from being taken. */
function classHashOf(pod: Pod | undefined): string | undefined {
  const told = pod?.metadata.annotations?.[annotations.classHash]
  return told !== undefined && /^[a-z0-9]{1,16}$/.test(told) ? told : undefined
}

/** Phases only move forward, whatever was seen. */
const forward = (from: Phase | undefined, to: Phase): Phase =>
  from !== undefined && phases.indexOf(from) > phases.indexOf(to) ? from : to

function addressOf(at: Situation): string | undefined {
  const { nodeClass, host } = at.seen
  const told = ownHeartbeat(at)?.address
  if (told !== undefined && told !== '') return told
  if (nodeClass === undefined) return undefined
  const status = ownPod(at)?.status
  switch (addressSourceOf(nodeClass)) {
    case 'Fixed':
      return nodeClass.spec.network.fixedAddress
    case 'PodIP':
      return status?.podIP
    case 'HostIP':
      return status?.hostIP
    case 'ExternalIP':
      return hostAddress(host, 'ExternalIP')
  }
}

function findings(at: Situation, verdict: Verdict, phase: Phase): Finding[] {
  const { ready, because, message } = verdict
  const pod = ownPod(at)
  const scheduled = pod?.spec.nodeName !== undefined
  const lost = phase === 'Running' && !isRegistered(at)
  return [
    { type: 'Ready', status: ready, reason: because, message },
    scheduled
      ? {
          type: 'Scheduled',
          status: 'True',
          reason: scheduledBecause(at.node, at.seen.disruption),
          message: `on host ${pod.spec.nodeName ?? ''}`,
        }
      : {
          type: 'Scheduled',
          status: 'False',
          reason: pod === undefined ? 'NoPod' : 'WaitingForHost',
          message: 'no host yet',
        },
    registered(at),
    admission(at, phase),
    lost
      ? { type: 'TelemetryLost', status: 'True', reason: 'HeartbeatMissing', message: missingHeartbeat(at) }
      : { type: 'TelemetryLost', status: 'False', reason: 'HeartbeatSeen', message: 'nothing is missing' },
    ...disrupted(at),
    ...drained(phase, because, drainOf(at, verdict)),
  ]
}

function admission(at: Situation, phase: Phase): Finding {
  const type = 'AdmissionOpen'
  const state = ownHeartbeat(at)?.state
  if (state === undefined) return { type, status: 'Unknown', reason: 'NoHeartbeat', message: missingHeartbeat(at) }
  const message = `the agent says: ${state}`
  if (state === 'serving') return { type, status: phase === 'Running' ? 'True' : 'False', reason: 'Serving', message }
  return { type, status: 'False', reason: phase === 'Running' && isShedding(at) ? 'Shedding' : 'Closed', message }
}

/** What was told of a pod that is gone stands: it is why the pod is gone. */
function disruptionOf(at: Situation): DisruptionStatus | undefined {
  const { disruption } = at.seen
  if (ownPod(at) === undefined) return at.node.status?.disruption
  if (disruption === undefined) return undefined
  const { kind, deadline } = disruption
  return compact({ kind, deadline: deadline && toTimestamp(deadline) })
}

/** Nobody needs to read of it on a node where it never was. */
function disrupted(at: Situation): Finding[] {
  const type = 'Disrupted'
  if (ownPod(at) === undefined) return []
  const { ending, disruption } = at.seen
  if (ending !== undefined) return [{ type, status: 'True', reason: ending.reason, message: ending.message }]
  if (disruption !== undefined)
    return [{ type, status: 'True', reason: disruption.reason, message: sentenceOf(disruption) }]
  if (conditionOf(at.node.status?.conditions, type) === undefined) return []
  return [{ type, status: 'False', reason: 'HostStays', message: 'nothing says any more that its host goes' }]
}

function registered(at: Situation): Finding {
  if (isRegistered(at))
    return { type: 'Registered', status: 'True', reason: 'Registered', message: 'a heartbeat of this pod is fresh' }
  const before = conditionOf(at.node.status?.conditions, 'Registered')
  const never = before === undefined || before.reason === 'AwaitingRegistration'
  return {
    type: 'Registered',
    status: at.seen.registration.state === 'unknown' ? 'Unknown' : 'False',
    reason: never ? 'AwaitingRegistration' : 'HeartbeatMissing',
    message: missingHeartbeat(at),
  }
}

const emptyAndBeyond = new Set<NodeReason>(['Deregistering', 'DeletingPod', 'CleaningUp'])

function drained(phase: Phase, because: NodeReason, drain: DrainStatus | undefined): Finding[] {
  if (phase !== 'Terminating') return []
  return emptyAndBeyond.has(because) && !gaveUpMoving(drain)
    ? [{ type: 'Drained', status: 'True', reason: 'Empty', message: 'nobody is left' }]
    : [{ type: 'Drained', status: 'False', reason: because, message: 'people may still be connected' }]
}

/** The deadline passed and nobody confirmed that those who were left are gone: it is never told that nobody was there. */
const gaveUpMoving = (drain: DrainStatus | undefined): boolean => drain?.skipped?.includes('evict') === true

/** Told first at once, then when it is the node's turn: live load belongs to the registry. */
function loadOf(at: Situation): LoadStatus | undefined {
  const heartbeat = ownHeartbeat(at)
  if (heartbeat === undefined) return undefined
  const previous = at.node.status?.load
  if (previous !== undefined && !(at.seen.loadIsDue && isNews(previous, heartbeat))) return previous
  return compact({
    sessions: heartbeat.sessions,
    rooms: heartbeat.rooms,
    streams: heartbeat.streams,
    cpuPercent: heartbeat.cpu,
    joinLatencyP99Ms: heartbeat.joinLatencyP99Ms,
    observedAt: toTimestamp(at.now),
  })
}

/** A change of load that somebody would act on. */
export const isNews = (before: LoadStatus | undefined, { sessions, streams, cpu }: Heartbeat): boolean =>
  before === undefined ||
  differs(before.sessions, sessions) ||
  differs(before.streams, streams) ||
  differs(before.cpuPercent, cpu, 10)

/** A tenth, or between somebody and nobody, or by more than `slack`. */
function differs(before: number | undefined, after: number | undefined, slack = 0): boolean {
  if (before === undefined || after === undefined) return before !== after
  if ((before === 0) !== (after === 0) && slack === 0) return true
  return Math.abs(after - before) > Math.max(slack, Math.max(before, after) / 10)
}

function drainOf(at: Situation, verdict: Verdict): DrainStatus | undefined {
  const drain = verdict.drain ?? at.node.status?.drain
  if (drain === undefined) return undefined
  const nobody = emptyAndBeyond.has(verdict.because) && !gaveUpMoving(drain)
  return compact({ ...drain, sessionsRemaining: ownHeartbeat(at)?.sessions ?? (nobody ? 0 : undefined) })
}
