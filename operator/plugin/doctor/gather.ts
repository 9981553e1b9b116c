// Gathers the evidence for the checks: asks the API server, and through it the operators and the kubelets. Judges nothing; what cannot
// be read is kept with the words of whoever said no.
import type { Pod } from '../../api/core.ts'
import { crdOf } from '../../api/crd.ts'
import { kinds } from '../../api/kinds.ts'
import { LEASE_NAME } from '../../api/marks.ts'
import { type KubeObject, objectKey } from '../../api/meta.ts'
import type { RTCNode } from '../../api/rtcnode.ts'
import type { RTCNodeClass } from '../../api/rtcnodeclass.ts'
import { ApiError, isForbidden, TransportError } from '../../kube/errors.ts'
import { type ResourceClient, type ResourceType, resourceClient } from '../../kube/resource.ts'
import type { RegistryMetrics } from '../../registry/metrics.ts'
import { all, type Cluster } from '../cluster.ts'
import { askCaller, askOperator } from './ask-rights.ts'
import type { Evidence, HostRead, InstalledCrd, Known, OperatorHealth, SfuLog, WatchedLease } from './evidence.ts'
import { linesOf } from './lines-of.ts'

const crdType: ResourceType<InstalledCrd & KubeObject> = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  plural: 'customresourcedefinitions',
  namespaced: false,
}
const OPERATOR_PODS = 'app.kubernetes.io/name=rtcnode-operator,app.kubernetes.io/component=operator'

export interface Where {
  readonly operatorNamespace: string
  readonly version: string
}

/** @throws {TransportError} when the API server does not answer at all. */
export async function gather(cluster: Cluster, { operatorNamespace, version }: Where): Promise<Evidence> {
  const { transport, namespace } = cluster
  const serverVersion = await known(
    transport.request<{ gitVersion: string }>({ method: 'GET', path: '/version' }).then(it => it.gitVersion),
  )
  if (transport.serverClock.now() === undefined && !serverVersion.known)
    throw new TransportError('UNREACHABLE', `the API server does not answer: ${serverVersion.because}`)
  const watching = known(watchLease(cluster, operatorNamespace))
  const [pools, nodes, autoscalers, classes, hosts, hostLeases, operatorPods, installedCrds] = await Promise.all([
    known(everywhere(cluster.pools, namespace)),
    known(everywhere(cluster.nodes, namespace)),
    known(everywhere(cluster.autoscalers, namespace)),
    known(all(cluster.classes)),
    known(all(cluster.hosts) as Promise<HostRead[]>),
    known(all(cluster.leases, { namespace: 'kube-node-lease' })),
    known(podsOfOperator(cluster, operatorNamespace)),
    readCrds(cluster),
  ])
  const now = cluster.now()
  const inhabited = namespacesOf(pools, nodes, autoscalers)
  const [callerRights, operatorRights, operators, sfuLogs, lease] = await Promise.all([
    known(askCaller(cluster)),
    known(askOperator(cluster, operatorNamespace, operatorPods, inhabited)),
    Promise.all((operatorPods.known ? operatorPods.value : []).map(pod => healthOf(cluster, pod))),
    readLogs(cluster, nodes, classes),
    watching,
  ])
  return {
    version,
    crds: kinds.map(crdOf),
    namespace,
    operatorNamespace,
    now,
    aheadMs: aheadOf(cluster),
    serverVersion,
    installedCrds,
    callerRights,
    lease,
    operatorPods,
    operatorRights,
    operators,
    pools,
    nodes,
    autoscalers,
    classes,
    hosts,
    hostLeases,
    sfuLogs,
  }
}

const known = <T>(reading: Promise<T>): Promise<Known<T>> =>
  reading.then(
    value => ({ known: true, value }),
    (error: unknown) => ({ known: false, because: error instanceof Error ? error.message : String(error) }),
  )

/** In all namespaces, or in the caller's when that is all he may read. */
const everywhere = <T extends KubeObject>(client: ResourceClient<T>, namespace: string): Promise<T[]> =>
  all(client).catch((error: unknown) => {
    if (isForbidden(error)) return all(client, { namespace })
    throw error
  })

function aheadOf({ transport, clock }: Cluster): Known<number> {
  const server = transport.serverClock.now()
  return server === undefined
    ? { known: false, because: 'its answers have no Date' }
    : { known: true, value: clock.wall() - server }
}

async function readCrds({ transport }: Cluster): Promise<Evidence['installedCrds']> {
  const client = resourceClient(transport, crdType)
  const names = kinds.map(kind => crdOf(kind).metadata.name)
  const read = await Promise.all(names.map(name => known(client.get(objectKey(name)))))
  return Object.fromEntries(names.map((name, index) => [name, read[index] as Known<InstalledCrd | undefined>]))
}

const podsOfOperator = async ({ pods }: Cluster, namespace: string): Promise<Pod[]> =>
  (await pods.list({ namespace, labelSelector: OPERATOR_PODS, limit: 20 })).items.filter(
    ({ metadata }) => metadata.deletionTimestamp === undefined,
  )

// --- the leader -----------------------------------------------------------------------------------------------------

