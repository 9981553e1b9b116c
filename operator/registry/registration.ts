// What the registry says about one node, and nothing more than that. Only `fresh` tells sessions, so that code which has
// no proof of them cannot read any. Made by the fleet view, judged by the lifecycle controller.
import type { Heartbeat, PlainLoad } from '../api/heartbeat.ts'
import type { Intent } from '../api/intent.ts'

/** The registration of one node. Every `…Ms` is a duration on the monotonic clock of this process. */
export type Registration =
  /** A beat of a live agent was seen no longer than the stale bound ago. */
  | {
      readonly state: 'fresh'
      readonly heartbeat: Heartbeat
      /** Of the key when it said so: another one with each beat. */
      readonly revision: number
      readonly ageMs: number
      readonly leaseId: string
      /**
       * How many beats in a row said: draining, nobody here (sessions 0, rooms 0 or untold), all of the same pod and
       * boot, all acknowledging the intent that stands now. 0 when the latest beat does not.
       */
      readonly emptySamples: number
      /**
       * For how long every beat has said: closed or draining, nobody here, all of the same pod and boot, all acknowledging
       * the intent that stands now. 0 when the latest beat does not; counts from when we last came to see the registry.
       */
      readonly emptyForMs: number
    }
  /** Fresh too, in the plain form: it tells neither who writes nor how many people are connected. */
  | {
      readonly state: 'plain'
      readonly load: PlainLoad
      readonly revision: number
      readonly ageMs: number
      readonly leaseId: string
    }
  /** The key is there, but nothing proves that its writer lives: no new beat in time, no lease, or not yet seen to move. */
  | { readonly state: 'stale'; readonly podUID?: string; readonly forMs: number }
  /** There is no key. Counts from when we saw it go, else from when we began to see the registry. */
  | { readonly state: 'absent'; readonly forMs: number }
  /** The value cannot be trusted; `because` names the field, in at most 200 characters. */
  | { readonly state: 'rejected'; readonly because: string; readonly forMs: number }
  /** We do not see the registry, for so long already: nothing may be concluded. */
  | { readonly state: 'unknown'; readonly because: 'not-synced' | 'disconnected'; readonly forMs: number }

/** The intent of one node as it stands in the registry. */
export type KnownIntent =
  | { readonly state: 'known'; readonly revision: number; readonly intent: Intent }
  | { readonly state: 'absent' }
  | { readonly state: 'unreadable'; readonly revision: number }
  | { readonly state: 'unknown' }
