// Counts the nodes of a pool once, for all who ask. Pure; the first thing plan.ts does.
import { fromTimestamp, type Instant } from '../ambient/clock.ts'
import { bearsMarkOfPool, closedByPool } from '../api/closed-by-pool.ts'
import { labels } from '../api/marks.ts'
import type { Condition } from '../api/meta.ts'
import { startTroubles } from '../api/reasons.ts'
import type { RTCNode } from '../api/rtcnode.ts'
import { cameLate, isGoing } from '../cluster/reaction.ts'
import { conditionOf } from '../kube/conditions.ts'
import type { Member, PoolView } from './view.ts'

/** A member that is not being deleted. */
export interface Judged {
  readonly member: Member
  /** Of the update revision. */
  readonly updated: boolean
  /** Its host goes: it counts until it is closed, and is replaced meanwhile. */
  readonly going: boolean
  /** Its host was going already when it came there, a short while ago: it takes nobody's place. */
  readonly inVain: boolean
  /**
   * Takes new rooms, and has for minReadySeconds. A closed node never is, nor one on a host that goes. One that is full for now and takes none because of
   * that is: it serves as well as a node can, so a roll-out of a busy pool goes on, and to scale in it is one of those that
   * count, not one that may go first. That more room is needed is the autoscaler's to say.
   */
  readonly open: boolean
}

export interface Census {
  /** Count against spec.replicas. */
  readonly counted: readonly Judged[]
  /** Closed by the pool. What people have closed is theirs, and in no list. */
  readonly closed: readonly Judged[]
  /** Closed by the pool once, and open again by people: what was written on them then holds no more. */
  readonly openedByPeople: readonly Judged[]
  /** Of those that count: their hosts go; and of all others, those of the update revision. */
  readonly going: number
  readonly updatedStaying: number
  /** Of those that go: made in vain; and until another may be tried in place of the first of them. */
  readonly inVain: number
  readonly triedAgainInMs: number | undefined
  /** Those that go, and those that are closed already. */
  readonly disrupted: number
  readonly draining: number
  readonly ready: number
  readonly open: number
  readonly updated: number
  readonly updatedOpen: number
  /** Counted, not open yet, and nothing says that they never will be. */
  readonly starting: number
  readonly updatedStarting: number
  /** When the oldest of those was made, or got its host; one that is made a host for has all its time before it. */
  readonly startingSince: Instant | undefined
  readonly updatedStartingSince: Instant | undefined
  /** Counted, of the update revision, and no host can be made for them: quota or capacity is missing. */
  readonly updatedHostless: number
  /** Have served and do not now, or start and something is in their way. */
  readonly unwell: number
  /** By revision: how many nodes have a pod, and how many do not yet. */
  readonly pods: ReadonlyMap<string, PodCount>
  /** When a node of the update revision (any node, when there is none of another) became ready last. */
  readonly readySince: Instant | undefined
  /** The same for the update revision alone. */
  readonly updatedReadySince: Instant | undefined
  /** When the oldest node of the update revision that is ready was made. */
  readonly updatedSince: Instant | undefined
  /** When nodes of the update revision were given up, because they did not start. */
  readonly givenUpAt: readonly Instant[]
  /** Nodes of the update revision that did start and were given up. */
  readonly lost: readonly { readonly madeAt: Instant; readonly at: Instant }[]
  /** Until the next node has been ready for minReadySeconds. */
  readonly nextOpensInMs: number | undefined
  /** Participants, as far as nodes tell. */
  readonly sessions: number | undefined
}

interface PodCount {
  made: number
  awaited: number
}

/** `<hash of the template>-<hash of the class>`: what its pod was made from counts, not what the class was before. */
export function revisionOf({ metadata, status }: RTCNode): string {
  const label = metadata.labels?.[labels.revision] ?? ''
  return status?.classHash === undefined ? label : `${templateOf(label)}-${status.classHash}`
}

export const templateOf = (revision: string): string => revision.slice(0, Math.max(0, revision.indexOf('-')))

export const hasStarted = ({ status }: RTCNode): boolean => status?.phase === 'Running'

