// What Cluster Autoscaler does to a host and its pods, step by step as its FAQ and flags document it. This is a replay, not
// the real one: Cluster Autoscaler is no Go module that can be built here, and it has no provider without a cloud. For tests
// of what SFU nodes make of it.
import { setTimeout as sleep } from 'node:timers/promises'
import type { Host, Pod } from '../../operator/api/core.ts'
import { type ApiClient, ApiRefused } from './api-client.ts'
import { NotInTime, until } from './until.ts'

/** Its flags and constants, with the values they have when nobody sets them. */
export interface ClusterAutoscalerTimes {
  /** --node-delete-delay-after-taint */
  readonly deleteDelaySeconds: number
  readonly evictionRetrySeconds: number
  /** --max-pod-eviction-time */
  readonly evictionWithinSeconds: number
  /** --max-graceful-termination-sec */
  readonly maxGraceSeconds: number
  /** What pods get on top of their grace. */
  readonly headroomSeconds: number
}

const defaults: ClusterAutoscalerTimes = {
  deleteDelaySeconds: 5,
  evictionRetrySeconds: 10,
  evictionWithinSeconds: 120,
  maxGraceSeconds: 600,
  headroomSeconds: 30,
}

export type ScaleDown = { readonly result: 'removed' } | { readonly result: 'aborted'; readonly because: string }

export interface ClusterAutoscaler {
  /** Why it would not even think of removing the host; undefined when nothing speaks against it. */
  obstacleOn(host: string): Promise<string | undefined>
  /** The host has become unneeded: it will be removed if it stays so. */
  markUnneeded(host: string): Promise<void>
  /** It is needed again. */
  markNeeded(host: string): Promise<void>
  /** Taints it, waits, looks whether its pods may be moved, evicts them and removes the host; or takes the taints back. */
  scaleDown(host: string): Promise<ScaleDown>
}

const CANDIDATE = 'DeletionCandidateOfClusterAutoscaler'
const REMOVAL = 'ToBeDeletedByClusterAutoscaler'

export function clusterAutoscaler(api: ApiClient, changes: Partial<ClusterAutoscalerTimes> = {}): ClusterAutoscaler {
  const times = { ...defaults, ...changes }

  async function scaleDown(host: string): Promise<ScaleDown> {
    await changeTaints(api, host, taints => [...taints, taintOf(REMOVAL, 'NoSchedule')])
    await tell(api, host, 'ScaleDown', 'marked the node as toBeDeleted/unschedulable')
    // The scheduler may have put something there meanwhile; and whoever wants to, says now that its pod must stay.
    await sleep(times.deleteDelaySeconds * 1_000)
    const obstacle = await obstacleOn(api, host)
    if (obstacle !== undefined) return abort(host, obstacle)
    try {
      await Promise.all((await podsOn(api, host)).map(pod => evict(api, pod, times)))
      await areGone(api, host, times)
    } catch (error) {
      if (error instanceof NotInTime) return abort(host, error.message)
      throw error
    }
    await tell(api, host, 'ScaleDown', 'node removed by cluster autoscaler')
    await api.call('DELETE', nodePath(host))
    return { result: 'removed' }
  }

  async function abort(host: string, because: string): Promise<ScaleDown> {
    await changeTaints(api, host, without(REMOVAL))
    await tell(api, host, 'ScaleDownFailed', `failed to drain the node, aborting ScaleDown: ${because}`)
    return { result: 'aborted', because }
  }

  return {
    obstacleOn: host => obstacleOn(api, host),
    markUnneeded: host => changeTaints(api, host, taints => [...taints, taintOf(CANDIDATE, 'PreferNoSchedule')]),
    markNeeded: host => changeTaints(api, host, without(CANDIDATE)),
    scaleDown,
  }
}

// --- may its pods be moved? ---------------------------------------------------------------------------------------

const SAFE_TO_EVICT = 'cluster-autoscaler.kubernetes.io/safe-to-evict'
/** Whoever has one of these above it is made anew elsewhere; of other controllers that is not known. */
const replicating: ReadonlySet<string> = new Set(['ReplicationController', 'ReplicaSet', 'Job', 'StatefulSet'])

/** Why the first of its pods may not be moved; undefined when all may. */
async function obstacleOn(api: ApiClient, host: string): Promise<string | undefined> {
  const budgets = await list<Budget>(api, '/apis/policy/v1/poddisruptionbudgets')
  for (const pod of await podsOn(api, host)) {
    const problem = obstacleOf(pod, budgets)
    if (problem !== undefined) return `pod ${pod.metadata.namespace}/${pod.metadata.name} ${problem}`
  }
  return undefined
}

