// The status of a pool, from what was counted and judged. Pure. Nothing in it changes while nothing happens, so that a pool at
// rest costs no write: numbers, no ages.

import { closedByPool } from '../api/closed-by-pool.ts'
import { labels } from '../api/marks.ts'
import type { Condition } from '../api/meta.ts'
import type { PoolReason } from '../api/reasons.ts'
import type { PoolConditionType, RTCNodePoolStatus } from '../api/rtcnodepool.ts'
import { conditionOf, withFindings } from '../kube/conditions.ts'
import { compact } from '../kube/status.ts'
import { type Census, revisionOf } from './census.ts'
import { type FailedStarts, nextTryAt } from './failed-starts.ts'
import { stayingOf } from './going.ts'
import type { Progress } from './progress.ts'
import { enoughOpen, limitOf } from './rollout.ts'
import type { Finding, Inhibition, Situation } from './situation.ts'
import type { PoolView } from './view.ts'

type Inhibited = Finding['inhibited']

export interface Verdict {
  readonly status: RTCNodePoolStatus
  readonly because: PoolReason
}

export function statusOf(at: Situation, progress: Progress, inhibited: Inhibited): Verdict {
  const { view, census, updateRevision, failedStarts } = at
  const { metadata, status: previous } = view.pool
  const because = reasonOf(at, progress)
  const status = compact({
    observedGeneration: metadata.generation,
    replicas: replicasOf(at),
    openReplicas: census.open,
    readyReplicas: census.ready,
    drainingReplicas: census.draining,
    disruptedReplicas: census.disrupted === 0 ? undefined : census.disrupted,
    updatedReplicas: census.updated,
    sessions: coarse(previous?.sessions, census.sessions),
    selector: `${labels.pool}=${metadata.name}`,
    currentRevision: currentRevision(at),
    updateRevision,
    progressAt: progress.since,
    failedStarts,
    conditions: withFindings(
      previous?.conditions,
      findings(at, because, progress, inhibited),
      metadata.generation,
      view.now,
    ),
  })
  return { status, because }
}

/** Without what a roll-out has made in advance: an HPA takes it for the size that was asked for, and would ask for it. */
function replicasOf({ view, census, rollout }: Situation): number {
  const { replicas } = view.pool.spec
  const surplus = Math.max(0, census.counted.length - replicas)
  return census.counted.length - Math.min(surplus, limitOf(view, census, rollout) - replicas)
}

/** The first that holds. */
function reasonOf(at: Situation, progress: Progress): PoolReason {
  const { view, census, rollout, failedStarts } = at
  const { pool, target } = view
  const isShort = census.counted.length < pool.spec.replicas
  const isReplacing = rollout.toReplace > 0 && rollout.state !== 'resting'
  if (pool.metadata.deletionTimestamp !== undefined) return 'Deleting'
  if (view.overlapsWith !== undefined) return 'SelectorOverlap'
  if (target.state !== 'known') return 'RevisionNotFound'
  if (!target.classFound) return 'ClassNotFound'
  if (view.createRefused !== undefined && (isShort || isReplacing || awaitsReplacement(at))) return 'CreateRefused'
  if (progress.isLate) return 'ProgressDeadlineExceeded'
  if (nextTryAt(failedStarts) !== undefined && progress.isUnderWay) return 'StartsFail'
  if (isReplacing) return 'RollingOut'
  if (census.going > 0) return 'HostsGoing'
  if (isShort || census.starting > 0) return 'ScalingOut'
  if (census.counted.length > pool.spec.replicas || isScalingIn(at)) return 'ScalingIn'
  return restingReason(at)
}

/** Some node on a host that goes has nobody yet to take its place. */
const awaitsReplacement = ({ view, census }: Situation): boolean =>
  census.going > 0 && stayingOf(census) - census.starting < view.pool.spec.replicas

const isScalingIn = ({ census }: Situation): boolean =>
  census.closed.some(({ member }) => closedByPool(member.node)?.reason === 'ScaleIn')

/** Why a pool that has all its nodes goes no further. */
function restingReason({ view, census, rollout }: Situation): PoolReason {
  const { type, paused } = view.pool.spec.strategy
  if (census.updated === census.counted.length || type === 'OnDelete') return 'Complete'
  if (paused) return 'Paused'
  return rollout.heldBack > 0 ? 'HeldBack' : 'Partitioned'
}

/** Advances when a roll-out is complete; not while somebody holds nodes back at the one of before. */
function currentRevision({ view, census, updateRevision }: Situation): string | undefined {
  const { status, spec } = view.pool
  const recorded = status?.currentRevision
  const isComplete =
    census.updated === census.counted.length && census.starting === 0 && stayingOf(census) >= Math.max(1, spec.replicas)
  const isHeld = spec.strategy.paused || spec.strategy.partition > 0
  if (isComplete && (recorded === undefined || !isHeld)) return updateRevision ?? recorded
  return recorded ?? servingBefore(census)
}

/** Nodes that were adopted tell what went before. The same one in whatever order they come. */
function servingBefore({ counted }: Census): string | undefined {
  const revisions = counted.filter(({ updated, open }) => open && !updated).map(({ member }) => revisionOf(member.node))
  return revisions.length === 0 ? undefined : revisions.reduce((a, b) => (b < a ? b : a))
}

/** A tenth, or between somebody and nobody: the live figure belongs to the registry. */
function coarse(before: number | undefined, after: number | undefined): number | undefined {
  if (before === undefined || after === undefined || (before === 0) !== (after === 0)) return after
  return Math.abs(after - before) > Math.max(before, after) / 10 ? after : before
}

