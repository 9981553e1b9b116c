// One line for each thing in a timeline (history.ts): what a person needs to see of it, and nothing that changes by itself.
import type { Pod } from '../../../operator/api/core.ts'
import type { RTCAutoscaler } from '../../../operator/api/rtcautoscaler.ts'
import type { RTCNode } from '../../../operator/api/rtcnode.ts'
import type { RTCNodePool } from '../../../operator/api/rtcnodepool.ts'
import type { RegistryEntry } from '../../../operator/registry/change.ts'

export function describePool({ metadata, spec, status }: RTCNodePool): string {
  const conditions = status?.conditions ?? []
  return words(
    `v${metadata.resourceVersion}`,
    `replicas=${status?.replicas ?? 0}/${spec.replicas}`,
    status && `open=${status.openReplicas} ready=${status.readyReplicas} draining=${status.drainingReplicas}`,
    status && `updated=${status.updatedReplicas} ${status.currentRevision ?? '-'}→${status.updateRevision ?? '-'}`,
    ...conditions.map(it => `${it.type}=${it.status} ${it.reason}`),
    conditions.find(({ type }) => type === 'Progressing')?.message,
    metadata.deletionTimestamp !== undefined && `deleted=${metadata.deletionTimestamp}`,
  )
}

export function describeAutoscaler({ metadata, spec, status }: RTCAutoscaler): string {
  const conditions = status?.conditions ?? []
  return words(
    `v${metadata.resourceVersion}`,
    `${spec.poolName} ${spec.minReplicas}..${spec.maxReplicas} ${spec.mode}`,
    `replicas=${status?.currentReplicas ?? '?'}→${status?.desiredReplicas ?? '?'} (${status?.recommendedReplicas ?? '?'})`,
    `pressure=${status?.pressure ?? '?'} fresh=${status?.freshPercent ?? '?'} latency=${status?.latency ?? '?'}`,
    ...conditions.map(it => `${it.type}=${it.status} ${it.reason}`),
    conditions.find(({ type }) => type === 'ScalingActive')?.message,
    status?.lastDecision && `last ${status.lastDecision.at} ${status.lastDecision.why}`,
    status?.learned && `learned ${status.learned.at} (${status.learned.data.length} characters)`,
  )
}

export function describeNode({ metadata, spec, status }: RTCNode): string {
  const ready = status?.conditions?.find(({ type }) => type === 'Ready')
  const drain = status?.drain
  return words(
    `v${metadata.resourceVersion}`,
    status?.phase,
    ready && `Ready=${ready.status} ${ready.reason}: ${ready.message}`,
    status?.load && `load.sessions=${status.load.sessions}`,
    drain && `deadline=${drain.deadline} remaining=${drain.sessionsRemaining ?? '?'}`,
    drain?.skipped && `skipped=${drain.skipped.join()}`,
    spec.cordoned && `cordoned ${metadata.annotations?.['rtcnode.io/closed-by-pool'] ?? ''}`,
    metadata.labels?.['rtcnode.io/revision'],
    metadata.deletionTimestamp !== undefined && `deleted=${metadata.deletionTimestamp}`,
    `finalizers=[${metadata.finalizers?.join() ?? ''}]`,
  )
}

export function describePod({ metadata, spec, status }: Pod): string {
  const ready = status?.conditions?.find(({ type }) => type === 'Ready')
  return words(
    `v${metadata.resourceVersion}`,
    `uid=${metadata.uid.slice(0, 8)}`,
    status?.phase,
    `Ready=${ready?.status ?? '?'}`,
    `host=${spec.nodeName ?? '-'}`,
    metadata.deletionTimestamp !== undefined &&
      `deleted=${metadata.deletionTimestamp} grace=${metadata.deletionGracePeriodSeconds ?? '?'}`,
  )
}

export const describeEvent = (event: { type?: string; reason?: string; note?: string }): string =>
  words(event.type, event.reason, event.note)

export function describeKey(entry: RegistryEntry | undefined): string {
  if (!entry) return 'is gone'
  const text = new TextDecoder().decode(entry.value).replace(/"seq":\d+,?/, '')
  return words(`lease=${entry.leaseId === undefined ? 'none' : 'yes'}`, text.slice(0, 400))
}

const words = (...parts: (string | false | undefined)[]): string => parts.filter(Boolean).join(' ')
