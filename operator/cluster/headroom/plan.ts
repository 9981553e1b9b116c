// What the head-room of one pool needs next: pods that keep places, or one CapacityBuffer where the cluster serves that kind; and what
// the pool's status says of it. Pure; controller.ts carries it out.
import { fromTimestamp, type Instant, toTimestamp } from '../../ambient/clock.ts'
import type { Pod } from '../../api/core.ts'
import { annotations } from '../../api/marks.ts'
import type { KubeObject, Uid } from '../../api/meta.ts'
import type { RTCAutoscaler } from '../../api/rtcautoscaler.ts'
import type { PoolHeadroom, RTCNodePool } from '../../api/rtcnodepool.ts'
import { conditionOf } from '../../kube/conditions.ts'
import { ownerReferenceTo } from '../../kube/owner.ts'
import type { Refusal } from '../../kube/refusal.ts'
import { compact } from '../../kube/status.ts'
import type { Place } from './balloon.ts'
import { ACTIVE_CAPACITY, type CapacityBuffer, capacityBufferType } from './buffer.ts'
import { announcedPlaces, wantedPlaces } from './size.ts'
import { marked, templateManifest } from './template.ts'

export interface HeadroomView {
  readonly pool: RTCNodePool
  readonly autoscaler: RTCAutoscaler | undefined
  /** What keeps a place for a node of this pool; undefined: its class is not known, so nobody can tell. */
  readonly place: Place | undefined
  /** Pods that keep places for it. */
  readonly balloons: readonly Pod[]
  readonly buffer: CapacityBuffer | undefined
  /** The cluster serves CapacityBuffers. */
  readonly buffersServed: boolean
  /** Its host is about to go: room there is none. */
  isOnGoingHost(balloon: Pod): boolean
  /** Why a pod that keeps a place has no host yet, in one sentence; undefined when it has. */
  waitsFor(balloon: Pod): string | undefined
  /** The API server's last no. Until it is time, nothing is asked, whatever was refused: the same no would come at once. */
  readonly refusal: Refusal | undefined
  readonly now: Instant
}

export type Act =
  | { readonly do: 'create-balloon'; readonly manifest: object }
  | { readonly do: 'delete-balloon'; readonly object: Pod }
  /** The template is owned by the buffer, whose UID only its creation tells. */
  | { readonly do: 'create-buffer'; readonly manifest: object; templateOwnedBy(buffer: Uid): object }
  /** That there is one already is as good. */
  | { readonly do: 'create-template'; readonly manifest: object }
  | { readonly do: 'resize-buffer'; readonly object: CapacityBuffer; readonly replicas: number }
  | { readonly do: 'delete-buffer'; readonly object: CapacityBuffer }

export interface HeadroomPlan {
  readonly acts: readonly Act[]
  /** Undefined: none is wanted. */
  readonly status: PoolHeadroom | undefined
  readonly lookAgainMs?: number
}

/** Demand moves without an event, a kind may come to be served, and time passes for what is too young. */
const LOOK_MS = 30_000
/** A host that takes pods though it goes, or a kubelet that takes none, would have them made anew as fast as they are deleted. */
const LEAST_AGE_MS = 30_000
/** Products bring the CRD with their feature off; whoever has it on looks at a buffer within seconds. */
export const UNREAD_AFTER_MS = 120_000
const UNREAD = 'nobody acts on CapacityBuffers, so pods keep the room'
/** Of a message; the schema of the pool takes no more. */
export const MOST_CHARACTERS = 2_048

export function planHeadroom(view: HeadroomView): HeadroomPlan {
  const { pool, refusal } = view
  // What is owned by a pool that goes, goes with it.
  if (pool.metadata.deletionTimestamp !== undefined) return { acts: [], status: pool.status?.headroom }
  const plan = pool.spec.headroom === undefined ? withoutRoom(view) : withRoom(view)
  if (refusal === undefined || refusal.retryInMs === 0) return plan
  return {
    acts: [],
    status: plan.status && { ...plan.status, message: refusal.message.slice(0, MOST_CHARACTERS) },
    lookAgainMs: Math.min(LOOK_MS, refusal.retryInMs),
  }
}

const withoutRoom = (view: HeadroomView): HeadroomPlan => ({
  acts: [...deleteBalloons(view), ...deleteBuffer(view)],
  status: undefined,
})

