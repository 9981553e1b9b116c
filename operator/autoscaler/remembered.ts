// What is remembered of an autoscaler between two looks: what its core has learned, which is in its status too, and what no
// cache tells. Kept by the controller; lost with the process but for what the status brings back.
import type { Clock, Instant, Monotonic } from '../ambient/clock.ts'
import { keyOf, type ObjectKey, type Uid } from '../api/meta.ts'
import type { RTCAutoscaler } from '../api/rtcautoscaler.ts'
import type { RTCAutoscalerStatus } from '../api/rtcautoscaler-status.ts'
import type { RetryWait } from '../kube/refusal.ts'
import type { Logger } from '../telemetry/log.ts'
import type { Decision } from './autoscaler-status.ts'
import { type Memory, newMemory, restored } from './deciding/core.ts'
import { noSamples, type Samples } from './observe.ts'

export interface Remembered {
  readonly uid: Uid
  readonly poolName: string
  readonly samples: Samples
  learned: Memory
  /** When this process began to learn, or to learn anew. */
  begunAt: Monotonic
  /** As the status had it when it was read or written last: another word there is somebody else's. */
  written: RTCAutoscalerStatus['learned']
  lastDecision: Decision | undefined
  lastScaleTime: string | undefined
  /** A change of replicas is not told in the status yet. */
  hasNews: boolean
  /** A number that was sent and nobody confirmed. It must be looked for before anything else is decided. */
  unsure: Decision | undefined
  refusal: Refusal | undefined
  statusWrittenAt: Monotonic | undefined
}

/** The API server's no to a number. */
export interface Refusal extends RetryWait {
  readonly message: string
}

export interface Memories {
  of(autoscaler: RTCAutoscaler, now: Instant, clock: Clock, log: Logger): Remembered
  forget(key: ObjectKey): void
}

export function memories(): Memories {
  const all = new Map<ObjectKey, Remembered>()
  return {
    of(autoscaler, now, clock, log) {
      const { metadata, spec, status } = autoscaler
      const known = all.get(keyOf(autoscaler))
      const isSame = known?.uid === metadata.uid && known.poolName === spec.poolName
      const remembered = isSame ? known : begin(autoscaler, now, clock, log)
      if (isSame && known.written?.data !== status?.learned?.data) {
        // Another leader has written it meanwhile, or people have removed it.
        known.learned = learnedIn(autoscaler, now, log)
        known.written = status?.learned
        known.begunAt = clock.monotonic()
      }
      if (isSame) adoptNewer(known, status)
      all.set(keyOf(autoscaler), remembered)
      return remembered
    },
    forget: key => void all.delete(key),
  }
}

/** Changes that another leader has made meanwhile. Times are texts that sort as they do in time. */
function adoptNewer(known: Remembered, status: RTCAutoscalerStatus | undefined): void {
  if ((status?.lastDecision?.at ?? '') > (known.lastDecision?.at ?? '')) known.lastDecision = status?.lastDecision
  if ((status?.lastScaleTime ?? '') > (known.lastScaleTime ?? '')) known.lastScaleTime = status?.lastScaleTime
}

const begin = (autoscaler: RTCAutoscaler, now: Instant, clock: Clock, log: Logger): Remembered => ({
  uid: autoscaler.metadata.uid,
  poolName: autoscaler.spec.poolName,
  samples: noSamples(),
  learned: learnedIn(autoscaler, now, log),
  begunAt: clock.monotonic(),
  written: autoscaler.status?.learned,
  lastDecision: autoscaler.status?.lastDecision,
  lastScaleTime: autoscaler.status?.lastScaleTime,
  hasNews: false,
  unsure: undefined,
  refusal: undefined,
  statusWrittenAt: undefined,
})

function learnedIn({ status }: RTCAutoscaler, now: Instant, log: Logger): Memory {
  const { learned } = status ?? {}
  if (learned === undefined) return newMemory(now)
  const memory = restored(learned.data, learned.version, now)
  if (memory === undefined) log.warn('what was learned cannot be read; begins anew', { version: learned.version })
  return memory ?? newMemory(now)
}
