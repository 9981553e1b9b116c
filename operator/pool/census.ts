// Counts the nodes of a pool once, for all who ask. Pure; the first thing plan.ts does.
import { fromTimestamp, type Instant } from '../ambient/clock.ts'
import { closedByPool } from '../api/closed-by-pool.ts'
import { labels } from '../api/marks.ts'
import type { RTCNode } from '../api/rtcnode.ts'
import { conditionOf } from '../kube/conditions.ts'
import type { Member, PoolView } from './view.ts'

/** A member that is not being deleted. */
export interface Judged {
  readonly member: Member
  /** Of the update revision. */
  readonly updated: boolean
  /** Takes new rooms, and has for minReadySeconds. A closed node never is. */
  readonly open: boolean
}

export interface Census {
  /** Count against spec.replicas. */
  readonly counted: readonly Judged[]
  /** Closed by the pool. What people have closed is theirs, and in no list. */
  readonly closed: readonly Judged[]
  readonly draining: number
  readonly ready: number
  readonly open: number
  readonly updated: number
  readonly updatedOpen: number
  /** Counted, not open yet, and nothing says that they never will be. */
  readonly starting: number
  readonly updatedStarting: number
  /** Have served and do not now, or start and something is in their way. */
  readonly unwell: number
  /** By revision: how many nodes have a pod, and how many do not yet. */
  readonly pods: ReadonlyMap<string, { readonly made: number; readonly awaited: number }>
  /** When a node of the update revision (any node, when there is none of another) became ready last. */
  readonly readySince: Instant | undefined
  /** The same for the update revision alone. */
  readonly updatedReadySince: Instant | undefined
  /** When nodes of the update revision were given up, because they did not start. */
  readonly givenUpAt: readonly Instant[]
  /** Until the next node has been ready for minReadySeconds. */
  readonly nextOpensInMs: number | undefined
  /** Participants, as far as nodes tell. */
  readonly sessions: number | undefined
}

/** `<hash of the template>-<hash of the class>`: what its pod was made from counts, not what the class was before. */
export function revisionOf({ metadata, status }: RTCNode): string {
  const label = metadata.labels?.[labels.revision] ?? ''
  return status?.classHash === undefined ? label : `${templateOf(label)}-${status.classHash}`
}

export const templateOf = (revision: string): string => revision.slice(0, Math.max(0, revision.indexOf('-')))

export const hasStarted = ({ status }: RTCNode): boolean => status?.phase === 'Running'

/** Why a node that starts may never be Running. */
const failing: ReadonlySet<string> = new Set([
  'ClassNotFound',
  'ClassNotAccepted',
  'PodRefused',
  'PodNameTaken',
  'Unschedulable',
  'ImagePullFailed',
  'ContainerCrashing',
  'AddressUnknown',
  'StartupTimeout',
])

export function censusOf(view: PoolView, updateRevision: string | undefined): Census {
  const minReadyMs = view.pool.spec.minReadySeconds * 1_000
  const isUpdated = updatedBy(view, updateRevision)
  const counted: Judged[] = []
  const closed: Judged[] = []
  const givenUpAt: Instant[] = []
  const pods = new Map<string, { made: number; awaited: number }>()
  const count = {
    draining: 0,
    ready: 0,
    open: 0,
    updated: 0,
    updatedOpen: 0,
    starting: 0,
    updatedStarting: 0,
    unwell: 0,
  }
  let anyReadySince: string | undefined
  let updatedReadySince: string | undefined
  let nextOpensInMs: number | undefined
  let sessions: number | undefined

  for (const member of view.members) {
    const { node } = member
    const { status } = node
    const told = status?.drain?.sessionsRemaining ?? status?.load?.sessions
    if (told !== undefined) sessions = (sessions ?? 0) + told

    const ready = conditionOf(status?.conditions, 'Ready')
    const isReady = ready?.status === 'True'
    const updated = isUpdated(node)
    if (node.metadata.deletionTimestamp !== undefined) {
      count.draining += 1
      const at = fromTimestamp(node.metadata.deletionTimestamp)
      const because = status?.drain?.reason ?? ready?.reason
      if (updated && because === 'StartupTimeout' && at !== undefined) givenUpAt.push(at)
      continue
    }
    if (isReady) count.ready += 1
    const revision = revisionOf(node)
    const ofRevision = pods.get(revision) ?? { made: 0, awaited: 0 }
    pods.set(revision, ofRevision)
    if (member.hasPod) ofRevision.made += 1
    else ofRevision.awaited += 1

    if (node.spec.cordoned) {
      count.draining += 1
      if (closedByPool(node) !== undefined) closed.push({ member, updated, open: false })
      continue
    }
    const waitMs = isReady && minReadyMs > 0 ? untilReadyFor(minReadyMs, ready.lastTransitionTime, view.now) : 0
    const admits = isReady && conditionOf(status?.conditions, 'AdmissionOpen')?.status === 'True'
    const open = admits && waitMs <= 0
    counted.push({ member, updated, open })
    if (open) count.open += 1
    if (updated) count.updated += 1
    if (updated && open) count.updatedOpen += 1
    if (admits && !open) nextOpensInMs = Math.min(nextOpensInMs ?? waitMs, waitMs)
    if (isReady) {
      anyReadySince = latest(anyReadySince, ready.lastTransitionTime)
      if (updated) updatedReadySince = latest(updatedReadySince, ready.lastTransitionTime)
    }
    const isUnwell = !isReady && (hasStarted(node) || failing.has(ready?.reason ?? ''))
    if (isUnwell) count.unwell += 1
    if (!open && (isReady || !hasStarted(node))) {
      count.starting += 1
      if (updated) count.updatedStarting += 1
    }
  }
  return {
    ...count,
    counted,
    closed,
    givenUpAt,
    pods,
    readySince: fromTimestamp(count.updated === counted.length ? anyReadySince : updatedReadySince),
    updatedReadySince: fromTimestamp(updatedReadySince),
    nextOpensInMs,
    sessions,
  }
}

const untilReadyFor = (ms: number, since: string, now: Instant): number => (fromTimestamp(since) ?? now) + ms - now

/** Times that the operator wrote, all in one form: as text they sort as they do in time. */
const latest = (a: string | undefined, b: string): string => (a === undefined || b > a ? b : a)

function updatedBy({ classRollout }: PoolView, update: string | undefined): (node: RTCNode) => boolean {
  if (update === undefined) return () => false
  if (classRollout === 'RollingUpdate') return node => revisionOf(node) === update
  const template = templateOf(update)
  return node => templateOf(revisionOf(node)) === template
}
