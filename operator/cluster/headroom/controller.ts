// The shell around plan.ts: caches → what a pool’s head-room needs → a few writes → the pool’s status. Started by run.ts; leadership,
// the queue and retries are the runtime's (operator/kube).
import type { Clock } from '../../ambient/clock.ts'
import type { Pod } from '../../api/core.ts'
import { type KubeObject, keyOf, type ObjectKey, objectKey } from '../../api/meta.ts'
import type { RTCAutoscaler } from '../../api/rtcautoscaler.ts'
import type { RTCNodeClass } from '../../api/rtcnodeclass.ts'
import type { RTCNodePool } from '../../api/rtcnodepool.ts'
import type { Cache } from '../../kube/cache.ts'
import { type ControllerSpec, type ReconcileResult, watchCache, whenCaughtUp } from '../../kube/controller.ts'
import type { Expectations } from '../../kube/expectations.ts'
import { isServed } from '../../kube/optional.ts'
import { type Refusals, refusalOf, refusalsByKey } from '../../kube/refusal.ts'
import type { ResourceClient } from '../../kube/resource.ts'
import type { ServerClock } from '../../kube/server-clock.ts'
import type { HostSignals } from '../disruption.ts'
import type { MakerEvents } from '../maker-events.ts'
import { whyNoHost } from '../pending.ts'
import { isGoing } from '../reaction.ts'
import { type PlaceSettings, placeFor } from './balloon.ts'
import type { CapacityBuffer } from './buffer.ts'
import { keptFor, own, poolsOf } from './owned.ts'
import { type Act, bufferName, type HeadroomView, planHeadroom } from './plan.ts'
import { createTemplate } from './template.ts'
import { tellPart } from './told.ts'

export interface HeadroomDeps {
  readonly poolCache: Cache<RTCNodePool>
  readonly classCache: Cache<RTCNodeClass>
  /** Pods that keep places; with the indexes of owned.ts. */
  readonly balloonCache: Cache<Pod>
  /** Of a kind that may not be served. */
  readonly bufferCache: Cache<CapacityBuffer>
  readonly pools: ResourceClient<RTCNodePool>
  readonly pods: ResourceClient<Pod>
  readonly buffers: ResourceClient<CapacityBuffer>
  readonly podTemplates: ResourceClient<KubeObject>
  /** Of these three: RTCNodePool, Pod, CapacityBuffer. */
  readonly expectations: Expectations
  readonly makerEvents: MakerEvents
  readonly hostSignals: HostSignals
  /** The autoscaler whose word counts for the pool. */
  autoscalerOf(pool: ObjectKey): RTCAutoscaler | undefined
  /** The spec of a node's pod, as it would be made now. */
  podSpecOf(nodeClass: RTCNodeClass): Readonly<Record<string, unknown>>
  readonly settings: PlaceSettings
  readonly clock: Clock
  readonly serverClock: ServerClock
}

export function headroomController(deps: HeadroomDeps): ControllerSpec {
  const refusals = refusalsByKey(deps.clock)
  return {
    name: 'headroom',
    workers: 2,
    watches: [
      watchCache(deps.poolCache, ({ key, old, new: now }) => (factsOf(old) === factsOf(now) ? [] : [key])),
      watchCache(deps.balloonCache, poolsOf),
      watchCache(deps.bufferCache, poolsOf),
      watchCache(deps.classCache, ({ key, old, new: now }) =>
        old?.metadata.generation === now?.metadata.generation ? [] : keysOfClass(deps, key),
      ),
    ],
    caughtUp: key => deps.expectations.caughtUp(key),
    async reconcile(key, { signal, log }) {
      const pool = deps.poolCache.get(key)
      const now = deps.serverClock.now()
      if (pool === undefined) {
        refusals.forget(key)
        deps.expectations.forget(key)
        return {}
      }
      if (now === undefined) return whenCaughtUp
      const view = viewOf(pool, now, deps, refusals)
      const { acts, status, lookAgainMs } = planHeadroom(view)
      log.debug('planned', { acts: acts.map(act => act.do), wanted: status?.wanted, ready: status?.ready })
      for (const act of acts) {
        const refusal = await refusalOf(carryOut(pool, act, deps, signal))
        if (refusal === undefined) continue
        refusals.note(key, refusal)
        return { lookAgainMs: 0 }
      }
      // What was refused before has been taken now, or is asked no more.
      if (view.refusal?.retryInMs === 0) refusals.forget(key)
      await tellPart(pool, 'headroom', status, deps, signal)
      return resultOf(acts, lookAgainMs)
    },
  }
}

