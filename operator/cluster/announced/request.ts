// ProvisioningRequest: how Cluster Autoscaler is asked for hosts before there are pods. Served where its CRD was installed; that it is
// also acted on takes a flag of Cluster Autoscaler. Read and written as far as plan.ts needs it.
import type { KubeObject } from '../../api/meta.ts'
import { listOf } from '../../api/pod-parts.ts'
import type { ResourceType } from '../../kube/resource.ts'

/** Its spec cannot be changed. */
export interface ProvisioningRequest extends KubeObject {
  readonly spec: {
    readonly provisioningClassName: string
    readonly podSets: readonly { readonly podTemplateRef: { readonly name: string }; readonly count: number }[]
  }
  readonly status?: { readonly conditions?: unknown }
}

export const provisioningRequestType: ResourceType<ProvisioningRequest> = {
  apiVersion: 'autoscaling.x-k8s.io/v1',
  kind: 'ProvisioningRequest',
  plural: 'provisioningrequests',
  namespaced: true,
}

/** Hosts for all of its pods or for none, as far as a cloud can promise that. */
export const ATOMIC_SCALE_UP = 'best-effort-atomic-scale-up.autoscaling.x-k8s.io'

/** What Cluster Autoscaler says of one; the first that holds says most. */
const types = ['Failed', 'CapacityRevoked', 'BookingExpired', 'Provisioned', 'Accepted'] as const

export interface Said {
  readonly type: (typeof types)[number]
  readonly holds: boolean
  readonly reason: string
  readonly text: string
}

/** The condition that says most; undefined: nobody has said a word. What is no condition is passed over. */
export function saidOf({ status }: ProvisioningRequest): Said | undefined {
  const conditions = listOf(status?.conditions).filter(it => typeof it === 'object' && it !== null)
  for (const type of types) {
    const condition = conditions.find(it => it['type'] === type)
    if (condition === undefined) continue
    const holds = condition['status'] === 'True'
    // That it has not failed yet says nothing.
    if (!holds && type !== 'Provisioned') continue
    const [reason, message] = [condition['reason'], condition['message']].map(it => (typeof it === 'string' ? it : ''))
    return { type, holds, reason: reason || type, text: `${reason || type}: ${message}` }
  }
  return undefined
}
