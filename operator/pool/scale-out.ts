// The steps of a plan that add nodes: a closed one is reopened before a new one is made, for scaling and for a roll-out alike.
import { closedByPool } from '../api/closed-by-pool.ts'
import { conditionOf } from '../kube/conditions.ts'
import { hasStarted, isReady, type Judged } from './census.ts'
import { nextTryAt } from './failed-starts.ts'
import { growthForGoing, oldStayingOf, unreplacedOf } from './going.ts'
import { growthOf } from './rollout.ts'
import { type Finding, isRegistryTrusted, type Situation } from './situation.ts'
import { type Candidate, inVictimOrder } from './victims.ts'
import type { Batch, Picked } from './view.ts'

const nothing: Finding = {}

const missingOf = ({ view, census }: Situation): number => view.pool.spec.replicas - census.counted.length

/**
 * People have opened a node that the pool had closed. What it wrote then must not come true when they close it another day:
 * that deadline is long over, and nobody there has heard of it.
 */
export function forgetClosing({ census }: Situation): Finding {
  const because = 'somebody opened it, so what its pool wrote on it when it closed it is taken off'
  return reopening(census.openedByPeople.map(judged => picked(judged, because)))
}

/** Replicas were raised, or nodes have gone, while others still empty. */
export function reopenMissing(at: Situation): Finding {
  const missing = missingOf(at)
  if (missing <= 0) return nothing
  const updated = at.census.closed.filter(judged => judged.updated)
  const old = at.census.closed.filter(judged => !judged.updated)
  const reopened = toReopen(at, updated, missing, 'replicas are short')
  const oldWanted = Math.min(missing - reopened.length, oldThatMayStay(at))
  return reopening([...reopened, ...toReopen(at, old, oldWanted, 'replicas are short')])
}

/** So many nodes of older revisions the roll-out would not close again at once. */
function oldThatMayStay({ census, rollout }: Situation): number {
  if (rollout.state !== 'moving') return census.closed.length
  return Math.max(0, rollout.partition - oldStayingOf(census))
}

export function createMissing(at: Situation): Finding {
  const missing = missingOf(at)
  if (missing <= 0) return nothing
  const { from, count } = sourceOf(at, missing)
  return creating(at, from, count)
}

/** Their hosts stay after all. What was made in their place is one too many then, and goes, for nobody is there yet. */
export function reopenSpared({ census }: Situation): Finding {
  const spared = census.closed.filter(
    ({ member, going }) => !going && isReady(member.node) && closedByPool(member.node)?.reason === 'HostGoing',
  )
  return reopening(spared.map(judged => picked(judged, 'its host stays after all')))
}

export function reopenForGoing(at: Situation): Finding {
  const updated = at.census.closed.filter(judged => judged.updated)
  const wanted = unreplacedOf(at.view.pool.spec.replicas, at.census)
  return reopening(toReopen(at, updated, wanted, 'other nodes are on hosts that are about to go'))
}

/** A replacement is there before a node goes with its host, as far as there is time. */
export function createForGoing(at: Situation): Finding {
  const growth = growthForGoing(at.view.pool.spec.replicas, at.census, at.rollout.surge)
  if (growth === 0) return nothing
  const { from, count } = sourceOf(at, growth)
  return creating(at, from, count)
}

/** A roll-out that was undone, or turned to a revision of before, has its nodes still there. */
export function reopenForRollout(at: Situation): Finding {
  const growth = isRegistryTrusted(at) ? growthOf(at.view, at.census, at.rollout) : 0
  const updated = at.census.closed.filter(judged => judged.updated)
  return reopening(toReopen(at, updated, growth, 'it is of the revision that the roll-out goes to'))
}

/** A replacement is there first, as far as maxSurge lets it. */
export function createForRollout(at: Situation): Finding {
  const growth = isRegistryTrusted(at) ? growthOf(at.view, at.census, at.rollout) : 0
  return growth === 0 ? nothing : creating(at, 'update', growth)
}

/** The last that would be chosen to go is the first to come back; whoever is silent comes after all that surely can serve. */
function toReopen(at: Situation, closed: readonly Judged[], wanted: number, because: string): Picked[] {
  if (wanted <= 0 || closed.length === 0) return []
  const useful = closed.filter(({ member, going }) => !going && !isDown(member.node))
  const order = [...inVictimOrder(at.view, useful)].toReversed()
  return [...order.filter(it => !isSilent(it)), ...order.filter(isSilent)]
    .slice(0, wanted)
    .map(({ judged }) => picked(judged, because))
}

const isSilent = ({ started, sessions }: Candidate): boolean => started && sessions === Number.POSITIVE_INFINITY

const isDown = (node: Judged['member']['node']): boolean =>
  hasStarted(node) && conditionOf(node.status?.conditions, 'Ready')?.status === 'False'

const reopening = (nodes: Picked[]): Finding => (nodes.length === 0 ? nothing : { batch: { do: 'reopen', nodes } })

type Source = Extract<Batch, { do: 'create' }>['from']

/** Whoever stopped a roll-out, or whatever did, wants no more nodes of its revision. */
function sourceOf({ view, census, rollout }: Situation, missing: number): { from: Source; count: number } {
  if (rollout.canMakeCurrent) {
    if (view.pool.spec.strategy.paused || rollout.state === 'halted') return { from: 'current', count: missing }
    const old = oldStayingOf(census)
    if (old < rollout.partition) return { from: 'current', count: Math.min(missing, rollout.partition - old) }
  }
  return { from: 'update', count: missing }
}

function creating(at: Situation, from: Source, wanted: number): Finding {
  const { view, census, failedStarts } = at
  const { createRefused, target, current, now } = view
  const classFound = from === 'update' ? target.state === 'known' && target.classFound : current?.classFound === true
  if (!classFound) return nothing
  if (createRefused !== undefined && createRefused.retryInMs > 0) return { lookAgainMs: createRefused.retryInMs }
  // Those that wait take the first host that comes; more of them would bring none.
  if (from === 'update' && census.updatedHostless > 0) return nothing
  const tryAt = from === 'update' ? nextTryAt(failedStarts) : undefined
  if (tryAt !== undefined) {
    if (census.updatedStarting > 0) return nothing
    return now < tryAt ? { lookAgainMs: tryAt - now } : { batch: { do: 'create', count: 1, from } }
  }
  const count = Math.min(wanted, untried(at, from))
  return count <= 0 ? nothing : { batch: { do: 'create', count, from } }
}

const MOST_UNTRIED = 500

/** A template whose pods nobody has accepted yet is tried with one node; then twice as many as were accepted may wait. */
function untried({ view, census, updateRevision }: Situation, from: Source): number {
  const revision = from === 'update' ? updateRevision : view.current?.revision
  const { made, awaited } = census.pods.get(revision ?? '') ?? { made: 0, awaited: 0 }
  return Math.min(MOST_UNTRIED, Math.max(1, 2 * made)) - awaited
}

export function picked({ member: { node } }: Judged, because: string): Picked {
  const { name, uid, resourceVersion } = node.metadata
  return { name, uid, resourceVersion, because }
}