function withRoom(view: HeadroomView): HeadroomPlan {
  const { pool, buffersServed } = view
  const before = pool.status?.headroom
  const wanted = wantedPlaces(pool, view.autoscaler, before, view.now)
  const [buffer, balloons] = [byBuffer(view, wanted), byBalloons(view, wanted)]
  const isByBuffer = buffersServed && isActedOn(view)
  const { ready, message = buffersServed && !isByBuffer ? UNREAD : undefined } = isByBuffer ? buffer : balloons
  return {
    // The other way first: it would keep the same room twice; and a buffer must be there to be read.
    acts: isByBuffer
      ? [...deleteBalloons(view), ...buffer.acts]
      : [...(buffersServed ? buffer.acts : deleteBuffer(view)), ...balloons.acts],
    status: compact<PoolHeadroom>({
      wanted,
      ready,
      by: isByBuffer ? 'CapacityBuffer' : 'Balloons',
      message: message?.slice(0, MOST_CHARACTERS),
      announced: announcedPlaces(pool) || undefined,
      changedAt: before?.wanted === wanted ? before.changedAt : toTimestamp(view.now),
    }),
    lookAgainMs: LOOK_MS,
  }
}

/** Where nobody does, it stays for the day somebody does; room that pods keep is not given up before. */
function isActedOn({ pool, buffer, now }: HeadroomView): boolean {
  if (conditionOf(buffer?.status?.conditions, 'ReadyForProvisioning') !== undefined) return true
  if (pool.status?.headroom?.by === 'Balloons') return false
  return buffer === undefined || ageMs(buffer, now) < UNREAD_AFTER_MS
}

const deleteBalloons = ({ balloons }: HeadroomView): Act[] =>
  balloons.filter(isThere).map(object => ({ do: 'delete-balloon', object }))
const deleteBuffer = ({ buffer }: HeadroomView): Act[] =>
  buffer !== undefined && isThere(buffer) ? [{ do: 'delete-buffer', object: buffer }] : []

interface Kept {
  readonly ready: number
  readonly message: string | undefined
  readonly acts: readonly Act[]
}

export const isThere = ({ metadata }: KubeObject): boolean => metadata.deletionTimestamp === undefined
export const ageMs = ({ metadata }: KubeObject, now: Instant): number =>
  now - (fromTimestamp(metadata.creationTimestamp) ?? now)

function byBalloons(view: HeadroomView, wanted: number): Kept {
  const { pool, place, balloons, waitsFor, now } = view
  const living = balloons.filter(isThere)
  const lost = (pod: Pod): string | undefined => whyLost(pod, view)
  const ended = living.filter(pod => lost(pod) !== undefined && ageMs(pod, now) >= LEAST_AGE_MS)
  const useful = living.filter(pod => !ended.includes(pod))
  const waiting = useful.filter(pod => pod.spec.nodeName === undefined || lost(pod) !== undefined)
  const current = (pod: Pod): boolean =>
    place === undefined || hashOn(pod) === place.metadata.annotations[annotations.headroomHash]
  // Those that wait go first, then those of an older class, so that what is ready stays.
  const rank = (pod: Pod): number => (waiting.includes(pod) ? 0 : current(pod) ? 2 : 1)
  const order = [...useful].sort((a, b) => rank(a) - rank(b) || (a.metadata.name < b.metadata.name ? 1 : -1))
  const excess = order.slice(0, Math.max(0, useful.length - wanted))
  const stays = useful.filter(pod => !excess.includes(pod))
  const old = stays.filter(pod => !current(pod))
  // One place after the other changes, and none while another has no host yet.
  const outdated = [
    ...old.filter(pod => waiting.includes(pod)),
    ...(stays.length === wanted && !stays.some(pod => waiting.includes(pod)) ? old.slice(0, 1) : []),
  ]
  const missing = place === undefined ? [] : freeNames(pool, balloons, wanted - stays.length)
  return {
    ready: stays.length - stays.filter(pod => waiting.includes(pod)).length,
    message:
      place === undefined
        ? 'the class of the pool does not exist'
        : living.map(pod => lost(pod) ?? waitsFor(pod)).find(why => why !== undefined),
    acts: [
      ...[...ended, ...excess, ...outdated].map(object => ({ do: 'delete-balloon', object }) as const),
      ...missing.map(
        name => ({ do: 'create-balloon', manifest: balloonManifest(pool, name, place as Place) }) as const,
      ),
    ],
  }
}

