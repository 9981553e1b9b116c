// Whether an autoscaler sets replicas, and if not, why. Pure; judged from what observe.ts gathers, before anything is worked
// out: whoever looks on still works out and shows what it would do.
import type { AutoscalerReason } from '../api/reasons.ts'
import type { RTCAutoscaler } from '../api/rtcautoscaler.ts'
import type { RTCNodePool } from '../api/rtcnodepool.ts'

/** `foreign`: names of HPAs and ScaledObjects that set the replicas of the pool. */
export type Standing = { readonly foreign: readonly string[] } & (
  | { readonly does: 'scale' }
  | { readonly does: 'look on'; readonly because: Hindrance; readonly message: string }
)

export type Hindrance = Extract<
  AutoscalerReason,
  'PoolNotFound' | 'PoolDeleting' | 'Recommending' | 'ExternallyManaged' | 'AnotherAutoscaler' | 'Paused'
>

export interface Circumstances {
  readonly autoscaler: RTCAutoscaler
  readonly pool: RTCNodePool | undefined
  readonly foreign: readonly string[]
  /** Name of an older RTCAutoscaler that scales the pool. */
  readonly older: string | undefined
  /** Text of the registry's flag of that name; undefined: it is not set. */
  readonly pauseFlag: string | undefined
}

/** Name of the flag in the registry by which people stop all scaling at once. */
export const PAUSE_FLAG = 'pause-scaling'

/** The first hindrance that holds. */
export function standingOf(at: Circumstances): Standing {
  const { foreign } = at
  const hindrance = hindranceOf(at)
  return hindrance === undefined ? { does: 'scale', foreign } : { does: 'look on', foreign, ...hindrance }
}

function hindranceOf(at: Circumstances): { because: Hindrance; message: string } | undefined {
  const { autoscaler, pool, foreign, older } = at
  const { poolName, mode, paused } = autoscaler.spec
  const { namespace } = autoscaler.metadata
  if (pool === undefined) {
    const message = `there is no RTCNodePool “${poolName}” in namespace ${namespace}; create it, or correct spec.poolName; a pool of another namespace cannot be scaled`
    return { because: 'PoolNotFound', message }
  }
  if (pool.metadata.deletionTimestamp !== undefined)
    return { because: 'PoolDeleting', message: `RTCNodePool “${poolName}” is being deleted; its nodes drain` }
  if (mode === 'Recommend')
    return { because: 'Recommending', message: 'spec.mode is Recommend: worked out and shown, not set' }
  if (foreign.length > 0) {
    const message = `${foreign.join(' and ')} set spec.replicas of pool “${poolName}”; delete them, or this RTCAutoscaler`
    return { because: 'ExternallyManaged', message }
  }
  if (older !== undefined) {
    const message = `RTCAutoscaler “${older}” is older and scales pool “${poolName}”; delete one of the two, or set spec.mode of one to Recommend`
    return { because: 'AnotherAutoscaler', message }
  }
  if (paused) return { because: 'Paused', message: 'spec.paused is true; set it to false to go on' }
  if (isSet(at.pauseFlag))
    return { because: 'Paused', message: `the flag ${PAUSE_FLAG} is set in the registry; delete it to go on` }
  return undefined
}

/** Whoever writes `false` into a flag means that it is not set. */
const isSet = (flag: string | undefined): boolean =>
  flag !== undefined && !['', '0', 'false', 'off', 'no'].includes(flag.trim().toLowerCase())
