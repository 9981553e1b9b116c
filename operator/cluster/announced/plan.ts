// What is done so that there are hosts when a schedule begins: Cluster Autoscaler is asked by one ProvisioningRequest for each start
// that is announced; where it is not there, or does not help, spec.headroom of the pool keeps the room. Pure; controller.ts carries
// it out.
import { fromTimestamp, type Instant } from '../../ambient/clock.ts'
import { annotations } from '../../api/marks.ts'
import type { Uid } from '../../api/meta.ts'
import type { RTCAutoscaler } from '../../api/rtcautoscaler.ts'
import type { Announcement, PoolAnnounced, RTCNodePool } from '../../api/rtcnodepool.ts'
import { ownerReferenceTo } from '../../kube/owner.ts'
import type { Refusal } from '../../kube/refusal.ts'
import { compact } from '../../kube/status.ts'
import type { Place } from '../headroom/balloon.ts'
import { ageMs, isThere, MOST_CHARACTERS, UNREAD_AFTER_MS } from '../headroom/plan.ts'
import { HOST_SECONDS } from '../headroom/size.ts'
import { marked, templateManifest } from '../headroom/template.ts'
import { ATOMIC_SCALE_UP, type ProvisioningRequest, provisioningRequestType, saidOf } from './request.ts'

export interface AnnouncedView {
  readonly pool: RTCNodePool
  /** What its autoscaler will ask for soon; it may have begun just now. */
  readonly announced: Announcement | undefined
  /** What room is asked for; undefined: its class is not known, so nobody can tell. */
  readonly place: Place | undefined
  /** Those of this pool. */
  readonly requests: readonly ProvisioningRequest[]
  /** The cluster serves ProvisioningRequests. */
  readonly areServed: boolean
  /** The API server's last no. Until it is time nothing is asked. */
  readonly refusal: Refusal | undefined
  readonly now: Instant
}

export type Act =
  /** The template is owned by the request, whose UID only its creation tells. */
  | { readonly do: 'create-request'; readonly manifest: object; templateOwnedBy(request: Uid): object }
  /** That there is one already is as good. */
  | { readonly do: 'create-template'; readonly manifest: object }
  | { readonly do: 'delete-request'; readonly object: ProvisioningRequest }

export interface AnnouncedPlan {
  readonly acts: readonly Act[]
  /** Undefined: nothing is announced. */
  readonly status: PoolAnnounced | undefined
  readonly lookAgainMs: number
}

/** What nine hosts in ten do not exceed is measured one host at a time; many at once take longer. */
const SAFETY = 1.5
const SHORTEST_LEAD_MS = 150_000
/** Cluster Autoscaler books what it has made for ten minutes: what is made earlier may be gone at the start. */
const LONGEST_LEAD_MS = 600_000
/** A start comes into sight without an event, a kind may come to be served, and time passes for what nobody reads. */
const LOOK_MS = 30_000
/** A request that was given up is made anew no faster. */
const LEAST_AGE_MS = 30_000

/** So long before it begins a schedule is announced. One that was stays so when hosts turn out to come sooner. */
export function leadMsOf({ status }: RTCAutoscaler, before: PoolAnnounced | undefined, now: Instant): number {
  const measured = (status?.leadTime?.coldSeconds ?? HOST_SECONDS) * SAFETY * 1_000
  const toldMs = (fromTimestamp(before?.startsAt) ?? now) - now
  return Math.min(LONGEST_LEAD_MS, Math.max(SHORTEST_LEAD_MS, measured, toldMs))
}

export function planAnnounced(view: AnnouncedView): AnnouncedPlan {
  const { pool, announced, requests, refusal, now } = view
  // What is owned by a pool that goes, goes with it.
  if (pool.metadata.deletionTimestamp !== undefined)
    return { acts: [], status: pool.status?.announced, lookAgainMs: LOOK_MS }
  const startsInMs = announced === undefined ? 0 : Date.parse(announced.startsAt) - now
  // Once it has begun the pods themselves are there, and a host stays a while before anybody takes it down.
  const coming = startsInMs > 0 ? announced : undefined
  const request = coming && requests.find(it => isThere(it) && isFor(it, coming, view))
  const isToWait = refusal !== undefined && refusal.retryInMs > 0
  return {
    acts: isToWait ? [] : [...deleteAllBut(request, requests), ...ask(coming, request, view)],
    status: coming ? statusOf(coming, request, view) : untilTaken(view),
    lookAgainMs: Math.min(LOOK_MS, ...(coming ? [startsInMs] : []), ...(isToWait ? [refusal.retryInMs] : [])),
  }
}

const deleteAllBut = (request: ProvisioningRequest | undefined, requests: readonly ProvisioningRequest[]): Act[] =>
  requests.filter(it => it !== request && isThere(it)).map(object => ({ do: 'delete-request', object }))