type Judgement = Omit<Condition, 'lastTransitionTime' | 'observedGeneration' | 'type'> & { type: PoolConditionType }

const stuck: ReadonlySet<PoolReason> = new Set([
  'ProgressDeadlineExceeded',
  'ClassNotFound',
  'RevisionNotFound',
  'SelectorOverlap',
])
const failing: ReadonlySet<PoolReason> = new Set(['StartsFail', 'CreateRefused'])
const atWork: ReadonlySet<PoolReason> = new Set(['ScalingOut', 'RollingOut'])

function findings(at: Situation, because: PoolReason, progress: Progress, inhibited: Inhibited): Judgement[] {
  const { view, census, failedStarts } = at
  const message = `${headline(at, because)}${summary(at)}`
  const isStalled = stuck.has(because) || (because === 'CreateRefused' && progress.isTimeUp)
  const isExcess = stayingOf(census) > view.pool.spec.replicas
  const isReconciling = !isStalled && (atWork.has(because) || failing.has(because) || isExcess || awaitsReplacement(at))
  const enough = enoughOpen(view)
  const isUnwell = census.unwell > 0 || failedStarts !== undefined
  return [
    { type: 'Progressing', status: isStalled || failing.has(because) ? 'False' : 'True', reason: because, message },
    census.open >= enough
      ? {
          type: 'Available',
          status: 'True',
          reason: 'EnoughOpen',
          message: `${census.open} open, ${enough} are enough`,
        }
      : { type: 'Available', status: 'False', reason: 'TooFewOpen', message: `${census.open} open, ${enough} needed` },
    isUnwell
      ? { type: 'Degraded', status: 'True', reason: 'NodesUnwell', message: unwell(at) }
      : { type: 'Degraded', status: 'False', reason: 'AllWell', message: 'no node is unwell' },
    inhibited === undefined
      ? { type: 'ScalingInhibited', status: 'False', reason: 'NotInhibited', message: 'nothing is in the way' }
      : {
          type: 'ScalingInhibited',
          status: 'True',
          reason: inhibited.because,
          message: `${nodes(inhibited.nodes)} kept: ${inhibitions[inhibited.because]}`,
        },
    ...contest(view),
    { type: 'Reconciling', status: isReconciling ? 'True' : 'False', reason: because, message },
    { type: 'Stalled', status: isStalled ? 'True' : 'False', reason: because, message },
  ]
}

/** Nobody needs to read of it on a pool where it never was. */
function contest({ contestedBy, pool }: PoolView): Judgement[] {
  if (contestedBy.length > 0) {
    const message = `${contestedBy.join(' and ')} set its replicas; keep one of them, or set spec.mode: Recommend on an RTCAutoscaler`
    return [{ type: 'Contested', status: 'True', reason: 'SeveralScalers', message }]
  }
  if (conditionOf(pool.status?.conditions, 'Contested') === undefined) return []
  return [{ type: 'Contested', status: 'False', reason: 'OneScaler', message: 'nothing pulls at its replicas' }]
}

const inhibitions: Record<Inhibition, string> = {
  RegistryFrozen: 'the registry is out of sight, or many nodes vanished from it or fell silent in it at once',
  LoadUnknown: 'it is not known how many people are there',
  Protected: 'protected by rtcnode.io/scale-in-protection',
}

/** What a reason needs to be said besides the numbers; ends with what parts it from them. */
function headline({ view, rollout }: Situation, because: PoolReason): string {
  const { pool, target } = view
  switch (because) {
    case 'RevisionNotFound':
      return `spec.strategy.pinnedRevision names ${target.state === 'known' ? '' : target.number}, and there is no such revision; kubectl get controllerrevisions lists them; `
    case 'ClassNotFound':
      return `RTCNodeClass “${pool.spec.template.spec.className}” does not exist, or not that of the pinned revision; create it; `
    case 'SelectorOverlap':
      return `pool ${view.overlapsWith} is older and selects the same nodes; give one of them another selector; `
    case 'CreateRefused':
      return `the API server refused a node: ${(view.createRefused?.message ?? '').slice(0, 1_024)}; `
    case 'ProgressDeadlineExceeded':
      return `nodes do not start within ${pool.spec.progressDeadlineSeconds} s; what serves is left alone; `
    case 'HeldBack':
      return `${nodes(rollout.heldBack)} of older revisions protected; `
    default:
      return ''
  }
}

function summary({ view, census }: Situation): string {
  const { replicas } = view.pool.spec
  const old = census.counted.length - census.updated
  return [
    `${census.open} of ${replicas} open`,
    ...(census.starting > 0 ? [`${census.starting} starting`] : []),
    ...(old > 0 ? [`${census.updated} of ${census.counted.length} updated`] : []),
    ...(census.disrupted > 0 ? [`${census.disrupted} on hosts that are about to go`] : []),
    ...(census.draining > 0 ? [`${census.draining} draining`] : []),
  ].join('; ')
}

function unwell({ census, failedStarts }: Situation): string {
  return [
    ...(census.unwell > 0 ? [`${nodes(census.unwell)} unwell`] : []),
    ...(failedStarts === undefined ? [] : [didNotStart(failedStarts)]),
  ].join('; ')
}

const didNotStart = ({ count, soonLost }: NonNullable<FailedStarts>): string =>
  soonLost
    ? `${count === 1 ? 'nodes' : `${count} times nodes`} were lost soon after they were made`
    : `${nodes(count)} did not start and were given up`

const nodes = (count: number): string => (count === 1 ? '1 node' : `${count} nodes`)
