// The invariants of a world, each watching what really happens, never what somebody believes. A broken one throws.
import { fromTimestamp, type Instant } from '../../../../operator/ambient/clock.ts'
import { closedByPool } from '../../../../operator/api/closed-by-pool.ts'
import type { Pod } from '../../../../operator/api/core.ts'
import type { Intent } from '../../../../operator/api/intent.ts'
import { MAX_DRAIN_SECONDS, phases, type RTCNode } from '../../../../operator/api/rtcnode.ts'
import type { Disruption } from '../../../../operator/cluster/disruption.ts'
import type { GiveUpReason } from '../../../../operator/lifecycle/decision.ts'
import { isPodOf, isReady } from '../../../../operator/lifecycle/pod-view.ts'
import { SILENT_MS } from '../../../../operator/registry/sight.ts'
import type { ApiServer } from './api-server.ts'
import type { Registry } from './registry.ts'
import type { Ending, Sfu } from './sfu.ts'

export class Violation extends Error {
  readonly invariant: string

  constructor(invariant: string, message: string) {
    super(`${invariant}: ${message}`)
    this.name = 'Violation'
    this.invariant = invariant
  }
}

export interface Monitors {
  operatorDeletesPod(pod: Pod, actingFor: RTCNode): void
  operatorPatchesPod(pod: Pod, actingFor: RTCNode): void
  operatorCreatesPod(owner: RTCNode): void
  operatorGivesUp(node: RTCNode, because: GiveUpReason): void
  finalizerReleased(node: RTCNode): void
  statusWritten(before: RTCNode, after: RTCNode): void
  intentWritten(name: string, before: Intent | undefined, after: Intent | undefined): void
  /** A person or the garbage collector deleted this pod: people on it go by its grace. */
  deletedByOthers(podUID: string): void
  sessionsEnded(sfu: Sfu, how: Ending, sessions: number): void
}

export interface Truth {
  readonly api: ApiServer
  readonly etcd: Registry
  readonly sfus: ReadonlyMap<string, Sfu>
  now(): Instant
  /** What the host announces. */
  notice(): Disruption | undefined
}