const [LOOK_EVERY_MS, DEFAULT_DURATION_SECONDS, LONGEST_WATCH_MS] = [500, 15, 60_000]

/** Until it is renewed, or until it has run out for sure. */
async function watchLease({ leases, clock, now }: Cluster, namespace: string): Promise<WatchedLease | undefined> {
  const key = objectKey(LEASE_NAME, namespace)
  const lease = await leases.get(key)
  if (lease === undefined) return undefined
  const began = clock.monotonic()
  const durationMs = (lease.spec?.leaseDurationSeconds ?? DEFAULT_DURATION_SECONDS) * 1_000 + LOOK_EVERY_MS
  while (clock.monotonic() - began < Math.min(durationMs, LONGEST_WATCH_MS)) {
    await clock.sleep(LOOK_EVERY_MS)
    const next = await leases.get(key)
    if (next !== undefined && next.spec?.renewTime !== lease.spec?.renewTime && next.spec?.holderIdentity)
      return { lease, watchedMs: clock.monotonic() - began, renewed: { lease: next, seenAt: now() } }
  }
  return { lease, watchedMs: clock.monotonic() - began }
}

const MOST_NAMESPACES = 5

function namespacesOf(...lists: readonly Known<readonly KubeObject[]>[]): string[] {
  const objects = lists.flatMap(list => (list.known ? list.value : []))
  return [...new Set(objects.map(({ metadata }) => metadata.namespace ?? ''))].sort().slice(0, MOST_NAMESPACES)
}

// --- what operators and SFUs say ------------------------------------------------------------------------------------

const METRICS_PORT = 8_080
const NOT_READY = 503

async function healthOf(cluster: Cluster, pod: Pod): Promise<OperatorHealth> {
  const { name, namespace = '' } = pod.metadata
  const base = `/api/v1/namespaces/${namespace}/pods/${name}:${portOf(pod)}/proxy`
  const [ready, metrics] = await Promise.all([
    known(linesOf(cluster, `${base}/readyz`).catch(linesOfNotReady)),
    known(linesOf(cluster, `${base}/metrics`)),
  ])
  const figure = (row: keyof RegistryMetrics): Known<number | undefined> =>
    metrics.known ? figureIn(metrics.value, row) : metrics
  const frozen = figure('rtcnode_registry_frozen')
  return {
    pod: name,
    ready,
    registryFrozen: frozen.known ? { known: true, value: frozen.value === 1 } : frozen,
    registryAgeSeconds: figure('rtcnode_registry_progress_age_seconds'),
    certificateEndsAtSeconds: figure('rtcnode_registry_certificate_expiry_timestamp_seconds'),
  }
}

function portOf({ spec }: Pod): number {
  for (const { ports } of spec.containers) {
    if (!Array.isArray(ports)) continue
    const found = (ports as { name?: string; containerPort?: number }[]).find(port => port.name === 'metrics')
    if (found?.containerPort !== undefined) return found.containerPort
  }
  return METRICS_PORT
}

/** The proxy hands the answer on as it is, and its body is what we want. */
function linesOfNotReady(error: unknown): string[] {
  const lines = error instanceof ApiError && error.status === NOT_READY ? error.message.split('\n') : []
  const told = lines.map(line => line.replace(/^HTTP \d+: /, '')).filter(line => /^\[[-+]\]/.test(line))
  if (told.length === 0) throw error
  return told
}

/** Of a metric without labels; undefined where it is NaN, which is how ours say “none”. */
export function figureIn(lines: readonly string[], row: string): Known<number | undefined> {
  const line = lines.find(it => it.startsWith(`${row} `))
  if (line === undefined) return { known: false, because: `it has no metric ${row}` }
  const value = Number(line.slice(row.length + 1).split(' ')[0])
  return { known: true, value: Number.isNaN(value) ? undefined : value }
}

const [MOST_LOGS, LOG_BYTES, DEFAULT_CONTAINER] = [10, 65_536, 'sfu']

/** Of one SFU a host: their limits are those of the host. */
async function readLogs(
  cluster: Cluster,
  nodes: Known<readonly RTCNode[]>,
  classes: Known<readonly RTCNodeClass[]>,
): Promise<SfuLog[]> {
  const ofHost = new Map<string, RTCNode>()
  for (const node of nodes.known ? nodes.value : []) {
    const host = node.status?.nodeName
    if (host !== undefined && node.status?.phase === 'Running') ofHost.set(host, node)
  }
  const containerOf = ({ spec }: RTCNode): string =>
    (classes.known ? classes.value.find(({ metadata }) => metadata.name === spec.className) : undefined)?.spec
      .sfuContainer ?? DEFAULT_CONTAINER
  return Promise.all(
    [...ofHost].slice(0, MOST_LOGS).map(async ([host, node]) => {
      const { name, namespace = '' } = node.metadata
      const path = `/api/v1/namespaces/${namespace}/pods/${name}/log`
      const query = { container: containerOf(node), limitBytes: LOG_BYTES }
      return { host, pod: `${namespace}/${name}`, lines: await known(linesOf(cluster, path, query)) }
    }),
  )
}
