// The shell around protect.ts: caches and fleet → who is on the node, who asks for its host → marks → at most one patch of the
// pod. Started by run.ts; leadership, the queue and retries are the runtime's (operator/kube).
import type { Clock, Instant } from '../../ambient/clock.ts'
import type { Pod } from '../../api/core.ts'
import { keyOf, type ObjectKey } from '../../api/meta.ts'
import type { RTCNode } from '../../api/rtcnode.ts'
import { DEFAULT_PROTECTION_SECONDS, type RTCNodeClass } from '../../api/rtcnodeclass.ts'
import type { Cache } from '../../kube/cache.ts'
import {
  type ControllerSpec,
  type ReconcileContext,
  type ReconcileResult,
  watchCache,
  whenCaughtUp,
} from '../../kube/controller.ts'
import { isNotFound } from '../../kube/errors.ts'
import type { EventRecorder } from '../../kube/events.ts'
import type { Expectations } from '../../kube/expectations.ts'
import { controllerOf } from '../../kube/owner.ts'
import type { ResourceClient } from '../../kube/resource.ts'
import type { ServerClock } from '../../kube/server-clock.ts'
import type { Change } from '../../kube/store.ts'
import type { FleetView } from '../../registry/fleet.ts'
import type { Registration } from '../../registry/registration.ts'
import type { HostSignals } from '../disruption.ts'
import { isGoing } from '../reaction.ts'
import { isProtected, type Marks, marksOf, patchOf, sameMarks } from './marks.ts'
import { type ProtectionMemory, protectionMemory, type Remembered } from './memory.ts'
import { type People, protect } from './protect.ts'

export interface ProtectionDeps {
  readonly nodeCache: Cache<RTCNode>
  readonly podCache: Cache<Pod>
  readonly classCache: Cache<RTCNodeClass>
  readonly pods: ResourceClient<Pod>
  readonly fleet: FleetView
  readonly hostSignals: HostSignals
  podsOnHost(name: string): readonly Pod[]
  nodesOfClass(name: string): readonly RTCNode[]
  readonly events: EventRecorder
  readonly expectations: Expectations
  readonly clock: Clock
  readonly serverClock: ServerClock
}

/** A thousand pods may get their first people at once. */
const WORKERS = 16

export function protectionController(deps: ProtectionDeps): ControllerSpec {
  const { nodeCache, podCache, fleet, hostSignals } = deps
  const memory = protectionMemory(deps.clock)
  return {
    name: 'protection',
    workers: WORKERS,
    watches: [
      watchCache(podCache, change => (isNews(change) ? [change.key] : [])),
      watchCache(nodeCache, ({ key, old, new: now }) => (lifeOf(old) === lifeOf(now) ? [] : [key])),
      watchCache(deps.classCache, change => keysOfClass(deps, change)),
      { subscribe: enqueue => fleet.onChange((key, what) => what === 'material' && enqueue(key)) },
      {
        subscribe: enqueue => hostSignals.onChange(host => deps.podsOnHost(host).forEach(pod => enqueue(keyOf(pod)))),
        ready: () => hostSignals.ready(),
      },
    ],
    // Those who have just got people, before those who lost them.
    isUrgent: key => isUnguarded(podCache.get(key), fleet.registration(key)),
    caughtUp: key => deps.expectations.caughtUp(key),
    reconcile: (key, context) => reconcile(key, context, deps, memory),
  }
}

async function reconcile(
  key: ObjectKey,
  { log, note, signal }: ReconcileContext,
  deps: ProtectionDeps,
  memory: ProtectionMemory,
): Promise<ReconcileResult> {
  const pod = deps.podCache.get(key)
  const node = deps.nodeCache.get(key)
  if (pod === undefined || node === undefined || !needsMarks(pod, node)) {
    memory.forget(key)
    if (pod === undefined) deps.expectations.forget(key)
    return {}
  }
  const now = deps.serverClock.now()
  if (now === undefined) return whenCaughtUp

  const remembered = memory.of(key, pod.metadata.uid)
  const marks = marksOf(pod)
  const people = peopleOn(pod, deps.fleet.registration(key), remembered)
  const { maxSeconds = DEFAULT_PROTECTION_SECONDS } =
    deps.classCache.get(node.spec.className as ObjectKey)?.spec.protection ?? {}
  const askedForSince = askedSince(pod, deps, remembered, now)
  const decision = protect(
    {
      marks,
      people,
      isLeaving: node.metadata.deletionTimestamp !== undefined,
      askedForSince,
      unaskedForMs: remembered.unaskedForMs(),
      unwrittenForMs: remembered.unwrittenForMs(),
      maxSeconds,
    },
    now,
  )
  note({ 'rtcnode.people': people.are, 'rtcnode.protected': isProtected(decision.marks) })
  if (!sameMarks(marks, decision.marks)) {
    await write(pod, decision.marks, deps, signal)
    remembered.wrote()
    log.info(isProtected(decision.marks) ? 'protected' : 'released', { people: people.are, isOver: decision.isOver })
    if (decision.isOver && !memory.wasOver(key, true)) deps.events.record(node, protectionIsOver(maxSeconds))
  }
  if (!decision.isOver) memory.wasOver(key, false)
  return decision.lookAgainMs === undefined ? {} : { lookAgainMs: Math.ceil(decision.lookAgainMs) }
}

