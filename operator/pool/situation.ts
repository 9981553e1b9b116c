// What every step of a plan is handed, and what it answers. Used by plan.ts and its steps only.
import type { PoolReason } from '../api/reasons.ts'
import type { Census } from './census.ts'
import type { FailedStarts } from './failed-starts.ts'
import type { Rollout } from './rollout.ts'
import type { Batch, Plan, PoolView } from './view.ts'

export interface Situation {
  readonly view: PoolView
  readonly census: Census
  readonly rollout: Rollout
  readonly updateRevision: string | undefined
  readonly failedStarts: FailedStarts
}

/** Why nodes that are one too many are kept. */
export type Inhibition = Extract<PoolReason, 'RegistryFrozen' | 'LoadUnknown' | 'Protected'>

export interface Finding {
  readonly batch?: Batch
  readonly lookAgainMs?: number
  readonly held?: Plan['held']
  readonly inhibited?: { readonly because: Inhibition; readonly nodes: number }
}

export type Step = (at: Situation) => Finding

/** What the registry does not tell now is no proof of anything. */
export const isRegistryTrusted = ({ view: { registry } }: Situation): boolean => registry.inSight && !registry.frozen