const failing: ReadonlySet<string> = new Set(startTroubles)

/** A census while it is taken. Times are texts as the operator and the API server write them: they sort as they do in time. */
function emptyTally() {
  return {
    counted: [] as Judged[],
    closed: [] as Judged[],
    openedByPeople: [] as Judged[],
    going: 0,
    updatedStaying: 0,
    inVain: 0,
    triedAgainInMs: undefined as number | undefined,
    disrupted: 0,
    draining: 0,
    ready: 0,
    open: 0,
    updated: 0,
    updatedOpen: 0,
    starting: 0,
    updatedStarting: 0,
    unwell: 0,
    pods: new Map<string, PodCount>(),
    anyReadySince: undefined as string | undefined,
    updatedReadySince: undefined as string | undefined,
    updatedSince: undefined as string | undefined,
    startingSince: undefined as string | undefined,
    updatedStartingSince: undefined as string | undefined,
    updatedHostless: 0,
    givenUpAt: [] as Instant[],
    lost: [] as { madeAt: Instant; at: Instant }[],
    nextOpensInMs: undefined as number | undefined,
    sessions: undefined as number | undefined,
  }
}
type Tally = ReturnType<typeof emptyTally>

export function censusOf(view: PoolView, updateRevision: string | undefined): Census {
  const isUpdated = updatedBy(view, updateRevision)
  const tally = emptyTally()
  for (const member of view.members) {
    const { node } = member
    const updated = isUpdated(node)
    const ready = conditionOf(node.status?.conditions, 'Ready')
    const people = node.status?.drain?.sessionsRemaining ?? node.status?.load?.sessions
    if (people !== undefined) tally.sessions = (tally.sessions ?? 0) + people
    if (node.metadata.deletionTimestamp !== undefined) {
      addLeaving(tally, node, updated, ready)
      continue
    }
    if (ready?.status === 'True') tally.ready += 1
    addPod(tally.pods, member)
    if (isGoing(member.disruption)) tally.disrupted += 1
    if (node.spec.cordoned) addClosed(tally, member, updated)
    else addCounted(tally, member, updated, ready, view)
  }
  const { anyReadySince, ...counts } = tally
  return {
    ...counts,
    readySince: fromTimestamp(tally.updated === tally.counted.length ? anyReadySince : tally.updatedReadySince),
    updatedReadySince: fromTimestamp(tally.updatedReadySince),
    updatedSince: fromTimestamp(tally.updatedSince),
    startingSince: fromTimestamp(tally.startingSince),
    updatedStartingSince: fromTimestamp(tally.updatedStartingSince),
  }
}

const lossReasons: ReadonlySet<string> = new Set(['HealthTimeout', 'PodLost'])

function addLeaving(tally: Tally, { metadata, status }: RTCNode, updated: boolean, ready: Condition | undefined): void {
  tally.draining += 1
  const because = status?.drain?.reason ?? ready?.reason ?? ''
  const at = fromTimestamp(metadata.deletionTimestamp)
  // Of a node that its host took along nothing is learned about its revision.
  if (!updated || at === undefined || conditionOf(status?.conditions, 'Disrupted')?.status === 'True') return
  if (because === 'StartupTimeout') tally.givenUpAt.push(at)
  else if (lossReasons.has(because)) tally.lost.push({ madeAt: fromTimestamp(metadata.creationTimestamp) ?? at, at })
}

function addPod(pods: Map<string, PodCount>, { node, hasPod }: Member): void {
  const revision = revisionOf(node)
  const count = pods.get(revision) ?? { made: 0, awaited: 0 }
  pods.set(revision, count)
  if (hasPod) count.made += 1
  else count.awaited += 1
}

function addClosed(tally: Tally, member: Member, updated: boolean): void {
  tally.draining += 1
  if (closedByPool(member.node) !== undefined)
    tally.closed.push({ member, updated, going: isGoing(member.disruption), inVain: false, open: false })
}

