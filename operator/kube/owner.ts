// Whose an object is: its controller, as the API server keeps it. For those who look for what a pool owns.
import { type KubeObject, type ObjectKey, type OwnerReference, objectKey } from '../api/meta.ts'
import { RTCNodePoolKind } from '../api/rtcnodepool.ts'
import type { Indexes } from './store.ts'

export const controllerOf = ({ metadata }: KubeObject): OwnerReference | undefined =>
  metadata.ownerReferences?.find(({ controller }) => controller === true)

/** Deleting the owner in the foreground waits for what it owns, unless `waits` is false. */
export const ownerReferenceTo = (
  { apiVersion, kind, metadata: { name, uid } }: KubeObject,
  waits = true,
): OwnerReference => ({
  apiVersion,
  kind,
  name,
  uid,
  controller: true,
  blockOwnerDeletion: waits,
})

/** The pool that a node names as its controller, whether it lives or not. */
export function poolOf(node: KubeObject): ObjectKey | undefined {
  const owner = controllerOf(node)
  return owner?.kind === RTCNodePoolKind.kind ? objectKey(owner.name, node.metadata.namespace) : undefined
}

/** Names of indexes: by the UID of its controller; those without one, by namespace. */
export const byController = 'controller'
export const orphansIn = 'orphans'

export const ownerIndexes: Indexes<KubeObject> = {
  [byController]: object => [controllerOf(object)?.uid].filter(uid => uid !== undefined),
  [orphansIn]: object => (controllerOf(object) === undefined ? [object.metadata.namespace ?? ''] : []),
}
