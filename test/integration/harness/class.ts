// The class of the simulated SFUs, and classes with something else in them. The short times make a test quick; none of them
// may be so short that a busy machine misses it.
import type { NodePort } from '../../../operator/api/rtcnode.ts'

export interface ClassChange {
  readonly pod?: object
  readonly container?: object
  readonly labels?: Record<string, string>
  readonly health?: { startupTimeoutSeconds?: number; unhealthyAfterSeconds?: number }
  readonly drain?: { deadlineSeconds?: number; evictGraceSeconds?: number; emptySamples?: number }
  readonly network?: { ports?: readonly NodePort[]; mode?: string }
}

/** A manifest for fake nodes; `pod` and `container` go over what is there. */
export const simClass = (name: string, { pod, container, labels, health, drain, network }: ClassChange = {}) => ({
  apiVersion: 'rtcnode.io/v1alpha1',
  kind: 'RTCNodeClass',
  metadata: { name },
  spec: {
    adapter: 'livekit',
    network: { ports: [{ name: 'signal', port: 7880 }], ...network },
    agent: { image: 'sim', heartbeatSeconds: 1, leaseTTLSeconds: 10 },
    podTemplate: {
      metadata: { labels: { ...labels } },
      spec: {
        tolerations: [{ key: 'kwok.x-k8s.io/node', operator: 'Exists' }],
        containers: [{ name: 'sfu', image: 'sim', ...container }],
        ...pod,
      },
    },
    health: { unhealthyAfterSeconds: 5, ...health },
    drain: { evictGraceSeconds: 5, emptySamples: 2, ...drain },
  },
})

/** Of the pods that keep places, as the chart has it. */
export const headroomPriority = {
  apiVersion: 'scheduling.k8s.io/v1',
  kind: 'PriorityClass',
  metadata: { name: 'rtcnode-headroom' },
  value: -10,
  preemptionPolicy: 'Never',
}
