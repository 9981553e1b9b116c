// A place as a PodTemplate: how Kubernetes' own kinds are told what to make room for. It belongs to the object that names it, and goes
// with it. Used for CapacityBuffers and for ProvisioningRequests (operator/cluster/announced).
import { labels } from '../../api/marks.ts'
import type { KubeObject, OwnerReference } from '../../api/meta.ts'
import type { RTCNodePool } from '../../api/rtcnodepool.ts'
import { isAlreadyExists } from '../../kube/errors.ts'
import type { ResourceClient, ResourceType } from '../../kube/resource.ts'
import type { Place } from './balloon.ts'

export const podTemplateType: ResourceType<KubeObject> = {
  apiVersion: 'v1',
  kind: 'PodTemplate',
  plural: 'podtemplates',
  namespaced: true,
}

/** By this label what keeps room is found again; in all namespaces there may be pools of the name. */
export const marked = ({ metadata: { namespace, name } }: RTCNodePool) => ({
  namespace,
  labels: { [labels.headroom]: name },
})

export const templateManifest = (pool: RTCNodePool, place: Place, name: string, owner: OwnerReference): object => ({
  apiVersion: podTemplateType.apiVersion,
  kind: podTemplateType.kind,
  metadata: { name, ...marked(pool), ownerReferences: [owner] },
  template: place,
})

/** That there is one already is as good. */
export async function createTemplate(
  podTemplates: ResourceClient<KubeObject>,
  manifest: object,
  signal: AbortSignal,
): Promise<void> {
  await podTemplates.create(manifest, { signal }).catch((error: unknown) => {
    if (!isAlreadyExists(error)) throw error
  })
}
