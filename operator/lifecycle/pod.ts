// Class → Pod. The admin's template, plus what makes it a node: the agent sidecar, the start-up configuration, and a
// preStop that lets people finish when the pod is deleted behind the operator's back. Pure.
import type { Container } from '../api/core.ts'
import { classHash } from '../api/hash.ts'
import { annotations, labels } from '../api/marks.ts'
import type { OwnerReference } from '../api/meta.ts'
import { containersOf, listOf, restricted } from '../api/pod-parts.ts'
import { drainSecondsOf } from '../api/promise.ts'
import type { RTCNode } from '../api/rtcnode.ts'
import type { RTCNodeClass } from '../api/rtcnodeclass.ts'
import { placed } from '../cluster/placement.ts'
import { ofNewPod } from '../cluster/protection/marks.ts'
import { ownerReferenceTo } from '../kube/owner.ts'
import { agentNodeOptions } from '../node-options.ts'
import { type Shown, shownToAgent } from './shown-to-agent.ts'
import { type AgentSettings, literal, mergedEnvironment, namesOf, startUpEnvironment } from './start-up-environment.ts'

export interface PodManifest {
  readonly apiVersion: 'v1'
  readonly kind: 'Pod'
  readonly metadata: {
    readonly name: string
    readonly namespace: string
    readonly labels: Readonly<Record<string, string>>
    readonly annotations: Readonly<Record<string, string>>
    readonly ownerReferences: readonly OwnerReference[]
  }
  readonly spec: Readonly<Record<string, unknown>>
}

/** Time between the end of a drain and the kubelet's SIGKILL, for whatever is late. */
const KILL_MARGIN_SECONDS = 30

/** How long the kubelet waits for preStop: long enough that a deleted pod can empty by the rules of its node. */
export const graceSecondsOf = (node: RTCNode, nodeClass: RTCNodeClass): number =>
  drainSecondsOf(node, nodeClass) + nodeClass.spec.drain.evictGraceSeconds + KILL_MARGIN_SECONDS

/** What is wrong with a class's template that the API server cannot know; undefined when nothing is. */
export function templateProblem({ spec }: RTCNodeClass): string | undefined {
  const containers = containersOf(spec.podTemplate.spec['containers'])
  const found = containers.find(({ name }) => name === spec.sfuContainer)
  if (found === undefined) {
    const names = containers.map(({ name }) => name).join(', ') || 'none'
    return `spec.podTemplate.spec.containers has no container named “${spec.sfuContainer}” (it has: ${names}); name the SFU's container so, or set spec.sfuContainer`
  }
  const lifecycle = found['lifecycle'] as { preStop?: unknown } | undefined
  if (lifecycle?.preStop !== undefined) {
    return `spec.podTemplate.spec.containers[${found.name}].lifecycle.preStop is set; remove it, the operator puts the drain there`
  }
  const stolen = namesOf(spec.agent.env).find(name => identity.has(name))
  if (stolen !== undefined) return `spec.agent.env sets ${stolen}; remove it, the operator tells the agent who it is`
  return undefined
}

/** An agent with another identity writes under another key, and its node never becomes Running. */
const identity = new Set(['RTCNODE_NAME', 'RTCNODE_NAMESPACE', 'RTCNODE_UID', 'POD_UID'])

/** The pod of one life of a node. Same name as the node, so a second create is refused by the API server. */
export function podFor(node: RTCNode, nodeClass: RTCNodeClass, settings: AgentSettings): PodManifest {
  const { podTemplate, network, sfuContainer } = nodeClass.spec
  const template = podTemplate.spec
  const graceSeconds = graceSecondsOf(node, nodeClass)
  const environment = startUpEnvironment(node, nodeClass, settings)
  const withEnvironment = (container: Container): Container => ({
    ...container,
    env: mergedEnvironment(environment, container['env']),
  })
  const hostNetwork = network.mode === 'HostNetwork'
  const shown = shownToAgent(nodeClass, settings)
  const pool = node.metadata.labels?.[labels.pool]
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: node.metadata.name,
      namespace: node.metadata.namespace ?? 'default',
      labels: {
        ...podTemplate.metadata?.labels,
        ...ofNewPod.labels,
        [labels.node]: node.metadata.name,
        [labels.class]: nodeClass.metadata.name,
        ...(pool === undefined ? {} : { [labels.pool]: pool }),
        [labels.managedBy]: 'rtcnode-operator',
      },
      annotations: {
        ...podTemplate.metadata?.annotations,
        ...ofNewPod.annotations,
        [annotations.drainSeconds]: String(drainSecondsOf(node, nodeClass)),
        [annotations.classHash]: classHash(nodeClass),
      },
      ownerReferences: [ownerReferenceTo(node)],
    },
    spec: {
      automountServiceAccountToken: false,
      ...(hostNetwork ? { dnsPolicy: 'ClusterFirstWithHostNet' } : {}),
      ...template,
      ...placed(nodeClass.spec.placement, template, alike(nodeClass, pool)),
      ...(hostNetwork ? { hostNetwork: true } : {}),
      terminationGracePeriodSeconds: graceSeconds,
      tolerations: [...listOf(template['tolerations']), ...outlivesControlPlane],
      ...(shown.length > 0 ? { volumes: [...listOf(template['volumes']), ...shown.map(({ volume }) => volume)] } : {}),
      initContainers: [
        agentContainer(nodeClass, environment, shown, graceSeconds),
        ...containersOf(template['initContainers']).map(withEnvironment),
      ],
      containers: containersOf(template['containers']).map(container =>
        container.name === sfuContainer
          ? sfuContainerOf(withEnvironment(container), node, nodeClass)
          : withEnvironment(container),
      ),
    },
  }
}

