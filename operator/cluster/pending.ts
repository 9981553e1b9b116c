// Why a pod has no host yet: nobody makes one, one is being made, or none can be had. Told from the scheduler's word on the pod and
// from the events of those who make hosts. Events are best effort: without them the scheduler's word alone must do. Pure; asked by
// the lifecycle for the reason of an RTCNode that is Pending, and by the head-room for a pod that keeps a place.
import { fromTimestamp, type Instant, instant } from '../ambient/clock.ts'
import type { Pod } from '../api/core.ts'
import type { KubeObject } from '../api/meta.ts'
import type { NodeReason } from '../api/reasons.ts'

/** An Event of the core group, as far as we read it. */
export interface MakerEvent extends KubeObject {
  readonly involvedObject: {
    readonly kind?: string
    readonly namespace?: string
    readonly name?: string
    readonly uid?: string
  }
  readonly reason?: string
  readonly message?: string
  readonly source?: { readonly component?: string }
  readonly reportingComponent?: string
  readonly lastTimestamp?: string | null
  readonly eventTime?: string | null
  readonly series?: { readonly lastObservedTime?: string } | null
}

type Means = 'requested' | 'unavailable'

interface Saying {
  readonly reason: string
  /** Who says it, for people. */
  readonly by: string
  readonly means: Means
  /** Others say it too: only of these components it means that. */
  readonly from?: RegExp
  /** It orders again at once, and is refused again most often. */
  readonly recurs?: true
}

/** What those who make hosts say of a pod, and of a NodeClaim that a pod was promised. */
export const sayings: readonly Saying[] = [
  { reason: 'TriggeredScaleUp', by: 'Cluster Autoscaler', means: 'requested' },
  // Not its last word: it looks again every ten seconds.
  { reason: 'NotTriggerScaleUp', by: 'Cluster Autoscaler', means: 'unavailable' },
  { reason: 'Nominated', by: 'Karpenter', means: 'requested' },
  { reason: 'FailedScheduling', by: 'Karpenter', means: 'unavailable', from: /karpenter|eks-auto-mode/ },
  { reason: 'InsufficientCapacityError', by: 'Karpenter', means: 'unavailable', recurs: true },
]

/** So long both autoscalers wait for a host that they have ordered before they give it up. */
export const HOST_COMES_WITHIN_MS = 900_000
/** An order after a refusal that recurs is believed when it has stood for so long. */
const ORDER_STANDS_MS = 60_000

interface Word {
  readonly by: string
  readonly means: Means
  readonly at: Instant
  readonly text: string
  readonly recurs: boolean
}

export interface NoHost {
  readonly because: Extract<NodeReason, 'WaitingForHost' | 'HostRequested' | 'HostUnavailable'>
  readonly message: string
  /** When time alone changes the answer. */
  readonly lookAgainMs?: number
}

const scheduledOf = ({ status }: Pod) => status?.conditions?.find(({ type }) => type === 'PodScheduled')

/** The scheduler has looked, and found no host for it. */
export const hasNoHost = (pod: Pod): boolean =>
  pod.spec.nodeName === undefined && scheduledOf(pod)?.reason === 'Unschedulable'

/** Undefined: it has one, or the scheduler has not looked yet. `events`: as below. */
export const whyNoHost = (pod: Pod, events: readonly MakerEvent[], now: Instant): NoHost | undefined =>
  hasNoHost(pod) ? noHost(scheduledOf(pod)?.message, events, now) : undefined

/** `said`: the message of the pod's condition PodScheduled. `events`: those about this pod, and about NodeClaims it was promised. */
export function noHost(said: string | undefined, events: readonly MakerEvent[], now: Instant): NoHost {
  const words = events.flatMap(event => wordIn(event, now) ?? [])
  const makers = [...new Set(words.map(({ by }) => by))].sort()
  const standings = makers.map(by =>
    standingOf(
      words.filter(word => word.by === by),
      now,
    ),
  )
  // Where two of them look after the hosts, one that makes a host is enough.
  const standing = standings.find(({ because }) => because === 'HostRequested') ?? standings[0]
  const scheduler = withoutPreemption(said)
  if (standing === undefined) {
    return { because: 'WaitingForHost', message: `${scheduler}; what helps: ${schedulerRemedy(scheduler)}` }
  }
  if (standing.because === 'HostRequested') return standing
  return { ...standing, message: `${standing.message}; the scheduler says: ${scheduler}` }
}

