// What of Kubernetes' own kinds is kept in memory: what some decision reads, for thousands of pods. Used by run.ts for its caches.
import type { ContainerStatus, Host, Pod } from './api/core.ts'
import { compact } from './kube/status.ts'

/** What a pod is made of is most of its size; it was judged when it was made. */
export function keptOfPod({ spec: { nodeName }, status, ...pod }: Pod): Pod {
  const { phase, reason, message, podIP, hostIP } = status ?? {}
  return compact({
    ...pod,
    spec: compact({ containers: [], nodeName }),
    status: compact({
      phase,
      reason,
      message,
      podIP,
      hostIP,
      conditions: status?.conditions?.filter(({ type }) => conditionsRead.has(type)),
      containerStatuses: status?.containerStatuses?.map(keptOfContainer),
      initContainerStatuses: status?.initContainerStatuses?.map(keptOfContainer),
    }),
  })
}

const conditionsRead: ReadonlySet<string> = new Set(['PodScheduled', 'Ready', 'DisruptionTarget'])

const keptOfContainer = ({ name, ready, restartCount, state }: ContainerStatus): ContainerStatus =>
  compact({ name, ready, restartCount, state })

/** The list of images on a host is most of its size, and nobody here reads it. */
export const keptOfHost = (host: Host): Host => ({
  ...host,
  status: { ...host.status, images: undefined } as Host['status'] & {},
})