/** Why a pod keeps no place any more, whatever its host has to give; undefined: it does. */
function whyLost(pod: Pod, { isOnGoingHost }: HeadroomView): string | undefined {
  const { phase, reason = phase, message = 'its pod has ended' } = pod.status ?? {}
  if (phase === 'Failed' || phase === 'Succeeded') return `${reason}: ${message}`
  return isOnGoingHost(pod) ? `host ${pod.spec.nodeName} is about to go` : undefined
}

const hashOn = (pod: Pod): string | undefined => pod.metadata.annotations?.[annotations.headroomHash]

/** A place keeps its number while it is taken and comes back, so that what was asked for twice is there once. */
function freeNames({ metadata }: RTCNodePool, balloons: readonly Pod[], count: number): string[] {
  const taken = new Set(balloons.map(pod => pod.metadata.name))
  const names: string[] = []
  for (let number = 1; names.length < count; number += 1) {
    const name = `${metadata.name}-headroom-${number}`
    if (!taken.has(name)) names.push(name)
  }
  return names
}

const balloonManifest = (pool: RTCNodePool, name: string, { metadata, spec }: Place): object => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace: pool.metadata.namespace, ...metadata, ownerReferences: [ownerReferenceTo(pool, false)] },
  spec,
})

function byBuffer({ pool, place, buffer }: HeadroomView, wanted: number): Kept {
  const [resolved, provisioned, limited] = ['ReadyForProvisioning', 'Provisioning', 'LimitedByQuotas'].map(type =>
    conditionOf(buffer?.status?.conditions, type),
  )
  const lacking = [resolved, provisioned].find(condition => condition?.status === 'False')
  const why = limited?.status === 'True' ? limited : lacking
  // Its replicas are what its autoscaler will keep, from the first moment on.
  const ready = provisioned?.status === 'True' ? (buffer?.status?.replicas ?? 0) : 0
  const told = { ready: Math.min(ready, wanted), message: why && `${why.reason}: ${why.message}` }
  if (place === undefined) return { ...told, acts: [], message: 'the class of the pool does not exist' }
  if (buffer === undefined) return { ...told, acts: [createBuffer(pool, place, wanted)] }
  if (!isThere(buffer)) return { ...told, acts: [] }
  // Its template goes with it, and both are made anew.
  if (buffer.spec.podTemplateRef?.name !== templateName(pool, place))
    return { ...told, acts: [{ do: 'delete-buffer', object: buffer }] }
  const acts: Act[] = []
  if (buffer.spec.replicas !== wanted) acts.push({ do: 'resize-buffer', object: buffer, replicas: wanted })
  // Perhaps it has no template: it was never made, or went with a buffer of the same name. Nobody here may read them.
  if (resolved?.status === 'False')
    acts.push({ do: 'create-template', manifest: templateOf(pool, place, buffer.metadata.uid) })
  return { ...told, acts }
}

export const bufferName = ({ metadata }: RTCNodePool): string => `${metadata.name}-headroom`
const templateName = (pool: RTCNodePool, { metadata }: Place): string =>
  `${bufferName(pool)}-${metadata.annotations[annotations.headroomHash]}`

const createBuffer = (pool: RTCNodePool, place: Place, replicas: number): Act => ({
  do: 'create-buffer',
  manifest: {
    apiVersion: capacityBufferType.apiVersion,
    kind: capacityBufferType.kind,
    metadata: { name: bufferName(pool), ...marked(pool), ownerReferences: [ownerReferenceTo(pool, false)] },
    spec: { provisioningStrategy: ACTIVE_CAPACITY, podTemplateRef: { name: templateName(pool, place) }, replicas },
  },
  templateOwnedBy: uid => templateOf(pool, place, uid),
})

const templateOf = (pool: RTCNodePool, place: Place, uid: Uid): object => {
  const { apiVersion, kind } = capacityBufferType
  return templateManifest(pool, place, templateName(pool, place), { apiVersion, kind, name: bufferName(pool), uid })
}
