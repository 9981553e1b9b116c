// A simulated SFU fleet for the pods of fake nodes: every pod of an RTCNode that runs gets an SFU and an agent, all in
// this process, against the real API server and the real registry. Tests put people on it and make it fail.
import { setTimeout as pause } from 'node:timers/promises'
import type { SfuLoad } from '../../operator/agent/adapter.ts'
import { agentMetrics } from '../../operator/agent/metrics.ts'
import { systemClock } from '../../operator/ambient/clock.ts'
import { systemRandom } from '../../operator/ambient/random.ts'
import type { Pod } from '../../operator/api/core.ts'
import { keyOf, type ObjectKey, objectKey, type Uid } from '../../operator/api/meta.ts'
import { type RTCNode, RTCNodeKind } from '../../operator/api/rtcnode.ts'
import { kubeMetrics } from '../../operator/kube/metrics.ts'
import { type ResourceClient, resourceClient } from '../../operator/kube/resource.ts'
import { kubeTransport } from '../../operator/kube/transport.ts'
import { connectRegistry, type RegistryOptions } from '../../operator/registry/connection.ts'
import { leaseKeeper } from '../../operator/registry/lease-keeper.ts'
import { silentLogger } from '../../operator/telemetry/log.ts'
import { metricRegistry, metricsFrom } from '../../operator/telemetry/metrics.ts'
import { until } from '../cluster/until.ts'
import { follow } from './follow.ts'
import { heartbeatWriter } from './heartbeat-writer.ts'
import { followIntents } from './intents.ts'
import { createLedger, type Ledger } from './ledger.ts'
import { isOfNode, nodeOf, type SimulatedPod, simulatedPod } from './pod.ts'

export interface FleetOptions {
  readonly kubeconfigPath: string
  readonly registry: RegistryOptions
  /** Only the nodes in it, with the rights that their agents have in the registry. Default: all. */
  readonly namespace?: string
}

export interface SfuFleet extends AsyncDisposable {
  /** The SFU of an RTCNode, `name` in the namespace `default` or `namespace/name`; of whatever pod it has at the moment. */
  node(name: string): SfuHandle
  readonly ledger: Ledger
  /** SFUs that live now. */
  readonly size: number
  stop(): Promise<void>
}

/** What a test does to one SFU. All but `join` and `running` throw when it does not live. */
export interface SfuHandle {
  readonly isRunning: boolean
  running(withinMs?: number): Promise<void>
  /** Waits for the SFU if need be. */
  join(...participants: string[]): Promise<Call>
  leave(...participants: string[]): void
  leaveAll(): void
  readonly present: readonly string[]
  /** Figures that its heartbeats carry from now on. */
  latency(figures: SfuLoad): void
  /** The agent dies, the SFU lives. */
  silence(): void
  /** The SFU dies and starts anew: its sessions are lost. */
  crash(): void
  /** The SFU answers nobody any more; its calls go on. */
  hang(): void
  neverEmpties(): void
  ignoresIntents(): void
  /** This goes into the registry in place of heartbeats. */
  writes(rawValue: string): void
  /** Every fault above is over. */
  recovers(): void
}

export interface Call {
  /** Those who joined leave, of their own accord. */
  leave(): void
}

const EXITED = { 'sfu.rtcnode.io/exited': 'true' }