function obstacleOf(pod: Pod, budgets: readonly Budget[]): string | undefined {
  const { metadata, spec } = pod
  const safe = metadata.annotations?.[SAFE_TO_EVICT]
  if (safe === 'false') return 'is not safe to evict'
  const owner = metadata.ownerReferences?.find(({ controller }) => controller)?.kind
  if (safe !== 'true') {
    if (owner === undefined || !replicating.has(owner)) return 'is not replicated'
    const volumes = (spec['volumes'] ?? []) as object[]
    if (volumes.some(volume => 'emptyDir' in volume || 'hostPath' in volume)) return 'has local storage'
  }
  const full = budgets.find(budget => covers(budget, pod) && (budget.status?.disruptionsAllowed ?? 0) < 1)
  return full && `has not enough of the PodDisruptionBudget ${full.metadata.name} left`
}

interface Budget {
  readonly metadata: { readonly name: string; readonly namespace: string }
  readonly spec: { readonly selector?: { readonly matchLabels?: Readonly<Record<string, string>> } }
  readonly status?: { readonly disruptionsAllowed: number }
}

const covers = ({ metadata, spec }: Budget, pod: Pod): boolean =>
  metadata.namespace === pod.metadata.namespace &&
  Object.entries(spec.selector?.matchLabels ?? {}).every(([label, value]) => pod.metadata.labels?.[label] === value)

// --- moving them --------------------------------------------------------------------------------------------------

async function evict(api: ApiClient, { metadata, spec }: Pod, times: ClusterAutoscalerTimes): Promise<void> {
  const { name, namespace } = metadata
  const gracePeriodSeconds = Math.min(spec.terminationGracePeriodSeconds ?? 30, times.maxGraceSeconds)
  const eviction = {
    apiVersion: 'policy/v1',
    kind: 'Eviction',
    metadata: { name, namespace },
    deleteOptions: { gracePeriodSeconds },
  }
  const asked = () =>
    api.call('POST', `/api/v1/namespaces/${namespace}/pods/${name}/eviction`, eviction).catch(unlessGone)
  await until(`eviction of ${namespace}/${name}`, asked, {
    withinMs: times.evictionWithinSeconds * 1_000,
    everyMs: times.evictionRetrySeconds * 1_000,
  })
}

async function areGone(api: ApiClient, host: string, times: ClusterAutoscalerTimes): Promise<void> {
  const graces = (await podsOn(api, host)).map(({ metadata }) => metadata.deletionGracePeriodSeconds ?? 0)
  const isEmpty = async () => (await podsOn(api, host)).length === 0
  await until(`pods of ${host} gone`, isEmpty, {
    withinMs: (Math.max(0, ...graces) + times.headroomSeconds) * 1_000,
    everyMs: 500,
  })
}

const podsOn = (api: ApiClient, host: string): Promise<Pod[]> =>
  list<Pod>(api, `/api/v1/pods?fieldSelector=spec.nodeName%3D${host}`)

// --- what it writes -----------------------------------------------------------------------------------------------

type Taint = NonNullable<Host['spec']['taints']>[number]

/** Its value is the time of the taint. */
const taintOf = (key: string, effect: string): Taint => ({ key, effect, value: String(Math.floor(Date.now() / 1_000)) })

const without =
  (key: string) =>
  (taints: readonly Taint[]): Taint[] =>
    taints.filter(taint => taint.key !== key)

const nodePath = (host: string): string => `/api/v1/nodes/${host}`

/** Others write taints too: a change to what is not there any more is made anew. */
async function changeTaints(
  api: ApiClient,
  host: string,
  change: (taints: readonly Taint[]) => readonly Taint[],
): Promise<void> {
  const changed = async (): Promise<boolean> => {
    const { metadata, spec } = (await api.call('GET', nodePath(host))) as Host
    const patch = {
      metadata: { resourceVersion: metadata.resourceVersion },
      spec: { taints: change(spec.taints ?? []) },
    }
    await api.call('PATCH', nodePath(host), patch)
    return true
  }
  await until(`taints of ${host} written`, changed, { withinMs: 30_000, everyMs: 200 })
}

async function tell(api: ApiClient, host: string, reason: string, message: string): Promise<void> {
  const now = new Date().toISOString()
  await api.call('POST', '/api/v1/namespaces/default/events', {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { generateName: `${host}.`, namespace: 'default' },
    involvedObject: { apiVersion: 'v1', kind: 'Node', name: host },
    source: { component: 'cluster-autoscaler' },
    type: reason === 'ScaleDown' ? 'Normal' : 'Warning',
    reason,
    message,
    firstTimestamp: now,
    lastTimestamp: now,
    count: 1,
  })
}

const list = async <T>(api: ApiClient, path: string): Promise<T[]> =>
  ((await api.call('GET', path)) as { items: T[] }).items

function unlessGone(error: unknown): true {
  if (error instanceof ApiRefused && error.status === 404) return true
  throw error
}