const protectionIsOver = (maxSeconds: number) =>
  ({
    type: 'Warning',
    reason: 'ProtectionOver',
    action: 'Release',
    note: `its host has been asked for during ${maxSeconds} s (spec.protection.maxSeconds of its class): whoever removes it need not wait any more; people who are left are drained as the pod is evicted`,
  }) as const

/** Marks on a pod that is being deleted or has ended keep nobody waiting. */
function needsMarks(pod: Pod, node: RTCNode): boolean {
  const hasEnded = pod.status?.phase === 'Failed' || pod.status?.phase === 'Succeeded'
  return !hasEnded && pod.metadata.deletionTimestamp === undefined && controllerOf(pod)?.uid === node.metadata.uid
}

function peopleOn(pod: Pod, registration: Registration, remembered: Remembered): People {
  if (registration.state !== 'fresh' || registration.heartbeat.podUID !== pod.metadata.uid) {
    return { are: 'unknown', forMs: remembered.lastedMs('unknown') }
  }
  const { sessions, rooms = 0 } = registration.heartbeat
  if (sessions === 0 && rooms === 0) {
    return { are: 'gone', forMs: remembered.lastedMs('gone'), closedForMs: registration.emptyForMs }
  }
  remembered.lastedMs('there')
  return { are: 'there', sessions }
}

/** That a host may go is no reason to hurry anybody: only those who mean it count. */
function askedSince(
  pod: Pod,
  { hostSignals }: ProtectionDeps,
  remembered: Remembered,
  now: Instant,
): Instant | undefined {
  const disruption = pod.spec.nodeName === undefined ? undefined : hostSignals.of(pod.spec.nodeName)
  const isAsked = isGoing(disruption)
  const seenSince = remembered.asked(isAsked, now)
  return seenSince === undefined ? undefined : (disruption?.since ?? seenSince)
}

async function write(
  pod: Pod,
  wanted: Marks,
  { pods, expectations }: ProtectionDeps,
  signal: AbortSignal,
): Promise<void> {
  const key = keyOf(pod)
  // The UID in a patch is a precondition: it cannot be changed, so a pod of another life refuses.
  const metadata = { uid: pod.metadata.uid, ...patchOf(marksOf(pod), wanted) }
  try {
    const { metadata: written } = await pods.mergePatch(key, { metadata }, { signal })
    expectations.wrote({ by: key, kind: 'Pod', key, resourceVersion: written.resourceVersion })
  } catch (error) {
    if (!isNotFound(error)) throw error
  }
}

const isUnguarded = (pod: Pod | undefined, registration: Registration): boolean =>
  pod !== undefined &&
  registration.state === 'fresh' &&
  registration.heartbeat.sessions > 0 &&
  !isProtected(marksOf(pod))

/** Pods write their status often. */
const isNews = ({ old, new: now }: Change<Pod>): boolean => factsOf(old) !== factsOf(now)

function factsOf(pod: Pod | undefined): string {
  if (pod === undefined) return ''
  const { uid, deletionTimestamp } = pod.metadata
  return JSON.stringify([uid, deletionTimestamp, pod.spec.nodeName, pod.status?.phase, marksOf(pod)])
}

const lifeOf = (node: RTCNode | undefined): string =>
  node === undefined ? '' : JSON.stringify([node.metadata.uid, node.metadata.deletionTimestamp])

const keysOfClass = ({ nodesOfClass }: ProtectionDeps, { key, old, new: now }: Change<RTCNodeClass>): ObjectKey[] =>
  old?.spec.protection?.maxSeconds === now?.spec.protection?.maxSeconds ? [] : nodesOfClass(key).map(keyOf)
