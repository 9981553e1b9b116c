// How far a roll-out is and what it may do next: counted nodes never exceed replicas + surge, and no open node of an older
// revision is closed below replicas - maxUnavailable. Pure; asked by plan.ts and by the steps that create and close.
import type { CountOrPercent } from '../api/rtcnodepool.ts'
import { type Census, type Judged, templateOf } from './census.ts'
import { oldStayingOf, stayingOf } from './going.ts'
import { isProtected } from './victims.ts'
import type { PoolView } from './view.ts'

/**
 * `moving`: nodes are replaced. `halted`: they would be, but must not be now. `resting`: nobody asked for it, or the strategy
 * lets it go no further.
 */
export interface Rollout {
  readonly state: 'moving' | 'halted' | 'resting'
  /** Nodes of older revisions that may be chosen, and how many of them are to go. */
  readonly candidates: readonly Judged[]
  readonly toReplace: number
  /** So many nodes of the update revision shall be there in the end. */
  readonly updatedWanted: number
  /** So many nodes shall stay with the current revision: spec.strategy.partition. */
  readonly partition: number
  /** Nodes of older revisions that only their protection keeps. */
  readonly heldBack: number
  readonly surge: number
  /** Open nodes the roll-out leaves at least. */
  readonly minOpen: number
  /** What nodes of the current revision are made from is known, and differs from the update revision. */
  readonly canMakeCurrent: boolean
}

/** Rounded up, so that a share of a small pool is at least one. */
export const shareOf = (value: CountOrPercent, replicas: number): number => {
  if (typeof value === 'number') return value
  const percent = Number.parseInt(value, 10)
  return percent === 0 ? 0 : Math.max(1, Math.ceil((percent * replicas) / 100))
}

export const enoughOpen = ({ pool: { spec } }: PoolView): number =>
  Math.max(0, spec.replicas - shareOf(spec.strategy.rollingUpdate.maxUnavailable, spec.replicas))

export function rolloutOf(view: PoolView, census: Census, updateRevision: string | undefined): Rollout {
  const { replicas } = view.pool.spec
  const old = census.counted.filter(({ updated, going }) => !updated && !going)
  const candidates = old.filter(({ member }) => !isProtected(member.node))
  const canMakeCurrent = isAnother(view, updateRevision)
  const partition = partitionOf(view, old.length, updateRevision, canMakeCurrent)
  // Nodes that nobody needs any more are scaled in, not replaced.
  const toReplace = replicas === 0 ? 0 : Math.min(candidates.length, Math.max(0, old.length - partition))
  const surge = surgeOf(view)
  return {
    state: stateOf(view),
    candidates,
    toReplace,
    updatedWanted: Math.max(0, replicas - Math.max(old.length - toReplace, partition)),
    partition,
    heldBack: Math.max(0, old.length - partition - toReplace),
    surge,
    // With a surge to replace it first, the last open node is never closed; without one, that is what was asked for.
    minOpen: Math.max(enoughOpen(view), surge > 0 && replicas > 0 ? 1 : 0),
    canMakeCurrent,
  }
}

function stateOf({ pool, target }: PoolView): Rollout['state'] {
  const { type, paused } = pool.spec.strategy
  if (type === 'OnDelete' || paused) return 'resting'
  return target.state !== 'known' || !target.classFound ? 'halted' : 'moving'
}

function surgeOf({ pool: { spec } }: PoolView): number {
  const { maxSurge, maxUnavailable } = spec.strategy.rollingUpdate
  const surge = shareOf(maxSurge, spec.replicas)
  // The API refuses both 0; were they so all the same, nothing could ever be replaced.
  return surge === 0 && shareOf(maxUnavailable, spec.replicas) === 0 ? 1 : surge
}

function isAnother({ current }: PoolView, updateRevision: string | undefined): boolean {
  if (current === undefined) return false
  return updateRevision === undefined || templateOf(current.revision) !== templateOf(updateRevision)
}

/** Going back to the current revision is no canary: all nodes take part in it. */
function partitionOf(
  { pool }: PoolView,
  old: number,
  updateRevision: string | undefined,
  canMakeCurrent: boolean,
): number {
  const { replicas, strategy } = pool.spec
  if (pool.status?.currentRevision === updateRevision) return 0
  return Math.min(strategy.partition, replicas, canMakeCurrent ? replicas : old)
}

/** How many more nodes of the update revision may be there now, beyond those that replicas are short of. */
export function growthOf({ pool }: PoolView, census: Census, rollout: Rollout): number {
  if (rollout.state !== 'moving' || rollout.toReplace === 0) return 0
  // What is made while there are too many of the older ones would be one too many itself.
  if (oldStayingOf(census) > pool.spec.replicas) return 0
  const room = pool.spec.replicas + rollout.surge - stayingOf(census) - census.inVain
  return Math.max(0, Math.min(room, rollout.updatedWanted - census.updatedStaying))
}

export interface Replaceable {
  readonly nodes: number
  /** At most so many of them may be open ones. */
  readonly open: number
}

/** How many nodes of older revisions may go now. Those that do not take rooms anyway go first. */
export function replaceable(census: Census, rollout: Rollout): Replaceable {
  if (rollout.state !== 'moving') return { nodes: 0, open: 0 }
  // A node of the update revision that does not take rooms yet replaces nobody.
  const safe = stayingOf(census) - (census.updatedStaying - census.updatedOpen) - rollout.minOpen
  return {
    nodes: Math.max(0, Math.min(rollout.toReplace, safe)),
    open: Math.max(0, census.open - rollout.minOpen),
  }
}

/** How many nodes may count while roll-out and hosts are as they are; what is above that is scaled in. */
export function limitOf({ pool }: PoolView, census: Census, rollout: Rollout): number {
  const surge = rollout.state === 'resting' ? 0 : Math.min(rollout.surge, rollout.toReplace, census.updatedStaying)
  return pool.spec.replicas + surge + census.going
}

/** Its time is up: what it has made stays as it is, and nothing more is made or closed for it. */
export const halted = (rollout: Rollout): Rollout =>
  rollout.state === 'moving' ? { ...rollout, state: 'halted' } : rollout