/** Nodes that are to be apart or together: those of one pool, else those of one class. */
const alike = ({ metadata }: RTCNodeClass, pool: string | undefined): Readonly<Record<string, string>> =>
  pool === undefined ? { [labels.class]: metadata.name } : { [labels.pool]: pool }

/** Media goes on while a host does not reach the control plane; giving such a node up is decided with the registry's word. */
const outlivesControlPlane = ['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable'].map(key => ({
  key,
  operator: 'Exists',
  effect: 'NoExecute',
}))

function sfuContainerOf(container: Container, node: RTCNode, { spec }: RTCNodeClass): Container {
  const declared = listOf(container['ports'])
  const fromClass = spec.network.ports.map(({ name, port, protocol }) => ({
    name,
    containerPort: port,
    protocol,
    ...(spec.network.mode === 'HostNetwork' ? { hostPort: port } : {}),
  }))
  return {
    ...container,
    ports: declared.length > 0 ? declared : fromClass,
    lifecycle: {
      ...(container['lifecycle'] as object | undefined),
      preStop: {
        httpGet: { path: `/pre-stop/${node.metadata.uid}`, port: spec.agent.port, ...reachedAt(spec.network.mode) },
      },
    },
  }
}

/** The agent runs beside every SFU and does little: without compiler and with small heaps it needs a third less memory. */
export const lean = [literal('NODE_OPTIONS', agentNodeOptions), literal('MALLOC_ARENA_MAX', '1')]

const LOOPBACK = '127.0.0.1'

/**
 * On the host's network the kubelet finds no address of the pod for a hook and would kill the SFU without asking; and an
 * agent that listens on the host's address could be reached by anybody. Both meet on the loopback.
 */
const reachedAt = (mode: RTCNodeClass['spec']['network']['mode']): { host?: string } =>
  mode === 'HostNetwork' ? { host: LOOPBACK } : {}

/** A native sidecar: it starts before the SFU, outlives it, and the SFU waits until it knows the address. */
function agentContainer(
  nodeClass: RTCNodeClass,
  environment: readonly object[],
  shown: readonly Shown[],
  graceSeconds: number,
): Container {
  const { agent, adapter, network, sfuContainer } = nodeClass.spec
  return {
    name: 'rtcnode-agent',
    image: agent.image,
    ...(agent.imagePullPolicy === undefined ? {} : { imagePullPolicy: agent.imagePullPolicy }),
    args: ['agent'],
    restartPolicy: 'Always',
    ports: [{ name: 'rtcnode-agent', containerPort: agent.port, protocol: 'TCP' }],
    env: mergedEnvironment(
      [
        ...environment,
        literal('RTCNODE_ADAPTER', adapter),
        literal('RTCNODE_SFU_URL', agent.sfuUrl),
        literal('RTCNODE_SFU_METRICS_URL', agent.metricsUrl),
        literal('RTCNODE_HEARTBEAT_SECONDS', agent.heartbeatSeconds),
        literal('RTCNODE_LEASE_TTL_SECONDS', agent.leaseTTLSeconds),
        literal('RTCNODE_AGENT_PORT', agent.port),
        literal('RTCNODE_GRACE_SECONDS', graceSeconds),
        ...lean,
        ...(network.mode === 'HostNetwork' ? [literal('RTCNODE_AGENT_ADDRESS', LOOPBACK)] : []),
        {
          name: 'RTCNODE_SFU_CPU_MILLICORES',
          valueFrom: { resourceFieldRef: { containerName: sfuContainer, resource: 'limits.cpu', divisor: '1m' } },
        },
        ...shown.flatMap(it => it.environment),
      ],
      agent.env,
    ),
    ...(shown.length > 0
      ? { volumeMounts: shown.map(({ volume, mountPath }) => ({ name: volume.name, mountPath, readOnly: true })) }
      : {}),
    startupProbe: {
      httpGet: { path: '/started', port: agent.port, ...reachedAt(network.mode) },
      periodSeconds: 1,
      failureThreshold: 300,
    },
    resources: agent.resources ?? { requests: { cpu: '10m', memory: '64Mi' }, limits: { memory: '160Mi' } },
    securityContext: restricted,
  }
}
