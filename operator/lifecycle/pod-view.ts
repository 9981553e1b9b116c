// What a Pod tells about itself, read in one place: ready, stopped for sure, or in trouble while starting.
import { fromTimestamp, type Instant, instant } from '../ambient/clock.ts'
import type { ContainerStatus, Host, Pod, PodCondition } from '../api/core.ts'
import type { NodeReason } from '../api/reasons.ts'
import type { RTCNode } from '../api/rtcnode.ts'
import { hasNoHost, type MakerEvent, whyNoHost } from '../cluster/pending.ts'
import { controllerOf } from '../kube/owner.ts'

export const podCondition = (pod: Pod, type: string): PodCondition | undefined =>
  pod.status?.conditions?.find(condition => condition.type === type)

/** Whether this pod was made for this life of the node; a pod of the same name may belong to somebody else. */
export const isPodOf = (pod: Pod, node: RTCNode): boolean => controllerOf(pod)?.uid === node.metadata.uid

export const isReady = (pod: Pod): boolean =>
  podCondition(pod, 'Ready')?.status === 'True' && pod.metadata.deletionTimestamp === undefined

/** Since when the pod is not ready, as its host says; undefined while it is ready or has not said. */
export function notReadySince(pod: Pod): Instant | undefined {
  const ready = podCondition(pod, 'Ready')
  return ready === undefined || ready.status === 'True' ? undefined : fromTimestamp(ready.lastTransitionTime)
}

/** For good: a pod is never started again. A host that rejects it drops its conditions, so they may tell nothing. */
export const hasEnded = ({ status }: Pod): boolean => status?.phase === 'Failed' || status?.phase === 'Succeeded'

/**
 * Whether the SFU process surely is not running, by the word of its host: the pod ended, or its container never ran or is
 * down. A pod on a host that stopped talking says nothing of the kind: its last word stands, and media may flow.
 */
export function sfuStopped(pod: Pod, sfuContainer: string): boolean {
  if (hasEnded(pod)) return true
  if (pod.spec.nodeName === undefined) return true
  const status = pod.status?.containerStatuses?.find(({ name }) => name === sfuContainer)
  return status?.state !== undefined && status.state.running === undefined
}

/**
 * Since when its start takes time that counts; undefined while it waits for a host: one may take a quarter of an hour to make, and
 * whatever were made in its place would wait as well.
 */
export const startsSince = (pod: Pod): Instant | undefined =>
  hasNoHost(pod) ? undefined : fromTimestamp(boundSince(pod) ?? pod.metadata.creationTimestamp)

const boundSince = (pod: Pod): string | undefined => {
  const scheduled = podCondition(pod, 'PodScheduled')
  return scheduled?.status === 'True' ? scheduled.lastTransitionTime : undefined
}

export interface StartTrouble {
  readonly because: NodeReason
  readonly message: string
  /** When time alone changes it. */
  readonly lookAgainMs?: number
}

const imageTroubles = new Set([
  'ErrImagePull',
  'ImagePullBackOff',
  'InvalidImageName',
  'ErrImageNeverPull',
  'ImageInspectError',
])
const creationTroubles = new Set(['CreateContainerError', 'CreateContainerConfigError'])
const crashTroubles = new Set(['CrashLoopBackOff', 'RunContainerError', 'StartError'])

/** How far a pod that is not ready yet has come, and what is wrong with it, in the words of its host, or of who looks for one. */
export function startingState(pod: Pod, makersSay: readonly MakerEvent[], now: Instant): StartTrouble {
  const hostless = whyNoHost(pod, makersSay, now)
  if (hostless !== undefined) return hostless
  if (pod.spec.nodeName === undefined) return { because: 'PodCreated', message: 'the pod waits for the scheduler' }
  if (pod.status?.phase === 'Failed') {
    return {
      because: 'ContainerCrashing',
      message: `the pod failed: ${pod.status.message ?? pod.status.reason ?? 'its containers ended'}`,
    }
  }
  const all = [...(pod.status?.initContainerStatuses ?? []), ...(pod.status?.containerStatuses ?? [])]
  return all.map(containerTrouble).find(trouble => trouble !== undefined) ?? starting(pod)
}

function containerTrouble(status: ContainerStatus): StartTrouble | undefined {
  const { waiting, terminated } = status.state ?? {}
  const reason = waiting?.reason ?? ''
  const detail = waiting?.message ?? reason
  if (imageTroubles.has(reason)) return { because: 'ImagePullFailed', message: `container ${status.name}: ${detail}` }
  if (creationTroubles.has(reason))
    return { because: 'ContainerNotCreated', message: `container ${status.name}: ${detail}` }
  if (crashTroubles.has(reason)) return { because: 'ContainerCrashing', message: `container ${status.name}: ${detail}` }
  if (terminated !== undefined && terminated.exitCode !== 0) {
    return {
      because: 'ContainerCrashing',
      message: `container ${status.name} ended with exit code ${terminated.exitCode ?? 'unknown'}`,
    }
  }
  return undefined
}

const starting = (pod: Pod): StartTrouble => ({
  because: 'PodStarting',
  message: `containers are starting on host ${pod.spec.nodeName ?? ''}`,
})

export const hostAddress = (host: Host | undefined, type: 'ExternalIP' | 'InternalIP'): string | undefined =>
  host?.status?.addresses?.find(address => address.type === type)?.address

/** Left for those who were moved before the kubelet kills what is left; the agent goes by the same rule in its preStop. */
const EVICT_BEFORE_KILL_MS = 20_000

/** When those who are left on a pod that somebody deleted are moved off; undefined for a pod that nobody deleted. */
export function evictsAt({ metadata }: Pod): Instant | undefined {
  const killAt = fromTimestamp(metadata.deletionTimestamp)
  const graceMs = (metadata.deletionGracePeriodSeconds ?? 0) * 1_000
  return killAt === undefined ? undefined : instant(killAt - Math.min(EVICT_BEFORE_KILL_MS, graceMs / 2))
}
