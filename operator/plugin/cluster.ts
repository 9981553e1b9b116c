// The cluster that the caller's kubeconfig names, and the few things that commands ask of it: thin, all judgement is elsewhere.
import { type Clock, type Instant, systemClock } from '../ambient/clock.ts'
import { type Random, systemRandom } from '../ambient/random.ts'
import type { Host, Pod } from '../api/core.ts'
import { type KubeObject, objectKey } from '../api/meta.ts'
import { type RTCAutoscaler, RTCAutoscalerKind } from '../api/rtcautoscaler.ts'
import { type RTCNode, RTCNodeKind } from '../api/rtcnode.ts'
import { type RTCNodeClass, RTCNodeClassKind } from '../api/rtcnodeclass.ts'
import { type RTCNodePool, RTCNodePoolKind } from '../api/rtcnodepool.ts'
import { isForbidden, isNotFound } from '../kube/errors.ts'
import { eventType } from '../kube/events.ts'
import { type Lease, leaseType } from '../kube/leader.ts'
import { type KubeMetrics, kubeMetrics } from '../kube/metrics.ts'
import { controllerOf } from '../kube/owner.ts'
import { type ResourceClient, type ResourceType, resourceClient } from '../kube/resource.ts'
import { type KubeTransport, kubeTransport } from '../kube/transport.ts'
import { type ControllerRevision, controllerRevisionType } from '../pool/revision.ts'
import type { Logger } from '../telemetry/log.ts'
import { metricRegistry } from '../telemetry/metrics.ts'
import { NotPossibleError } from './errors.ts'
import type { EventRead } from './explanation.ts'

export interface Access {
  readonly kubeconfig?: string
  readonly context?: string
  readonly namespace?: string
}

export interface Cluster {
  /** Where objects without a namespace of their own are looked for. */
  readonly namespace: string
  readonly nodes: ResourceClient<RTCNode>
  readonly pools: ResourceClient<RTCNodePool>
  readonly autoscalers: ResourceClient<RTCAutoscaler>
  readonly classes: ResourceClient<RTCNodeClass>
  readonly revisions: ResourceClient<ControllerRevision>
  readonly pods: ResourceClient<Pod>
  readonly hosts: ResourceClient<Host>
  readonly events: ResourceClient<EventRead>
  readonly leases: ResourceClient<Lease>
  readonly transport: KubeTransport
  readonly clock: Clock
  /** The API server's, once it has answered; ours until then. */
  now(): Instant
  /** For informers. */
  readonly ambient: { clock: Clock; random: Random; log: Logger; metrics: KubeMetrics }
  close(): Promise<void>
}

/** Here and not that of telemetry, which would load all of winston at each start. */
const silent: Logger = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
  child: () => silent,
}

const podType: ResourceType<Pod> = { apiVersion: 'v1', kind: 'Pod', plural: 'pods', namespaced: true }
const hostType: ResourceType<Host> = { apiVersion: 'v1', kind: 'Node', plural: 'nodes', namespaced: false }

/** @throws {CredentialsError} when there is nothing to connect with. The server is not asked yet. */
export async function connect(access: Access, version: string): Promise<Cluster> {
  const { kubeconfig, context } = access
  const ambient = {
    clock: systemClock,
    random: systemRandom,
    log: silent,
    metrics: kubeMetrics(metricRegistry()),
  }
  const transport = await kubeTransport({
    ...ambient,
    userAgent: `kubectl-rtc/${version}`,
    ...(kubeconfig === undefined ? {} : { kubeconfigPath: kubeconfig }),
    ...(context === undefined ? {} : { context }),
  })
  const clientOf = <T extends KubeObject>(type: ResourceType<T>): ResourceClient<T> => resourceClient(transport, type)
  return {
    namespace: access.namespace ?? transport.namespace ?? 'default',
    nodes: clientOf(RTCNodeKind),
    pools: clientOf(RTCNodePoolKind),
    autoscalers: clientOf(RTCAutoscalerKind),
    classes: clientOf(RTCNodeClassKind),
    revisions: clientOf(controllerRevisionType),
    pods: clientOf(podType),
    hosts: clientOf(hostType),
    events: clientOf<EventRead>(eventType),
    leases: clientOf(leaseType),
    transport,
    clock: systemClock,
    now: () => transport.serverClock.now() ?? systemClock.wall(),
    ambient,
    close: () => transport.close(),
  }
}

/** @throws {NotPossibleError} when there is no such object; it names those that there are, if they may be listed. */
export async function named<T extends KubeObject>(
  client: ResourceClient<T>,
  name: string,
  namespace: string,
): Promise<T> {
  const found = await client.get(objectKey(name, namespace))
  if (found !== undefined) return found
  const { kind, plural } = client.type
  const others = await client.list({ namespace, limit: 50 }).catch(() => ({ items: [] as T[] }))
  const names = others.items.map(({ metadata }) => metadata.name)
  throw new NotPossibleError(
    `namespace ${namespace} has no ${kind} “${name}”`,
    names.length === 0
      ? `it has none at all, or the kind is not installed; look elsewhere with -n, or: kubectl get ${plural} -A`
      : `it has ${names.slice(0, 10).join(', ')}; look elsewhere with -n`,
  )
}

/** All pages. */
export async function all<T>(
  client: ResourceClient<T>,
  selection: { namespace?: string; fieldSelector?: string } = {},
) {
  const items: T[] = []
  let page = await client.list({ ...selection, limit: 500 })
  items.push(...page.items)
  while (page.continue !== undefined) {
    page = await client.list({ ...selection, limit: 500, continue: page.continue })
    items.push(...page.items)
  }
  return items
}

/** What makes an explanation richer, and without which it goes on: undefined when it is not there or may not be read. */
export const ifReadable = <T>(reading: Promise<T>): Promise<T | undefined> =>
  reading.catch((error: unknown) => {
    if (isForbidden(error) || isNotFound(error)) return undefined
    throw error
  })

export const eventsAbout = async ({ events }: Cluster, { metadata }: KubeObject): Promise<EventRead[]> =>
  (await ifReadable(
    all(events, { namespace: metadata.namespace ?? 'default', fieldSelector: `regarding.uid=${metadata.uid}` }),
  )) ?? []

export const ownedBy = <T extends KubeObject>(owner: KubeObject, objects: readonly T[]): T[] =>
  objects.filter(object => controllerOf(object)?.uid === owner.metadata.uid)
