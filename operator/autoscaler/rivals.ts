// Who sets the replicas of a pool, besides people: RTCAutoscalers, HPAs and KEDA's ScaledObjects. Never two, for they would
// pull at the same number. Pure; asked by the autoscaler, and by the pool for its condition Contested.
import { GROUP, type KubeObject, type ObjectKey, objectKey } from '../api/meta.ts'
import type { RTCAutoscaler } from '../api/rtcautoscaler.ts'
import { RTCNodePoolKind } from '../api/rtcnodepool.ts'
import { controllerOf } from '../kube/owner.ts'
import type { ResourceType } from '../kube/resource.ts'
import type { Indexes } from '../kube/store.ts'
import { inCharge, poolKeyOf } from '../load/in-charge.ts'

/** An HPA or a ScaledObject, as far as we read it. */
export interface ForeignScaler extends KubeObject {
  readonly spec: { readonly scaleTargetRef?: ScaleTarget }
}

interface ScaleTarget {
  readonly apiVersion?: string
  readonly kind?: string
  readonly name: string
}

export const hpaType: ResourceType<ForeignScaler> = {
  apiVersion: 'autoscaling/v2',
  kind: 'HorizontalPodAutoscaler',
  plural: 'horizontalpodautoscalers',
  namespaced: true,
}

export const scaledObjectType: ResourceType<ForeignScaler> = {
  apiVersion: 'keda.sh/v1alpha1',
  kind: 'ScaledObject',
  plural: 'scaledobjects',
  namespaced: true,
}

/** Name of the index that the caches of all of them must have: by the key of the pool they scale. */
export const byPool = 'pool'

export const autoscalerIndexes: Indexes<RTCAutoscaler> = { [byPool]: autoscaler => [poolKeyOf(autoscaler)] }
export const foreignIndexes: Indexes<ForeignScaler> = { [byPool]: poolsOf }

/** The pool that it scales; none when it scales something else. */
export function poolsOf(scaler: ForeignScaler | undefined): ObjectKey[] {
  const { apiVersion = '', kind, name = '' } = scaler?.spec.scaleTargetRef ?? {}
  const isPool = kind === RTCNodePoolKind.kind && apiVersion.startsWith(`${GROUP}/`)
  return isPool ? [objectKey(name, scaler?.metadata.namespace)] : []
}

/** What is kept of one in memory. */
export const targetOnly = ({ spec: { scaleTargetRef }, ...scaler }: ForeignScaler): ForeignScaler => ({
  ...scaler,
  spec: scaleTargetRef === undefined ? {} : { scaleTargetRef },
})

const isLiving = ({ metadata }: KubeObject): boolean => metadata.deletionTimestamp === undefined

/** As people would name them. An HPA that a ScaledObject among them has made is the same scaler. */
export function foreignNames(scalers: readonly ForeignScaler[]): string[] {
  const living = scalers.filter(isLiving)
  const makers = new Set<string | undefined>(living.map(({ metadata }) => metadata.uid))
  return living
    .filter(scaler => !makers.has(controllerOf(scaler)?.uid))
    .map(nameOf)
    .sort()
}

const nameOf = ({ kind, metadata }: KubeObject): string => `${kind} “${metadata.name}”`

/**
 * The name of the one that scales the pool in place of this one. One in mode Recommend never writes, so it is nobody's rival
 * and can be tried out beside another. One that is paused is: to pause it is to leave replicas alone.
 */
export function olderAutoscaler(autoscaler: RTCAutoscaler, ofPool: readonly RTCAutoscaler[]): string | undefined {
  const oldest = inCharge(poolKeyOf(autoscaler), ofPool)
  const standsBack = scales(autoscaler) && oldest !== undefined && oldest.metadata.uid !== autoscaler.metadata.uid
  return standsBack ? oldest.metadata.name : undefined
}

const scales = (autoscaler: RTCAutoscaler): boolean => isLiving(autoscaler) && autoscaler.spec.mode === 'Apply'

/** All that would set the replicas of a pool; more than one is too many. */
export const scalersOf = (ofPool: readonly RTCAutoscaler[], foreign: readonly ForeignScaler[]): string[] => [
  ...ofPool.filter(scales).map(nameOf).sort(),
  ...foreignNames(foreign),
]
