// The parts of a Kubernetes object that every kind of ours shares. Imported by the kinds and by all who read them.
import { z } from 'zod'

export const GROUP = 'rtcnode.io'
export const VERSION = 'v1alpha1'
export const API_VERSION = `${GROUP}/${VERSION}`

/** A metadata.uid: the identity of one life of one object; a name can be reused, a UID never. */
export type Uid = string & { readonly __unit: 'uid' }

export interface ObjectMeta {
  readonly name: string
  readonly namespace?: string
  readonly uid: Uid
  readonly resourceVersion: string
  readonly generation?: number
  readonly creationTimestamp: string
  readonly deletionTimestamp?: string
  readonly deletionGracePeriodSeconds?: number
  readonly labels?: Readonly<Record<string, string>>
  readonly annotations?: Readonly<Record<string, string>>
  readonly finalizers?: readonly string[]
  readonly ownerReferences?: readonly OwnerReference[]
}

export interface OwnerReference {
  readonly apiVersion: string
  readonly kind: string
  readonly name: string
  readonly uid: Uid
  readonly controller?: boolean
  readonly blockOwnerDeletion?: boolean
}

/** What every object read from the API server has. */
export interface KubeObject {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: ObjectMeta
}

/** `namespace/name`, or `name` for cluster-scoped objects: how queues, caches and logs name an object. */
export type ObjectKey = string & { readonly __unit: 'object-key' }

export const objectKey = (name: string, namespace?: string): ObjectKey =>
  (namespace === undefined ? name : `${namespace}/${name}`) as ObjectKey

export const keyOf = (object: {
  readonly metadata: { readonly name: string; readonly namespace?: string }
}): ObjectKey => objectKey(object.metadata.name, object.metadata.namespace)

export function splitKey(key: ObjectKey): { namespace?: string; name: string } {
  const slash = key.indexOf('/')
  return slash < 0 ? { name: key } : { namespace: key.slice(0, slash), name: key.slice(slash + 1) }
}

/** Whether `a` was there first; by name when they are of the same second. */
export function isOlder(a: KubeObject, b: KubeObject): boolean {
  const [bornA, bornB] = [Date.parse(a.metadata.creationTimestamp), Date.parse(b.metadata.creationTimestamp)]
  return bornA === bornB ? a.metadata.name < b.metadata.name : bornA < bornB
}

export const timestamp = z.iso.datetime({ offset: true })

/** One observation about an object, in the form of `metav1.Condition`, so that `kubectl wait` and kstatus understand it. */
export const conditionSchema = z.object({
  type: z.string().max(64).describe('What is observed, in CamelCase.'),
  status: z.enum(['True', 'False', 'Unknown']).describe('Whether it holds. Unknown means it cannot be told now.'),
  observedGeneration: z.int().min(0).optional().describe('The metadata.generation this was judged against.'),
  lastTransitionTime: timestamp.describe('When the status last changed from one value to another.'),
  reason: z.string().max(128).describe('Why, as one CamelCase word for programs.'),
  message: z.string().max(2048).describe('Why, as a sentence for people.'),
})
export type Condition = z.infer<typeof conditionSchema>

export const conditionsSchema = z
  .array(conditionSchema)
  .max(16)
  .meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['type'] })
  .describe('The latest observations about this object.')
