// The start-up configuration that reaches SFU and agent, as environment of every container of the pod. Pure.

import { annotations } from '../api/marks.ts'
import { listOf } from '../api/pod-parts.ts'
import type { RTCNode } from '../api/rtcnode.ts'
import type { RTCNodeClass } from '../api/rtcnodeclass.ts'

/** What the operator itself is configured with and hands on to every agent. */
export interface AgentSettings {
  /** etcd as the pods reach it. */
  readonly registryEndpoints: readonly string[]
  readonly registryPrefix: string
  /** Secret with ca.crt, tls.crt and tls.key, in the namespace of each node. Only the agent is shown it. */
  readonly registrySecret?: string
}

export const literal = (name: string, value: string | number): { name: string; value: string } => ({
  name,
  value: String(value),
})
const field = (name: string, fieldPath: string): object => ({ name, valueFrom: { fieldRef: { fieldPath } } })

/**
 * Ours first, so that the template can refer to it as `$(RTCNODE_ADDRESS)`. What the template sets itself it sets instead
 * of us: the class is the admin's, and a name that is there twice makes later server-side applies fail.
 */
export function mergedEnvironment(ours: readonly object[], theirs: unknown): object[] {
  const taken = new Set(namesOf(theirs))
  return [...ours.filter(variable => !taken.has((variable as { name: string }).name)), ...listOf(theirs)]
}

/** What an SFU and its agent need to know at start, in every container. */
export function startUpEnvironment(node: RTCNode, nodeClass: RTCNodeClass, settings: AgentSettings): object[] {
  return [
    literal('RTCNODE_NAME', node.metadata.name),
    literal('RTCNODE_NAMESPACE', node.metadata.namespace ?? 'default'),
    literal('RTCNODE_UID', node.metadata.uid),
    node.spec.region === undefined
      ? field('RTCNODE_REGION', "metadata.labels['topology.kubernetes.io/region']")
      : literal('RTCNODE_REGION', node.spec.region),
    addressVariable(nodeClass),
    literal('RTCNODE_REGISTRY_ENDPOINTS', settings.registryEndpoints.join(',')),
    literal('RTCNODE_REGISTRY_PREFIX', settings.registryPrefix),
    field('POD_UID', 'metadata.uid'),
    field('POD_IP', 'status.podIP'),
    field('HOST_IP', 'status.hostIP'),
    field('NODE_NAME', 'spec.nodeName'),
  ]
}

function addressVariable(nodeClass: RTCNodeClass): object {
  switch (addressSourceOf(nodeClass)) {
    case 'Fixed':
      return literal('RTCNODE_ADDRESS', nodeClass.spec.network.fixedAddress ?? '')
    case 'PodIP':
      return field('RTCNODE_ADDRESS', 'status.podIP')
    case 'HostIP':
      return field('RTCNODE_ADDRESS', 'status.hostIP')
    case 'ExternalIP':
      return field('RTCNODE_ADDRESS', `metadata.annotations['${annotations.address}']`)
  }
}

export const addressSourceOf = ({
  spec,
}: RTCNodeClass): NonNullable<RTCNodeClass['spec']['network']['addressSource']> =>
  spec.network.addressSource ?? (spec.network.mode === 'HostNetwork' ? 'HostIP' : 'PodIP')

export const namesOf = (value: unknown): readonly string[] =>
  listOf(value).map(item => String((item as { name?: unknown }).name))
