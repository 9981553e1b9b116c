// `rtcnode run`: wires clients, caches and controllers together and runs them until the signal. Everything that two parts
// share is made here and handed in.
import { hostname } from 'node:os'
import { systemClock } from './ambient/clock.ts'
import { makeObjectsYoung } from './ambient/heap.ts'
import { systemRandom } from './ambient/random.ts'
import type { Host, Pod } from './api/core.ts'
import { LEASE_NAME, labels, managedBy } from './api/marks.ts'
import type { ObjectKey } from './api/meta.ts'
import { RTCAutoscalerKind } from './api/rtcautoscaler.ts'
import { RTCNodeKind } from './api/rtcnode.ts'
import { type RTCNodeClass, RTCNodeClassKind } from './api/rtcnodeclass.ts'
import { RTCNodePoolKind } from './api/rtcnodepool.ts'
import { autoscalerController } from './autoscaler/controller.ts'
import { announcedNodes } from './autoscaler/deciding/announced.ts'
import { autoscalerMetrics } from './autoscaler/metrics.ts'
import { foreignOf, observe } from './autoscaler/observe.ts'
import {
  autoscalerIndexes,
  byPool,
  foreignIndexes,
  hpaType,
  scaledObjectType,
  scalersOf,
  targetOnly,
} from './autoscaler/rivals.ts'
import { scalerWatches } from './autoscaler/watches.ts'
import { announcedController } from './cluster/announced/controller.ts'
import { provisioningRequestType } from './cluster/announced/request.ts'
import { capacityBufferType } from './cluster/headroom/buffer.ts'
import { headroomController } from './cluster/headroom/controller.ts'
import { roomIndexes } from './cluster/headroom/owned.ts'
import { podTemplateType } from './cluster/headroom/template.ts'
import {
  hostEventIndexes,
  hostEvents,
  hostEventType,
  keptOfHostEvent,
  keptOfNodeClaim,
  nodeClaimIndexes,
  nodeClaimType,
} from './cluster/host-view.ts'
import { hostSignals } from './cluster/hosts.ts'
import { keptOfMakerEvent, makerEventIndexes, makerEvents, makerEventType, saidOf } from './cluster/maker-events.ts'
import { budgetType, rulesOnly } from './cluster/protection/budget.ts'
import { budgetController } from './cluster/protection/budget-controller.ts'
import { protectionController } from './cluster/protection/controller.ts'
import { rulesWith } from './cluster/rules.ts'
import type { RunConfig } from './config.ts'
import { keptOfHost, keptOfPod } from './kept.ts'
import { type ControllerSpec, runController } from './kube/controller.ts'
import { eventRecorder, eventType } from './kube/events.ts'
import { expectations } from './kube/expectations.ts'
import { fencedTransport } from './kube/fenced.ts'
import { informer } from './kube/informer.ts'
import { leaderElection, leaseType } from './kube/leader.ts'
import { kubeMetrics } from './kube/metrics.ts'
import { ifServed } from './kube/optional.ts'
import { ownerIndexes } from './kube/owner.ts'
import { type ResourceType, resourceClient } from './kube/resource.ts'
import { namespaceIndexes } from './kube/store.ts'
import { kubeTransport } from './kube/transport.ts'
import { specimen } from './lifecycle/accept-class.ts'
import { classController } from './lifecycle/class-controller.ts'
import { lifecycleController, nodesByClass, podsByHost } from './lifecycle/controller.ts'
import { lifecycleMetrics, tallyMetricTable } from './lifecycle/metrics.ts'
import { nodeExposition } from './lifecycle/node-metrics.ts'
import { podFor } from './lifecycle/pod.ts'
import { lifeTally } from './lifecycle/tally.ts'
import { inCharge } from './load/in-charge.ts'
import { loadsKeeper } from './load/loads.ts'
import { loadMetricTable } from './load/metrics.ts'
import { poolController } from './pool/controller.ts'
import { poolMetrics } from './pool/metrics.ts'
import { controllerRevisionType } from './pool/revision.ts'
import { connectRegistry, type RegistryOptions } from './registry/connection.ts'
import { fleetView } from './registry/fleet.ts'
import { intentWriter } from './registry/intents.ts'
import { leadersIntents } from './registry/leaders-intents.ts'
import { registryMetricTable } from './registry/metrics.ts'
import { healthServer } from './telemetry/health.ts'
import type { Logger } from './telemetry/log.ts'
import { expositionOf, metricRegistry, metricsFrom } from './telemetry/metrics.ts'
import { runtimeMetrics } from './telemetry/runtime.ts'
import { tracesFor } from './telemetry/traces-for.ts'