export function monitors({ api, etcd, sfus, now, notice }: Truth): Monitors {
  const deadlines = new Map<string, string>()
  const doomedByOthers = new Set<string>()
  const shortenedByOperator = new Set<string>()
  /** Pods whose people were told to leave while their host was to go. */
  const leftForHost = new Set<string>()

  const hold = (invariant: string, holds: boolean, message: () => string): void => {
    if (!holds) throw new Violation(invariant, message())
  }
  const nodeOf = (uid: string): RTCNode | undefined => api.nodes().find(({ metadata }) => metadata.uid === uid)
  const deadlinePassed = (nodeUID: string): boolean => {
    const deadline = fromTimestamp(deadlines.get(nodeUID))
    return deadline !== undefined && now() >= deadline
  }
  /** The end of the host is near, or here. A class may give 30 s to move people off. */
  const hostEnds = (): boolean => {
    const { kind, deadline } = notice() ?? {}
    return kind === 'Imminent' || (kind === 'Planned' && deadline !== undefined && now() >= deadline - 30_000)
  }
  const skipped = (node: RTCNode, step: string): boolean =>
    node.status?.drain?.skipped?.some(it => it.startsWith(step)) === true

  return {
    operatorDeletesPod(pod, actingFor) {
      const { uid } = pod.metadata
      hold('I7', isPodOf(pod, actingFor), () => `pod ${uid} of somebody else is deleted for ${actingFor.metadata.uid}`)
      const deadline = deadlines.get(actingFor.metadata.uid)
      hold('I2', deadline !== undefined, () => `pod ${uid} is deleted before a deadline is on record`)
      const sfu = sfus.get(uid)
      hold('I1', sfu === undefined || sfu.sessions === 0 || deadlinePassed(sfu.nodeUID), () => {
        return `pod ${uid} with ${sfu?.sessions} sessions is deleted before ${deadline}`
      })
      const acknowledged = sfu === undefined || sfu.stance.drain !== undefined || sfu.seq === 0
      hold(
        'I4',
        acknowledged || deadlinePassed(actingFor.metadata.uid),
        () => `pod ${uid} is deleted, and its agent was never told`,
      )
      const key = etcd.key(pod.metadata.name)
      // A key that came a moment ago is not known yet; its agent has the intent before it has the key.
      const isKnown = key !== undefined && now() - key.since > SILENT_MS
      const inRegistry = isKnown && key.heartbeat.podUID === uid && sfu?.agentDead === false
      const truth = nodeOf(actingFor.metadata.uid)
      hold(
        'I3',
        !inRegistry || truth === undefined || skipped(truth, 'deregister'),
        () => `pod ${uid} is deleted while registered`,
      )
      shortenedByOperator.add(uid)
    },
    operatorPatchesPod(pod, actingFor) {
      hold('I7', isPodOf(pod, actingFor), () => `pod ${pod.metadata.uid} of somebody else is patched`)
    },
    operatorCreatesPod(owner) {
      const truth = nodeOf(owner.metadata.uid)
      const other = [...sfus.values()].find(
        sfu => sfu.nodeUID === owner.metadata.uid && !doomedByOthers.has(sfu.podUID),
      )
      hold('I6', other === undefined, () => `a second pod for ${owner.metadata.uid}, beside ${other?.podUID}`)
      hold('I6', truth === undefined || (truth.status?.phase ?? 'Pending') === 'Pending', () => {
        return `a pod for ${owner.metadata.uid}, which is ${truth?.status?.phase}`
      })
    },
    operatorGivesUp(node, because) {
      const { uid, name } = node.metadata
      const truth = nodeOf(uid)
      const pod = api.pod(name)
      const own = pod !== undefined && isPodOf(pod, node) ? pod : undefined
      if (because === 'PodLost')
        hold('I17', own === undefined, () => `${uid} is given up as PodLost, its pod ${own?.metadata.uid} is there`)
      if (because === 'HealthTimeout')
        hold('I17', own === undefined || !isReady(own), () => `${uid} is given up on one witness, its pod is ready`)
      if (because === 'StartupTimeout')
        hold('I17', truth?.status?.phase !== 'Running', () => `${uid} is given up as never started, it is Running`)
    },
    finalizerReleased(node) {
      const pod = api.pod(node.metadata.name)
      hold(
        'I3',
        pod === undefined || !isPodOf(pod, node),
        () => `the finalizer of ${node.metadata.uid} goes before its pod`,
      )
      const alive = [...sfus.values()].find(sfu => sfu.nodeUID === node.metadata.uid)
      const forced = alive === undefined || doomedByOthers.has(alive.podUID)
      hold('I3', forced, () => `the finalizer of ${node.metadata.uid} goes before its process`)
    },
    statusWritten(before, after) {
      const { uid, deletionTimestamp } = after.metadata
      const [from, to] = [before, after].map(node => phases.indexOf(node.status?.phase ?? 'Pending'))
      hold('I10', to! >= from!, () => `phase of ${uid} goes from ${before.status?.phase} to ${after.status?.phase}`)
      const known = deadlines.get(uid)
      const deadline = after.status?.drain?.deadline
      hold(
        'I2',
        known === undefined || deadline === known,
        () => `deadline of ${uid} moves from ${known} to ${deadline}`,
      )
      if (deadline === undefined) return
      const promisedMs = (fromTimestamp(deadline) ?? 0) - (fromTimestamp(deletionTimestamp) ?? 0)
      hold('I2', promisedMs >= 0 && promisedMs <= MAX_DRAIN_SECONDS * 1_000, () => `deadline of ${uid} is ${deadline}`)
      const toldByPool = fromTimestamp(closedByPool(before)?.deadline)
      const kept = known !== undefined || toldByPool === undefined || fromTimestamp(deadline)! >= toldByPool
      hold('I2', kept, () => `deadline of ${uid} is ${deadline}, its pool told ${closedByPool(before)?.deadline}`)
      deadlines.set(uid, deadline)
    },
    intentWritten(name, before, after) {
      if (after === undefined) {
        const pod = api.pod(name)
        const node = api.node(name)
        const isDrained =
          pod?.metadata.uid === before?.podUID && pod !== undefined && node !== undefined && isPodOf(pod, node)
        const nobodyDrains = before?.drain === undefined || !isDrained
        hold('I5', nobodyDrains, () => `the intent of pod ${before?.podUID}, which drains, is removed`)
        return
      }
      if (before?.podUID === after.podUID && before.drain !== undefined && before.drain.reason !== 'Disrupted') {
        const goesOn = after.drain !== undefined && after.drain.reason !== 'Disrupted'
        hold('I5', goesOn, () => `the drain of pod ${after.podUID} is called back`)
      }
      if (after.drain === undefined) leftForHost.delete(after.podUID)
      else if (after.drain.stage !== 'wait' && hostEnds()) leftForHost.add(after.podUID)
      if (after.drain?.reason === 'Disrupted')
        hold('I18', hostEnds(), () => `pod ${after.podUID} is told to leave a host that stays`)
      else if (after.drain !== undefined && after.drain.reason !== 'PodDeleted') {
        const { deadline, stage } = after.drain
        const onRecord = [...deadlines.values()].includes(deadline)
        hold('I2', onRecord, () => `pod ${after.podUID} is told to drain until ${deadline}, which is not on record`)
        const killed = doomedByOthers.has(after.podUID) || shortenedByOperator.has(after.podUID)
        const due =
          stage !== 'evict' || killed || hostEnds() || now() >= (fromTimestamp(deadline) ?? Number.POSITIVE_INFINITY)
        hold('I1', due, () => `pod ${after.podUID} is told to evict before ${deadline}`)
      }
    },
    deletedByOthers: podUID => void doomedByOthers.add(podUID),
    sessionsEnded(sfu, how, sessions) {
      if (how === 'left' || how === 'fault' || deadlinePassed(sfu.nodeUID)) return
      if (how === 'moved' && leftForHost.has(sfu.podUID)) return
      const byOthers = doomedByOthers.has(sfu.podUID) && !shortenedByOperator.has(sfu.podUID)
      hold('no session cut', byOthers, () => {
        return `${sessions} sessions on pod ${sfu.podUID} ${how} before the deadline ${deadlines.get(sfu.nodeUID) ?? '(none)'}`
      })
    },
  }
}
