// Where the story is played: on real hosts with real LiveKit servers and participants, or on fake nodes with simulated
// ones. The story knows no more of either than what is in here.
import type { Cluster } from '../cluster/cluster.ts'

export interface Stage {
  readonly cluster: Cluster
  /** Manifests of the class `livekit` and of what it needs, with images that the stage has. */
  readonly classManifest: string
  /** A sentence about what people send. */
  readonly media: string
  /** Asks the SFU of this node whether it is there; gives its answer in a few words. Rejects without one. */
  ask(node: Place): Promise<string>
  /** People join a room; resolves when all are in. */
  join(room: string, node: Place, people: number): Promise<Call>
  stop(): Promise<void>
}

export interface Place {
  readonly name: string
  readonly address: string
}

/** One room full of people, and what became of each. `cut` is every end that the participant did not ask for. */
export interface Call {
  readonly joined: readonly Moment[]
  readonly left: readonly Moment[]
  readonly cut: readonly (Moment & { readonly reason: string })[]
  /** Who was told by the node that it drains, and when. */
  readonly told: readonly Moment[]
  /** Resolves when so many have left, in the order in which they joined. */
  leave(count: number): Promise<void>
  /** What was received, once nobody is left; only where there is media. */
  summary?(): Promise<{ readonly packets: number }>
}

export interface Moment {
  readonly participant: string
  readonly at: Date
}