export async function startFleet({ kubeconfigPath, registry, namespace }: FleetOptions): Promise<SfuFleet> {
  const selection = namespace === undefined ? {} : { namespace }
  const ambient = { clock: systemClock, random: systemRandom, log: silentLogger }
  const metrics = metricRegistry()
  const transport = await kubeTransport({
    ...ambient,
    kubeconfigPath,
    metrics: kubeMetrics(metrics),
    userAgent: 'rtcnode-simulated-fleet',
  })
  const connection = connectRegistry(registry, ambient)
  const pods = resourceClient<Pod>(transport, { apiVersion: 'v1', kind: 'Pod', plural: 'pods', namespaced: true })
  const stopping = new AbortController()
  const ledger = createLedger()
  const living = new Map<Uid, SimulatedPod>()
  const ofNode = new Map<ObjectKey, SimulatedPod>()
  const intents = followIntents(
    { ...ambient, connection, ...selection },
    node => ofNode.get(node)?.seeIntent(intents.of(node)),
    stopping.signal,
  )
  const deps = {
    ledger,
    shared: {
      connection: { ...connection, put: heartbeatWriter(connection) },
      keeper: leaseKeeper({ connection, clock: systemClock }),
      metrics: metricsFrom(metrics, agentMetrics),
    },
    markExited: (pod: Pod) => markExited(pods, pod, () => living.has(pod.metadata.uid), stopping.signal),
  }

  function onPod(pod: Pod): void {
    if (!isOfNode(pod)) return
    const known = living.get(pod.metadata.uid)
    if (pod.status?.phase === 'Failed') known?.vanish('fault', 'its pod failed')
    else if (known === undefined && isReady(pod)) start(pod)
    if (pod.metadata.deletionTimestamp !== undefined) living.get(pod.metadata.uid)?.terminate()
  }

  function start(pod: Pod): void {
    const started = simulatedPod(pod, intents.of(nodeOf(pod)), deps)
    living.set(pod.metadata.uid, started)
    ofNode.set(started.node, started)
  }

  function onPodGone(pod: Pod): void {
    const gone = living.get(pod.metadata.uid)
    if (gone === undefined) return
    living.delete(pod.metadata.uid)
    if (ofNode.get(gone.node) === gone) ofNode.delete(gone.node)
    gone.vanish('cut', 'its pod was removed')
  }

  let trouble: unknown
  const onTrouble = (error: unknown): void => {
    trouble = error
  }

  const onNode = ({ metadata, status }: RTCNode): void => {
    if (status?.drain) ledger.sawDeadline(metadata.uid, status.drain.deadline)
  }
  const nodes = resourceClient(transport, RTCNodeKind)
  const following = Promise.all([
    intents.ended,
    intents.synced.then(() =>
      follow(pods, selection, { onObject: onPod, onGone: onPodGone, onTrouble }, stopping.signal),
    ),
    follow(nodes, selection, { onObject: onNode, onGone: onNode, onTrouble: () => undefined }, stopping.signal),
  ])

  let stopped: Promise<void> | undefined
  const stop = async (): Promise<void> => {
    stopping.abort(new Error('the fleet is stopped'))
    await following
    // The calls end with the fleet, which is nobody's fault.
    for (const pod of living.values()) pod.vanish('fault', 'the fleet was stopped')
    connection.close()
    await transport.close()
  }
  return {
    node: name =>
      handleOf(name.includes('/') ? (name as ObjectKey) : objectKey(name, 'default'), ofNode, () => trouble),
    ledger,
    get size() {
      return living.size
    },
    stop: () => (stopped ??= stop()),
    [Symbol.asyncDispose]: () => (stopped ??= stop()),
  }
}

const isReady = ({ status }: Pod): boolean =>
  status?.phase === 'Running' &&
  (status.conditions ?? []).some(condition => condition.type === 'Ready' && condition.status === 'True')

/** Again and again, for as long as the pod is there: without it the pod stays until its grace period is over. */
async function markExited(
  pods: ResourceClient<Pod>,
  pod: Pod,
  isThere: () => boolean,
  signal: AbortSignal,
): Promise<void> {
  const patch = { metadata: { uid: pod.metadata.uid, annotations: EXITED } }
  while (isThere() && !signal.aborted) {
    const done = await pods.mergePatch(keyOf(pod), patch, { signal }).catch(() => undefined)
    if (done) return
    await pause(300, undefined, { signal }).catch(() => undefined)
  }
}

function handleOf(node: ObjectKey, ofNode: ReadonlyMap<ObjectKey, SimulatedPod>, trouble: () => unknown): SfuHandle {
  const pod = (): SimulatedPod => {
    const found = ofNode.get(node)
    if (!found) throw new Error(`no SFU lives for ${node}`)
    return found
  }
  const running = async (withinMs = 30_000): Promise<void> => {
    const isThere = (): boolean => {
      // Nothing is thrown further: it only tells, should the wait be in vain, why no pods were seen.
      if (!ofNode.has(node) && trouble() !== undefined) throw trouble()
      return ofNode.has(node)
    }
    await until(`the SFU of ${node} to run`, isThere, { withinMs, everyMs: 10 })
  }
  return {
    get isRunning() {
      return ofNode.has(node)
    },
    running,
    async join(...participants) {
      await running()
      const { sfu } = pod()
      sfu.join(participants)
      return { leave: () => sfu.leave(participants) }
    },
    leave: (...participants) => pod().sfu.leave(participants),
    leaveAll: () => pod().sfu.leave(pod().sfu.present),
    get present() {
      return pod().sfu.present
    },
    latency: figures => pod().sfu.setLoad(figures),
    silence: () => pod().silence(),
    crash: () => pod().sfu.crash(),
    hang: () => pod().sfu.hang(true),
    neverEmpties: () => pod().sfu.neverEmpty(true),
    ignoresIntents: () => pod().ignoreIntents(),
    writes: rawValue => pod().write(rawValue),
    recovers: () => pod().recover(),
  }
}
