// What is known of a host's end: the one answer that lifecycle, pool and protection decide by. It is made of all signals of
// the host at once, anew each time, so that a notice that was withdrawn leaves nothing behind.
import type { Instant } from '../ambient/clock.ts'
import type { Pod } from '../api/core.ts'

/**
 * How sure it is, and how soon. Advisory: it may go, nobody has decided. Planned: it goes, and there is time to move.
 * Imminent: it is going or gone; what is not moved now is lost.
 */
export type DisruptionKind = 'Advisory' | 'Planned' | 'Imminent'

export interface Disruption {
  readonly kind: DisruptionKind
  /** The reason of the condition, CamelCase: ClusterAutoscalerRemoval, KarpenterDisrupted, Cordoned, HostGone … */
  readonly reason: string
  /** Who announced it, for people. */
  readonly by: string
  /** One sentence for people, of what was seen; it does not change while the signals do not. */
  readonly message: string
  /** When the host is to be gone; undefined: nobody said so. May have passed. An Advisory has none. */
  readonly deadline: Instant | undefined
  /** When the host was first asked for; undefined: the signals do not tell. */
  readonly since: Instant | undefined
}

/** What the hosts of the cluster announce, as it is now. Of a host that is not known, nothing. */
export interface HostSignals {
  of(hostName: string): Disruption | undefined
  /** Names of all hosts that announce something; those that went may be among them. */
  announced(): Iterable<string>
  /** What the cluster does to the pod itself, by its own condition. */
  ofPod(pod: Pod): Disruption | undefined
  /**
   * All that there is was read; until then, what is not seen may only be not seen yet. NodeClaims and Events that cannot be read are
   * waited for only so long.
   */
  ready(): boolean
  /** Calls back when the answer of `of` is another; what hosts write all the time is no news. The returned function unsubscribes. */
  onChange(listener: (hostName: string) => void): () => void
}