/** Templates are in no cache. */
const resultOf = (acts: readonly Act[], lookAgainMs: number | undefined): ReconcileResult => {
  if (acts.some(act => act.do !== 'create-template')) return whenCaughtUp
  return lookAgainMs === undefined ? {} : { lookAgainMs }
}

/** Pools write their status whenever a node comes or goes. */
const factsOf = (pool: RTCNodePool | undefined): string =>
  JSON.stringify(
    pool && [pool.metadata.generation, pool.metadata.deletionTimestamp, pool.status?.headroom, pool.status?.announced],
  )

const keysOfClass = ({ poolCache }: HeadroomDeps, className: string): ObjectKey[] =>
  [...poolCache.list()]
    .filter(({ spec }) => spec.headroom !== undefined && spec.template.spec.className === className)
    .map(keyOf)

function viewOf(
  pool: RTCNodePool,
  now: HeadroomView['now'],
  { classCache, balloonCache, bufferCache, makerEvents, hostSignals, autoscalerOf, podSpecOf, settings }: HeadroomDeps,
  refusals: Refusals,
): HeadroomView {
  const key = keyOf(pool)
  const nodeClass = classCache.get(pool.spec.template.spec.className as ObjectKey)
  const bufferKey = objectKey(bufferName(pool), pool.metadata.namespace)
  return {
    pool,
    autoscaler: autoscalerOf(key),
    place: nodeClass && placeFor(pool, podSpecOf(nodeClass), settings),
    balloons: keptFor(pool, key, balloonCache),
    buffer: own(pool, bufferCache.get(bufferKey)),
    buffersServed: isServed(bufferCache, bufferKey),
    isOnGoingHost: ({ spec: { nodeName } }) => nodeName !== undefined && isGoing(hostSignals.of(nodeName)),
    waitsFor(balloon) {
      const why = whyNoHost(balloon, makerEvents.of(balloon.metadata.uid), now)
      return why && `${why.because}: ${why.message}`
    },
    refusal: refusals.of(key),
    now,
  }
}

async function carryOut(
  pool: RTCNodePool,
  act: Act,
  { pods, buffers, podTemplates, expectations }: HeadroomDeps,
  signal: AbortSignal,
): Promise<void> {
  const by = keyOf(pool)
  const wrote = ({ kind, metadata, ...rest }: KubeObject): void =>
    expectations.wrote({ by, kind, key: keyOf({ metadata, ...rest }), resourceVersion: metadata.resourceVersion })
  const deleted = ({ kind, metadata }: KubeObject): void =>
    expectations.deleted({ by, kind, key: keyOf({ metadata }), uid: metadata.uid })
  switch (act.do) {
    case 'create-balloon':
      wrote(await pods.create(act.manifest, { signal }))
      break
    case 'delete-balloon':
      await pods.delete(keyOf(act.object), { uid: act.object.metadata.uid, gracePeriodSeconds: 0, signal })
      deleted(act.object)
      break
    case 'create-buffer': {
      const buffer = await buffers.create(act.manifest, { signal })
      wrote(buffer)
      await createTemplate(podTemplates, act.templateOwnedBy(buffer.metadata.uid), signal)
      break
    }
    case 'create-template':
      await createTemplate(podTemplates, act.manifest, signal)
      break
    case 'resize-buffer': {
      const { uid } = act.object.metadata
      const patch = { metadata: { uid }, spec: { replicas: act.replicas } }
      wrote(await buffers.mergePatch(keyOf(act.object), patch, { signal }))
      break
    }
    case 'delete-buffer':
      await buffers.delete(keyOf(act.object), { uid: act.object.metadata.uid, signal })
      deleted(act.object)
  }
}
