// The shell around accept-class.ts: holds the dry run that a class needs, and tells the answer in its status.

import { isDeepStrictEqual } from 'node:util'
import type { Pod } from '../api/core.ts'
import { FIELD_MANAGER } from '../api/marks.ts'
import { keyOf } from '../api/meta.ts'
import type { RTCNodeClass, RTCNodeClassStatus } from '../api/rtcnodeclass.ts'
import type { Cache } from '../kube/cache.ts'
import { conditionOf } from '../kube/conditions.ts'
import { type ControllerSpec, watchCache } from '../kube/controller.ts'
import { ApiError } from '../kube/errors.ts'
import type { EventRecorder } from '../kube/events.ts'
import type { ResourceClient } from '../kube/resource.ts'
import type { ServerClock } from '../kube/server-clock.ts'
import { decideClass, type Trial } from './accept-class.ts'
import type { PodManifest } from './pod.ts'
import type { AgentSettings } from './start-up-environment.ts'

export interface ClassDeps {
  readonly classCache: Cache<RTCNodeClass>
  readonly classes: ResourceClient<RTCNodeClass>
  readonly pods: ResourceClient<Pod>
  readonly events: EventRecorder
  readonly serverClock: ServerClock
  readonly settings: AgentSettings
  /** Where the dry run is held. Nothing is made there. */
  readonly namespace: string
}

/** A trial that could not be held (quota, Pod Security of that namespace, an outage) is held again after this. */
const RETRY_MS = 30_000

export function classController(deps: ClassDeps): ControllerSpec {
  return {
    name: 'rtcnodeclass',
    workers: 1,
    logFields: key => ({ uid: deps.classCache.get(key)?.metadata.uid }),
    watches: [watchCache(deps.classCache, change => [change.key])],
    async reconcile(key, { signal }) {
      const nodeClass = deps.classCache.get(key)
      const now = deps.serverClock.now()
      if (nodeClass === undefined || now === undefined || nodeClass.metadata.deletionTimestamp !== undefined) return {}
      const judge = (trial: Trial | undefined) => decideClass(nodeClass, trial, now, deps.settings, deps.namespace)
      const first = judge(undefined)
      const decision = first.do === 'try' ? judge(await tryPod(first.pod, deps.pods, signal)) : first
      if (decision.do !== 'tell') return {}
      if (!isDeepStrictEqual(decision.status, nodeClass.status)) await tell(nodeClass, decision.status, deps, signal)
      const unknown = conditionOf(decision.status.conditions, 'Accepted')?.status === 'Unknown'
      return unknown ? { lookAgainMs: RETRY_MS } : {}
    },
  }
}

async function tell(
  nodeClass: RTCNodeClass,
  status: RTCNodeClassStatus,
  deps: ClassDeps,
  signal: AbortSignal,
): Promise<void> {
  const { apiVersion, kind, metadata } = nodeClass
  await deps.classes.apply(
    keyOf(nodeClass),
    { apiVersion, kind, metadata: { name: metadata.name, uid: metadata.uid }, status },
    { fieldManager: FIELD_MANAGER, force: true, subresource: 'status', signal },
  )
  const accepted = conditionOf(status.conditions, 'Accepted')
  if (accepted?.status !== 'False') return
  deps.events.record(nodeClass, { type: 'Warning', reason: accepted.reason, action: 'DryRun', note: accepted.message })
}

async function tryPod(pod: PodManifest, pods: ResourceClient<Pod>, signal: AbortSignal): Promise<Trial> {
  try {
    await pods.create(pod, { dryRun: true, signal })
    return { outcome: 'accepted' }
  } catch (error) {
    if (!(error instanceof ApiError)) throw error
    // These two are about the pod itself; anything else is about the namespace or the moment.
    const aboutThePod = error.status === 422 || error.status === 400
    return { outcome: aboutThePod ? 'invalid' : 'not-checked', message: error.message }
  }
}