/** It asks for no less than is announced now; more is left alone, so that it does not come and go with the load. */
function isFor(request: ProvisioningRequest, coming: Announcement, { pool, place, now }: AnnouncedView): boolean {
  const [podSet] = request.spec.podSets
  const { name } = request.metadata
  const isOfPlace = place === undefined || podSet?.podTemplateRef.name === templateName(name, place)
  return (
    name.startsWith(`${nameFor(pool, coming)}-`) &&
    (podSet?.count ?? 0) >= coming.nodes &&
    isOfPlace &&
    !(lacksTemplate(request) && ageMs(request, now) >= LEAST_AGE_MS)
  )
}

/** Cluster Autoscaler gives a request up for good when it looks before there is a template, as after a crash between the two. */
function lacksTemplate(request: ProvisioningRequest): boolean {
  const said = saidOf(request)
  return said?.type === 'Failed' && said.reason === 'FailedToCreatePods'
}

function ask(
  coming: Announcement | undefined,
  request: ProvisioningRequest | undefined,
  { pool, place, requests, areServed, now }: AnnouncedView,
): Act[] {
  if (coming === undefined || place === undefined || !areServed) return []
  if (request === undefined) return [createRequest(pool, place, coming, freeName(pool, coming, requests))]
  const { name, uid } = request.metadata
  if (saidOf(request) !== undefined || isUnread(request, now)) return []
  return [{ do: 'create-template', manifest: templateOf(pool, place, name, uid) }]
}

const isUnread = (request: ProvisioningRequest, now: Instant): boolean =>
  saidOf(request) === undefined && ageMs(request, now) >= UNREAD_AFTER_MS

function statusOf(coming: Announcement, request: ProvisioningRequest | undefined, view: AnnouncedView): PoolAnnounced {
  const why = whyNotAsked(request, view)
  const isAuto = view.pool.spec.headroom?.nodes === 'auto'
  const by = why === undefined ? 'ProvisioningRequest' : isAuto ? 'Headroom' : 'Nothing'
  const message = why ?? (request && saidOf(request)?.text)
  return compact<PoolAnnounced>({
    ...coming,
    schedule: coming.schedule,
    by,
    message: message?.slice(0, MOST_CHARACTERS),
  })
}

/** Undefined: Cluster Autoscaler is asked, and has not said no. */
function whyNotAsked(
  request: ProvisioningRequest | undefined,
  { place, areServed, refusal, now }: AnnouncedView,
): string | undefined {
  if (!areServed) return 'the cluster serves no ProvisioningRequests'
  if (place === undefined) return 'the class of the pool does not exist'
  if (refusal !== undefined && refusal.retryInMs > 0) return refusal.message
  if (request === undefined) return undefined
  if (isUnread(request, now)) return 'nobody acts on ProvisioningRequests'
  const said = saidOf(request)
  return said?.type === 'Failed' || said?.type === 'CapacityRevoked' ? said.text : undefined
}

/** What keeps pods off a host is there until they come; how fast they do is a matter of spec.behavior. */
function untilTaken({ pool, announced }: AnnouncedView): PoolAnnounced | undefined {
  const before = pool.status?.announced
  if (before?.by !== 'Headroom' || before.startsAt !== announced?.startsAt) return undefined
  return { ...before, nodes: announced.nodes }
}

/** Of a pool and a start, so that two who ask at once ask for one. */
const nameFor = ({ metadata }: RTCNodePool, { startsAt }: Announcement): string =>
  `${metadata.name}-announced-${startsAt.replace(/\D/g, '').slice(0, 12)}`

/** Another than those that are there or go: the template goes with its request, somewhat later. */
function freeName(pool: RTCNodePool, coming: Announcement, requests: readonly ProvisioningRequest[]): string {
  const taken = new Set(requests.map(({ metadata }) => metadata.name))
  for (let number = 1; ; number += 1) {
    const name = `${nameFor(pool, coming)}-${number}`
    if (!taken.has(name)) return name
  }
}

const templateName = (request: string, { metadata }: Place): string =>
  `${request}-${metadata.annotations[annotations.headroomHash]}`

const createRequest = (pool: RTCNodePool, place: Place, { nodes }: Announcement, name: string): Act => ({
  do: 'create-request',
  manifest: {
    apiVersion: provisioningRequestType.apiVersion,
    kind: provisioningRequestType.kind,
    metadata: { name, ...marked(pool), ownerReferences: [ownerReferenceTo(pool, false)] },
    spec: {
      provisioningClassName: ATOMIC_SCALE_UP,
      podSets: [{ podTemplateRef: { name: templateName(name, place) }, count: nodes }],
    },
  },
  templateOwnedBy: uid => templateOf(pool, place, name, uid),
})

const templateOf = (pool: RTCNodePool, place: Place, name: string, uid: Uid): object => {
  const { apiVersion, kind } = provisioningRequestType
  return templateManifest(pool, place, templateName(name, place), { apiVersion, kind, name, uid })
}
