// Whose word counts for the nodes of a pool when people have made several autoscalers for it: the oldest that acts, by name when
// they are of the same second; when none acts, the oldest that recommends. Pure. Asked by the keeper of loads.
import { isOlder, type ObjectKey, objectKey } from '../api/meta.ts'
import type { RTCAutoscaler } from '../api/rtcautoscaler.ts'

export const poolKeyOf = ({ metadata, spec }: RTCAutoscaler): ObjectKey => objectKey(spec.poolName, metadata.namespace)

/** Undefined: none that is not being deleted. */
export function inCharge(pool: ObjectKey, autoscalers: Iterable<RTCAutoscaler>): RTCAutoscaler | undefined {
  let first: RTCAutoscaler | undefined
  for (const it of autoscalers) {
    if (it.metadata.deletionTimestamp !== undefined || poolKeyOf(it) !== pool) continue
    if (first === undefined || goesBefore(it, first)) first = it
  }
  return first
}

const goesBefore = (a: RTCAutoscaler, b: RTCAutoscaler): boolean =>
  a.spec.mode === b.spec.mode ? isOlder(a, b) : a.spec.mode === 'Apply'
