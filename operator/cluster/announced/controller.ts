// The shell around plan.ts: caches → what is announced for a pool → a few writes → the pool's status and an event. Started by run.ts;
// leadership, the queue and retries are the runtime's (operator/kube).
import type { Clock } from '../../ambient/clock.ts'
import { type KubeObject, keyOf, type ObjectKey, objectKey } from '../../api/meta.ts'
import type { RTCAutoscaler } from '../../api/rtcautoscaler.ts'
import type { RTCAutoscalerSpec } from '../../api/rtcautoscaler-spec.ts'
import type { RTCNodeClass } from '../../api/rtcnodeclass.ts'
import type { Announcement, PoolAnnounced, RTCNodePool } from '../../api/rtcnodepool.ts'
import type { Cache } from '../../kube/cache.ts'
import { type ControllerSpec, type Watch, watchCache, whenCaughtUp } from '../../kube/controller.ts'
import type { EventRecorder } from '../../kube/events.ts'
import type { Expectations } from '../../kube/expectations.ts'
import { isServed } from '../../kube/optional.ts'
import { type Refusals, refusalOf, refusalsByKey } from '../../kube/refusal.ts'
import type { ResourceClient } from '../../kube/resource.ts'
import type { ServerClock } from '../../kube/server-clock.ts'
import { type PlaceSettings, placeFor } from '../headroom/balloon.ts'
import { keptFor, poolsOf } from '../headroom/owned.ts'
import { createTemplate } from '../headroom/template.ts'
import { tellPart } from '../headroom/told.ts'
import { type Act, type AnnouncedView, leadMsOf, planAnnounced } from './plan.ts'
import type { ProvisioningRequest } from './request.ts'

export interface AnnouncedDeps {
  readonly poolCache: Cache<RTCNodePool>
  readonly classCache: Cache<RTCNodeClass>
  readonly autoscalerCache: Cache<RTCAutoscaler>
  /** Of a kind that may not be served; with the indexes of headroom/owned.ts. */
  readonly requestCache: Cache<ProvisioningRequest>
  readonly pools: ResourceClient<RTCNodePool>
  readonly requests: ResourceClient<ProvisioningRequest>
  readonly podTemplates: ResourceClient<KubeObject>
  /** Of these two: RTCNodePool, ProvisioningRequest. */
  readonly expectations: Expectations
  readonly events: EventRecorder
  /** The autoscaler whose word counts for the pool. */
  autoscalerOf(pool: ObjectKey): RTCAutoscaler | undefined
  /** What else decides whose word that is. */
  readonly scalerWatches: readonly Watch[]
  /** It sets the replicas of its pool: neither is it told not to, nor does it stand back for another. */
  isScaling(autoscaler: RTCAutoscaler): boolean
  /** What schedules ask for within `leadMs`, see autoscaler/deciding/announced.ts. */
  announcedNodes(
    spec: RTCAutoscalerSpec,
    replicas: number,
    now: AnnouncedView['now'],
    leadMs: number,
  ): Announcement | undefined
  /** The spec of a node's pod, as it would be made now. */
  podSpecOf(nodeClass: RTCNodeClass): Readonly<Record<string, unknown>>
  readonly settings: PlaceSettings
  readonly clock: Clock
  readonly serverClock: ServerClock
}