/** What one maker's words come to. `words`: at least one. */
function standingOf(words: readonly Word[], now: Instant): NoHost {
  const [last, ...before] = [...words].sort(newestFirst) as [Word, ...Word[]]
  if (last.means === 'unavailable') return unavailable(last)
  const refusal = before.find(({ recurs }) => recurs)
  if (refusal !== undefined && last.at - refusal.at < ORDER_STANDS_MS && now - last.at < ORDER_STANDS_MS) {
    return { ...unavailable(refusal), lookAgainMs: last.at + ORDER_STANDS_MS - now }
  }
  const leftMs = last.at + HOST_COMES_WITHIN_MS - now
  if (leftMs > 0)
    return { because: 'HostRequested', message: `${last.by} makes a host: ${last.text}`, lookAgainMs: leftMs }
  const message = `${last.by} has ordered a host, and none came within ${HOST_COMES_WITHIN_MS / 60_000} min: ${last.text}; what helps: see its log, and the cloud’s`
  return { because: 'HostUnavailable', message }
}

const unavailable = ({ by, text }: Word): NoHost => ({
  because: 'HostUnavailable',
  message: `${by} cannot make a host: ${text}; what helps: ${makerRemedy(text)}`,
})

/** Of one second, a refusal came after the order that it refuses. */
const newestFirst = (a: Word, b: Word): number =>
  b.at - a.at || Number(a.means === 'requested') - Number(b.means === 'requested') || (a.text < b.text ? -1 : 1)

function wordIn(event: MakerEvent, now: Instant): Word | undefined {
  const component = event.source?.component || event.reportingComponent || ''
  const saying = sayings.find(({ reason, from }) => reason === event.reason && (from?.test(component) ?? true))
  const at = saidAt(event, now)
  if (saying === undefined || at === undefined) return undefined
  const { by, means, recurs = false } = saying
  return { by, means, at, recurs, text: shortened(event.message || saying.reason) }
}

/** The latest that it tells. A time that is still to come was told by a clock that goes wrong, and does not count. */
function saidAt({ lastTimestamp, eventTime, series, metadata }: MakerEvent, now: Instant): Instant | undefined {
  const told = [series?.lastObservedTime, lastTimestamp, eventTime]
    .map(text => fromTimestamp(text ?? undefined))
    .filter(at => at !== undefined && at <= now) as Instant[]
  const createdAt = fromTimestamp(metadata.creationTimestamp)
  const all = createdAt === undefined ? told : [...told, createdAt]
  return all.length === 0 ? undefined : instant(Math.max(...all))
}

const CLAIM = /\bnodeclaim\/([a-z0-9][-a-z0-9.]*)/

/** The NodeClaim that a pod was promised by this event. */
export const claimIn = ({ reason, message }: MakerEvent): string | undefined =>
  reason === 'Nominated' ? CLAIM.exec(message ?? '')?.[1] : undefined

const MAX_TEXT = 500
const shortened = (text: string): string => (text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT - 1)}…` : text)

/** That nothing could be taken from others is told after the reason, and helps nobody. */
const withoutPreemption = (said: string | undefined): string =>
  shortened(
    /^(.*?)[\s.,]*(?:no new claims to deallocate|preemption:)/s.exec(said ?? '')?.[1] ||
      said ||
      'no host can take the pod',
  )

interface Remedy {
  readonly when: RegExp
  readonly helps: string
}

const schedulerRemedies: readonly Remedy[] = [
  { when: /free ports/, helps: 'more hosts: with host ports, one node fits on a host' },
  { when: /Insufficient/, helps: 'more hosts, or smaller requests in the class' },
  { when: /untolerated taint/, helps: 'a toleration in the class, or hosts without the taint' },
  { when: /unschedulable/, helps: 'to uncordon a host' },
  { when: /node affinity|selector/, helps: 'hosts with the labels that the class asks for' },
  { when: /topology spread/, helps: 'a softer topologySpreadConstraint in the class' },
  { when: /pod (anti-)?affinity/, helps: 'a softer pod affinity in the class' },
]

const schedulerRemedy = (said: string): string => {
  const found = schedulerRemedies.filter(({ when }) => when.test(said)).map(({ helps }) => helps)
  return found.length === 0 ? 'more hosts' : found.join('; ')
}

/** The first that fits speaks. */
const makerRemedies: readonly Remedy[] = [
  { when: /quota|LimitExceeded/i, helps: 'a larger quota at the cloud; it is tried again by itself' },
  {
    when: /max (node group|limit)|limits? (reached|exceeded)|exceeds? limits/i,
    helps: 'a higher limit of the node group or NodePool',
  },
  {
    when: /backoff|insufficient ?(instance ?)?capacity|sufficient .* capacity|stockout|exhausted/i,
    helps: 'more zones or kinds of hosts in the node group or NodePool; it is tried again by itself',
  },
  {
    when: /insufficient|instance type|incompatible|taint|affinity|selector|fit/i,
    helps: 'a node group or NodePool whose hosts fit the requests, labels and tolerations of the class',
  },
]

const makerRemedy = (text: string): string =>
  makerRemedies.find(({ when }) => when.test(text))?.helps ?? 'see its log; it is tried again by itself'
