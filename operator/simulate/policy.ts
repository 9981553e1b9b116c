// A policy says how many nodes there shall be, from what is heard of them. What it is made of: a fleet that keeps so many, and a
// scaler that is asked in every step. The world knows nothing else of it.
import type { Instant } from '../ambient/clock.ts'
import type { Fleet } from './fleet.ts'
import type { SimNode } from './sim-node.ts'

export interface Seen {
  readonly step: number
  readonly now: Instant
  readonly stepSeconds: number
  readonly replicas: number
  readonly nodes: readonly SimNode[]
  readonly registryIsOut: boolean
  /** After a change of what a node admits. */
  readonly rank: (node: SimNode) => void
}

export interface Scaler {
  /** Replicas that are wanted; undefined: nothing is known, or it is not time. */
  wanted(seen: Seen): number | undefined
}

export interface Policy {
  readonly name: string
  /** How much it must have seen before it can be judged. */
  readonly warmUpSeconds: number
  fleet(): Fleet
  scaler(startsAt: Instant): Scaler
}