export function announcedController(deps: AnnouncedDeps): ControllerSpec {
  const refusals = refusalsByKey(deps.clock)
  return {
    name: 'announced',
    workers: 2,
    watches: [
      ...deps.scalerWatches,
      watchCache(deps.poolCache, ({ key, old, new: now }) => (factsOf(old) === factsOf(now) ? [] : [key])),
      watchCache(deps.requestCache, poolsOf),
      watchCache(deps.autoscalerCache, ({ old, new: now }) =>
        old?.metadata.generation === now?.metadata.generation ? [] : [old, now].flatMap(poolsScaledBy),
      ),
      watchCache(deps.classCache, ({ key, old, new: now }) =>
        old?.metadata.generation === now?.metadata.generation ? [] : keysAnnounced(deps, key),
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
      const { acts, status, lookAgainMs } = planAnnounced(view)
      log.debug('planned', { acts: acts.map(act => act.do), nodes: status?.nodes, by: status?.by })
      for (const act of acts) {
        const refusal = await refusalOf(carryOut(pool, act, deps, signal))
        if (refusal === undefined) continue
        refusals.note(key, refusal)
        return { lookAgainMs: 0 }
      }
      if (view.refusal?.retryInMs === 0) refusals.forget(key)
      await tell(pool, status, deps, signal)
      const isQuiet = view.refusal === undefined && !deps.autoscalerOf(key)?.spec.schedules.length
      return isQuiet ? {} : { lookAgainMs }
    },
  }
}

/** Pools write their status whenever a node comes or goes. */
const factsOf = (pool: RTCNodePool | undefined): string =>
  JSON.stringify(pool && [pool.metadata.generation, pool.metadata.deletionTimestamp, pool.status?.announced])

const poolsScaledBy = (autoscaler: RTCAutoscaler | undefined): ObjectKey[] =>
  autoscaler === undefined ? [] : [objectKey(autoscaler.spec.poolName, autoscaler.metadata.namespace)]

const keysAnnounced = ({ poolCache }: AnnouncedDeps, className: string): ObjectKey[] =>
  [...poolCache.list()]
    .filter(({ spec, status }) => status?.announced !== undefined && spec.template.spec.className === className)
    .map(keyOf)

function viewOf(
  pool: RTCNodePool,
  now: AnnouncedView['now'],
  { classCache, requestCache, podSpecOf, settings, ...deps }: AnnouncedDeps,
  refusals: Refusals,
): AnnouncedView {
  const key = keyOf(pool)
  const { spec, status } = pool
  const autoscaler = deps.autoscalerOf(key)
  const announced =
    autoscaler && deps.isScaling(autoscaler)
      ? deps.announcedNodes(autoscaler.spec, spec.replicas, now, leadMsOf(autoscaler, status?.announced, now))
      : undefined
  const nodeClass = announced && classCache.get(spec.template.spec.className as ObjectKey)
  return {
    pool,
    announced,
    place: nodeClass && placeFor(pool, podSpecOf(nodeClass), settings),
    requests: keptFor(pool, key, requestCache),
    areServed: isServed(requestCache, key),
    refusal: refusals.of(key),
    now,
  }
}

async function carryOut(
  pool: RTCNodePool,
  act: Act,
  { requests, podTemplates, expectations }: AnnouncedDeps,
  signal: AbortSignal,
): Promise<void> {
  const by = keyOf(pool)
  switch (act.do) {
    case 'create-request': {
      const { kind, metadata } = await requests.create(act.manifest, { signal })
      expectations.wrote({ by, kind, key: keyOf({ metadata }), resourceVersion: metadata.resourceVersion })
      await createTemplate(podTemplates, act.templateOwnedBy(metadata.uid), signal)
      break
    }
    case 'create-template':
      await createTemplate(podTemplates, act.manifest, signal)
      break
    case 'delete-request': {
      const { kind, metadata } = act.object
      await requests.delete(keyOf(act.object), { uid: metadata.uid, signal })
      expectations.deleted({ by, kind, key: keyOf({ metadata }), uid: metadata.uid })
    }
  }
}

async function tell(
  pool: RTCNodePool,
  announced: PoolAnnounced | undefined,
  deps: AnnouncedDeps,
  signal: AbortSignal,
): Promise<void> {
  const isNews = await tellPart(pool, 'announced', announced, deps, signal)
  if (!isNews || announced === undefined || pool.status?.announced?.startsAt === announced.startsAt) return
  deps.events.record(pool, { type: 'Normal', reason: 'Announced', action: 'MakeRoom', note: inWords(announced) })
}

const inWords = ({ schedule, startsAt, nodes, by, message }: PoolAnnounced): string => {
  const who = schedule === undefined ? 'minReplicas' : `schedule “${schedule}”`
  return `${who} asks for ${nodes} more from ${startsAt}; room by ${by}${message === undefined ? '' : `: ${message}`}`
}