function addCounted(
  tally: Tally,
  member: Member,
  updated: boolean,
  ready: Condition | undefined,
  { pool, now }: PoolView,
): void {
  const { node } = member
  const since = ready?.status === 'True' ? ready.lastTransitionTime : undefined
  const minReadyMs = pool.spec.minReadySeconds * 1_000
  const waitMs = since !== undefined && minReadyMs > 0 ? untilReadyFor(minReadyMs, since, now) : 0
  const admits = since !== undefined && isOpenOrFull(node)
  const going = isGoing(member.disruption)
  const open = admits && waitMs <= 0 && !going
  const inVainMs = going ? inVainForMs(node, now) : 0
  const judged = { member, updated, going, inVain: inVainMs > 0, open }
  tally.counted.push(judged)
  if (bearsMarkOfPool(node)) tally.openedByPeople.push(judged)
  if (going) tally.going += 1
  if (judged.inVain) {
    tally.inVain += 1
    tally.triedAgainInMs = Math.min(tally.triedAgainInMs ?? inVainMs, inVainMs)
  }
  if (open) tally.open += 1
  if (updated) tally.updated += 1
  if (updated && !going) tally.updatedStaying += 1
  if (updated && open) tally.updatedOpen += 1
  if (admits && !open && !going) tally.nextOpensInMs = Math.min(tally.nextOpensInMs ?? waitMs, waitMs)
  if (since !== undefined) {
    tally.anyReadySince = latest(tally.anyReadySince, since)
    if (updated) tally.updatedReadySince = latest(tally.updatedReadySince, since)
    if (updated) tally.updatedSince = earliest(tally.updatedSince, node.metadata.creationTimestamp)
  } else if (hasStarted(node) || failing.has(ready?.reason ?? '')) tally.unwell += 1
  if (!open && !going && (since !== undefined || !hasStarted(node))) {
    tally.starting += 1
    if (updated) tally.updatedStarting += 1
    if (updated && ready?.reason === 'HostUnavailable') tally.updatedHostless += 1
    const startsSince = ready?.reason === 'HostRequested' ? undefined : housedSince(node)
    if (startsSince === undefined) return
    tally.startingSince = earliest(tally.startingSince, startsSince)
    if (updated) tally.updatedStartingSince = earliest(tally.updatedStartingSince, startsSince)
  }
}

/** Another would come to the same hosts; it takes some minutes until there are others. */
const IN_VAIN_MS = 300_000

/** Of a node on a host that goes. One whose status does not tell of a host yet has only just come there. */
function inVainForMs(node: RTCNode, now: Instant): number {
  if (!(cameLate(node) ?? !hasStarted(node))) return 0
  return (fromTimestamp(node.metadata.creationTimestamp) ?? now) + IN_VAIN_MS - now
}

function housedSince({ metadata, status }: RTCNode): string {
  const scheduled = conditionOf(status?.conditions, 'Scheduled')
  return scheduled?.status === 'True' ? scheduled.lastTransitionTime : metadata.creationTimestamp
}

function isOpenOrFull({ status }: RTCNode): boolean {
  const admission = conditionOf(status?.conditions, 'AdmissionOpen')
  return admission?.status === 'True' || (admission?.status === 'False' && admission.reason === 'Shedding')
}

/** It serves, and nothing keeps it closed: its agent is told to open it, or has just been. */
export const isOpening = ({ member: { node }, open, going }: Judged): boolean =>
  !open && !going && isReady(node) && !isOpenOrFull(node)

export const isReady = ({ status }: RTCNode): boolean => conditionOf(status?.conditions, 'Ready')?.status === 'True'

const untilReadyFor = (ms: number, since: string, now: Instant): number => (fromTimestamp(since) ?? now) + ms - now

const latest = (a: string | undefined, b: string): string => (a === undefined || b > a ? b : a)
const earliest = (a: string | undefined, b: string): string => (a === undefined || b < a ? b : a)

function updatedBy({ classRollout }: PoolView, update: string | undefined): (node: RTCNode) => boolean {
  if (update === undefined) return () => false
  if (classRollout === 'RollingUpdate') return node => revisionOf(node) === update
  const template = templateOf(update)
  return node => templateOf(revisionOf(node)) === template
}