const podType: ResourceType<Pod> = { apiVersion: 'v1', kind: 'Pod', plural: 'pods', namespaced: true }
const hostType: ResourceType<Host> = { apiVersion: 'v1', kind: 'Node', plural: 'nodes', namespaced: false }

/** Selects what we made, among the objects of other people. */
const ours = Object.entries(managedBy)
  .map(pair => pair.join('='))
  .join()

/** Resolves when all is stopped in order after the signal. Rejects when it cannot begin: no credentials, port taken. */
export async function runOperator(config: RunConfig, version: string, log: Logger, signal: AbortSignal): Promise<void> {
  makeObjectsYoung()
  const ambient = { clock: systemClock, random: systemRandom, log }
  // What each replica tells about itself, and what the leader alone tells, because a sum would count it twice.
  const registry = metricRegistry()
  const ofFleet = metricRegistry()
  runtimeMetrics(registry, version)
  const identity = config.identity ?? `${hostname()}_${systemRandom.uuid()}`
  const traces = await tracesFor(config.tracesEndpoint, {
    ...ambient,
    service: 'rtcnode-operator',
    version,
    identity,
    registry,
  })
  const common = { ...ambient, metrics: kubeMetrics(registry), traces }

  const transport = await kubeTransport({
    ...common,
    userAgent: `rtcnode-operator/${version}`,
    ...(config.kubeconfig === undefined ? {} : { kubeconfigPath: config.kubeconfig }),
  })
  const election = leaderElection({
    ...common,
    client: resourceClient(transport, leaseType, { lane: 'lease' }),
    name: LEASE_NAME,
    namespace: config.namespace,
    identity,
    leaseDurationSeconds: config.leaseDurationSeconds,
    renewDeadlineSeconds: config.renewDeadlineSeconds,
    retryPeriodSeconds: config.retryPeriodSeconds,
  })
  const fenced = fencedTransport(transport, election.isLeader)
  const client = {
    pools: resourceClient(fenced, RTCNodePoolKind),
    autoscalers: resourceClient(fenced, RTCAutoscalerKind),
    revisions: resourceClient(fenced, controllerRevisionType),
    nodes: resourceClient(fenced, RTCNodeKind),
    classes: resourceClient(fenced, RTCNodeClassKind),
    pods: resourceClient(fenced, podType),
    hosts: resourceClient(fenced, hostType),
    nodeClaims: ifServed(resourceClient(fenced, nodeClaimType), ambient),
    hostEvents: ifServed(resourceClient(fenced, hostEventType), ambient),
    buffers: ifServed(resourceClient(fenced, capacityBufferType), ambient),
    requests: ifServed(resourceClient(fenced, provisioningRequestType), ambient),
    podTemplates: resourceClient(fenced, podTemplateType),
    makerEvents: ifServed(resourceClient(fenced, makerEventType), ambient),
    budgets: resourceClient(fenced, budgetType),
    hpas: ifServed(resourceClient(fenced, hpaType), ambient),
    scaledObjects: ifServed(resourceClient(fenced, scaledObjectType), ambient),
  }
  const watched = { ...common, namespaces: config.watchNamespaces }
  const caches = {
    pools: informer(client.pools, { ...watched, indexes: namespaceIndexes }),
    autoscalers: informer(client.autoscalers, { ...watched, indexes: autoscalerIndexes }),
    revisions: informer(client.revisions, { ...watched, labelSelector: ours, indexes: ownerIndexes }),
    nodes: informer(client.nodes, {
      ...watched,
      indexes: { ...ownerIndexes, ...namespaceIndexes, [nodesByClass]: node => [node.spec.className] },
    }),
    classes: informer(client.classes, common),
    pods: informer(client.pods, {
      ...watched,
      labelSelector: ours,
      keep: keptOfPod,
      indexes: {
        ...namespaceIndexes,
        [podsByHost]: pod => (pod.spec.nodeName === undefined ? [] : [pod.spec.nodeName]),
      },
    }),
    hosts: informer(client.hosts, { ...common, keep: keptOfHost }),
    nodeClaims: informer(client.nodeClaims, { ...common, indexes: nodeClaimIndexes, keep: keptOfNodeClaim }),
    hostEvents: informer(client.hostEvents, {
      ...common,
      ...hostEvents,
      indexes: hostEventIndexes,
      keep: keptOfHostEvent,
    }),
    budgets: informer(client.budgets, { ...watched, indexes: namespaceIndexes, keep: rulesOnly }),
    hpas: informer(client.hpas, { ...watched, indexes: foreignIndexes, keep: targetOnly }),
    scaledObjects: informer(client.scaledObjects, { ...watched, indexes: foreignIndexes, keep: targetOnly }),
    balloons: informer(client.pods, {
      ...watched,
      name: 'Balloon',
      labelSelector: labels.headroom,
      keep: keptOfPod,
      indexes: roomIndexes,
    }),
    buffers: informer(client.buffers, watched),
    requests: informer(client.requests, { ...watched, labelSelector: labels.headroom, indexes: roomIndexes }),
    podEvents: informer(client.makerEvents, {
      ...watched,
      ...saidOf.pods,
      indexes: makerEventIndexes,
      keep: keptOfMakerEvent,
    }),
    claimEvents: informer(client.makerEvents, {
      ...common,
      ...saidOf.claims,
      indexes: makerEventIndexes,
      keep: keptOfMakerEvent,
    }),
  }
  const etcd = connectRegistry(registryOptions(config), { ...ambient, traces })
  const fleet = fleetView(etcd, { ...ambient, metrics: metricsFrom(registry, registryMetricTable) })
  const events = eventRecorder({
    ...common,
    client: resourceClient(fenced, eventType),
    controller: 'rtcnode.io/operator',
    instance: identity,
  })
  const loads = loadsKeeper({
    ...ambient,
    fleet,
    nodeCache: caches.nodes,
    autoscalerCache: caches.autoscalers,
    metrics: metricsFrom(ofFleet, loadMetricTable),
  })
  const sources = { ...ambient, serverClock: transport.serverClock, nodeCache: caches.nodes, fleet, loads }
  lifecycleMetrics(ofFleet, sources)
  poolMetrics(ofFleet, caches.pools)

  const shared = {
    events,
    clock: systemClock,
    serverClock: transport.serverClock,
    settings: {
      registryEndpoints: config.agentRegistryEndpoints ?? config.registryEndpoints,
      registryPrefix: config.registryPrefix,
      ...(config.agentRegistrySecret === undefined ? {} : { registrySecret: config.agentRegistrySecret }),
    },
    poolCache: caches.pools,
    autoscalerCache: caches.autoscalers,
    nodeCache: caches.nodes,
    podCache: caches.pods,
    podsOnHost: (name: string) => caches.pods.byIndex(podsByHost, name),
    hostCache: caches.hosts,
    classCache: caches.classes,
    makerEvents: makerEvents({ podEventCache: caches.podEvents, claimEventCache: caches.claimEvents }),
    hostSignals: hostSignals({
      hostCache: caches.hosts,
      nodeClaimCache: caches.nodeClaims,
      hostEventCache: caches.hostEvents,
      rules: rulesWith(config.hostSignals),
      clock: systemClock,
      serverClock: transport.serverClock,
    }),
    hpaCache: caches.hpas,
    scaledObjectCache: caches.scaledObjects,
    pools: client.pools,
    nodes: client.nodes,
    pods: client.pods,
    fleet,
    loads,
  }
  const room = {
    autoscalerOf: (pool: ObjectKey) => inCharge(pool, caches.autoscalers.byIndex(byPool, pool)),
    podTemplates: client.podTemplates,
    podSpecOf: (nodeClass: RTCNodeClass) =>
      podFor(specimen(nodeClass, config.namespace), nodeClass, shared.settings).spec,
    settings: { image: config.headroomImage, priorityClassName: config.headroomPriorityClass },
  }
  const specs: ControllerSpec[] = [
    classController({ ...shared, classes: client.classes, namespace: config.trialNamespace ?? config.namespace }),
    lifecycleController({
      ...shared,
      intents: leadersIntents(intentWriter(etcd), { identity, epoch: election.epoch, isLeader: election.isLeader }),
      expectations: expectations({ RTCNode: caches.nodes, Pod: caches.pods }),
      tally: lifeTally({ metrics: metricsFrom(ofFleet, tallyMetricTable), log }),
      workers: config.workers,
    }),
    protectionController({
      ...shared,
      nodesOfClass: name => caches.nodes.byIndex(nodesByClass, name),
      expectations: expectations({ Pod: caches.pods }),
    }),
    budgetController({
      ...shared,
      budgetCache: caches.budgets,
      budgets: client.budgets,
      expectations: expectations({ PodDisruptionBudget: caches.budgets }),
    }),
    poolController({
      ...shared,
      revisions: client.revisions,
      revisionCache: caches.revisions,
      scalersOf: pool => scalersOf(caches.autoscalers.byIndex(byPool, pool), foreignOf(pool, shared)),
      scalerWatches: scalerWatches(shared),
      random: systemRandom,
      expectations: expectations({
        RTCNodePool: caches.pools,
        RTCNode: caches.nodes,
        ControllerRevision: caches.revisions,
      }),
    }),
    headroomController({
      ...shared,
      ...room,
      balloonCache: caches.balloons,
      bufferCache: caches.buffers,
      buffers: client.buffers,
      expectations: expectations({ RTCNodePool: caches.pools, Pod: caches.balloons, CapacityBuffer: caches.buffers }),
    }),
    announcedController({
      ...shared,
      ...room,
      requestCache: caches.requests,
      requests: client.requests,
      announcedNodes,
      scalerWatches: scalerWatches(shared),
      isScaling: autoscaler => observe(autoscaler, shared).standing.does === 'scale',
      expectations: expectations({ RTCNodePool: caches.pools, ProvisioningRequest: caches.requests }),
    }),
    autoscalerController({
      ...shared,
      autoscalers: client.autoscalers,
      metrics: autoscalerMetrics(ofFleet),
      expectations: expectations({ RTCAutoscaler: caches.autoscalers, RTCNodePool: caches.pools }),
    }),
  ]
  const controllers = specs.map(spec => runController({ ...common, ...spec, mayWrite: election.isLeader }))

  const informers = Object.values(caches)
  const health = await healthServer({
    address: config.metricsAddress,
    port: config.metricsPort,
    registry: expositionOf(() => (election.isLeader() ? [registry, ofFleet] : [registry])),
    nodes: nodeExposition(sources, election.isLeader),
    live: {},
    ready: {
      caches: () => informers.every(({ synced }) => synced) || 'not synced yet',
      registry: () => {
        const { state, because = 'no answer yet' } = fleet.health()
        return state === 'synced' || `the registry cannot be seen: ${because}`
      },
    },
  })
  log.info('started', { version, identity, metricsPort: health.port })

  // Controllers end first, while the lease is still ours and their last writes may pass; then the lease goes to the next.
  const afterwards = new AbortController()
  const background = [
    ...informers.map(it => it.run(afterwards.signal)),
    fleet.run(afterwards.signal),
    election.run(afterwards.signal),
  ]
  await Promise.all(controllers.map(it => it.run(signal)))
  await events.close(1_000)
  afterwards.abort(new Error('the operator stops'))
  await Promise.all(background)
  etcd.close()
  await Promise.all([transport.close(), health.close(), traces.close()])
  log.info('stopped')
}

function registryOptions(config: RunConfig): RegistryOptions {
  const { registryCaFile: caFile, registryCertFile: certFile, registryKeyFile: keyFile } = config
  const client = certFile === undefined || keyFile === undefined ? {} : { certFile, keyFile }
  return {
    endpoints: config.registryEndpoints,
    prefix: config.registryPrefix,
    ...(caFile === undefined ? {} : { tls: { caFile, ...client } }),
  }
}
