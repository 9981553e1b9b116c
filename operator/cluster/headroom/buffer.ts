// CapacityBuffer: Kubernetes’ own way to ask for spare room on hosts, served where Cluster Autoscaler or Karpenter brought its CRD.
// Read and written as far as plan.ts needs it.
import type { Condition, KubeObject } from '../../api/meta.ts'
import type { ResourceType } from '../../kube/resource.ts'

export interface CapacityBuffer extends KubeObject {
  readonly spec: { readonly replicas?: number; readonly podTemplateRef?: { readonly name: string } }
  readonly status?: { readonly replicas?: number; readonly conditions?: readonly Condition[] }
}

export const capacityBufferType: ResourceType<CapacityBuffer> = {
  apiVersion: 'autoscaling.x-k8s.io/v1beta1',
  kind: 'CapacityBuffer',
  plural: 'capacitybuffers',
  namespaced: true,
}

/** The strategy by which room is made before anybody needs it. */
export const ACTIVE_CAPACITY = 'buffer.x-k8s.io/active-capacity'
