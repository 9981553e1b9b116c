// RTCNodeClass: how a kind of SFU is run. Cluster-scoped and the admin's: authors of RTCNodes name a class, they cannot
// write a pod template, so whoever may create a node cannot run an arbitrary pod through the operator.
import { z } from 'zod'
import type { Kind } from './kind.ts'
import { API_VERSION, conditionsSchema, type KubeObject } from './meta.ts'
import { classReasons } from './reasons.ts'
import { DEFAULT_DRAIN_SECONDS, drainDeadlineSeconds, portSchema } from './rtcnode.ts'

export const adapters = ['livekit'] as const
export const networkModes = ['HostNetwork', 'PodNetwork'] as const
export const placements = ['Spread', 'Pack'] as const
export const addressSources = ['HostIP', 'ExternalIP', 'PodIP', 'Fixed'] as const

/** Four hours: longer than nearly any call, shorter than anybody's maintenance window. */
export const DEFAULT_PROTECTION_SECONDS = 14_400

/** A piece of a Pod: its schema is Kubernetes' own, and the API server judges it (server-side dry run). */
const podPart = z.looseObject({}).readonly()

const stringMap = z.record(z.string(), z.string().max(4_096))

const networkSchema = z
  .object({
    mode: z
      .enum(networkModes)
      .default('PodNetwork')
      .describe(
        'HostNetwork: the SFU binds ports of the host, least trouble for UDP. PodNetwork: the SFU has the pod address.',
      ),
    addressSource: z
      .enum(addressSources)
      .optional()
      .describe(
        'Where the address that clients use comes from. Default: HostIP with HostNetwork, PodIP with PodNetwork.',
      ),
    fixedAddress: z.string().min(1).max(253).optional().describe('The address, when addressSource is Fixed.'),
    ports: z
      .array(portSchema)
      .max(32)
      .default([])
      .meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['name'] })
      .describe('Ports clients use. With HostNetwork the scheduler keeps two SFUs with the same ports off one host.'),
  })
  .meta({
    'x-kubernetes-validations': [
      {
        rule: "(has(self.addressSource) && self.addressSource == 'Fixed') == has(self.fixedAddress)",
        message: 'spec.network.fixedAddress goes with addressSource: Fixed; set both or neither',
      },
    ],
  })

const agentSchema = z.object({
  image: z.string().min(1).max(512).describe('Image of the agent sidecar: this operator’s image.'),
  imagePullPolicy: z.enum(['Always', 'IfNotPresent', 'Never']).optional().describe('As in a container.'),
  port: z.int().min(1).max(65_535).default(9_870).describe('Port of the agent, for preStop, health and metrics.'),
  sfuUrl: z
    .string()
    .max(512)
    .default('http://127.0.0.1:7880')
    .describe("The SFU's own interface, as the agent in the same pod reaches it."),
  metricsUrl: z
    .string()
    .max(512)
    .default('http://127.0.0.1:6789/metrics')
    .describe("The SFU's Prometheus metrics, as the agent in the same pod reaches them."),
  heartbeatSeconds: z.int().min(1).max(60).default(3).describe('How often the agent reports.'),
  leaseTTLSeconds: z
    .int()
    .min(5)
    .max(300)
    .default(10)
    .describe('How long its registration outlives it. At least twice heartbeatSeconds.'),
  env: z
    .array(podPart)
    .max(64)
    .optional()
    .meta({ 'x-kubernetes-list-type': 'atomic' })
    .describe('More environment for the agent, for example LIVEKIT_KEYS from a Secret. As in a container.'),
  resources: podPart.optional().describe('Resources of the agent. As in a container.'),
})

export const rtcNodeClassSpecSchema = z
  .object({
    adapter: z.enum(adapters).describe('Which SFU this is: how the agent reads its load and moves people off it.'),
    network: networkSchema.prefault({}).describe('How clients reach the SFU.'),
    sfuContainer: z
      .string()
      .min(1)
      .max(63)
      .regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/)
      .default('sfu')
      .describe('Name of the container in the pod template that is the SFU.'),
    podTemplate: z
      .object({
        metadata: z
          .object({
            labels: stringMap.optional().describe('Labels of the pods.'),
            annotations: stringMap.optional().describe('Annotations of the pods.'),
          })
          .optional()
          .describe('Labels and annotations of the pods.'),
        spec: podPart.describe(
          'The PodSpec; it needs a container named as sfuContainer. Kubernetes itself judges it, see the Accepted condition.',
        ),
      })
      .describe(
        'The pod of each node. The operator adds the agent sidecar, the start-up configuration and what a drain needs.',
      ),
    agent: agentSchema
      .meta({
        'x-kubernetes-validations': [
          {
            rule: 'self.leaseTTLSeconds >= 2 * self.heartbeatSeconds',
            message:
              'spec.agent.leaseTTLSeconds must be at least twice heartbeatSeconds, else one late heartbeat loses the registration; raise it',
          },
        ],
      })
      .describe('The sidecar that reports the load of the SFU and drains it.'),
    drain: z
      .object({
        deadlineSeconds: drainDeadlineSeconds.default(DEFAULT_DRAIN_SECONDS),
        emptySamples: z
          .int()
          .min(1)
          .max(100)
          .default(3)
          .describe('How many heartbeats in a row must say “nobody here” before the node counts as empty.'),
        evictGraceSeconds: z
          .int()
          .min(1)
          .max(600)
          .default(30)
          .describe('How long moving people off may take after the deadline, before the pod is deleted all the same.'),
      })
      .prefault({})
      .describe('How nodes of this class are emptied.'),
    health: z
      .object({
        startupTimeoutSeconds: z
          .int()
          .min(10)
          .max(86_400)
          .default(300)
          .describe(
            'A node whose pod exists, or is refused, for so long without becoming Running is deleted; its pool makes another. The time in which no host has room for the pod does not count.',
          ),
        unhealthyAfterSeconds: z
          .int()
          .min(5)
          .max(86_400)
          .default(30)
          .describe('How long heartbeat and pod must both be unwell before the node is deleted.'),
      })
      .prefault({})
      .describe('When nodes of this class are given up.'),
    protection: z
      .object({
        maxSeconds: z
          .int()
          .min(0)
          .max(604_800)
          .default(DEFAULT_PROTECTION_SECONDS)
          .describe(
            'For how long people on a node may keep its host, counted from when somebody first asked for it (a drain, an upgrade, an autoscaler). Then its pod can be evicted all the same.',
          ),
      })
      .prefault({})
      .describe('How long nodes of this class hold up the removal of their hosts.'),
    placement: z
      .enum(placements)
      .optional()
      .describe(
        'Where nodes would rather run. Spread: apart, over zones and hosts, so that a host takes few of them along. Pack: together, so that hosts become free. Nodes that run stay where they are, and what podTemplate says of the same matter goes before. Default: no wish.',
      ),
    rollout: z
      .enum(['RollingUpdate', 'OnDelete'])
      .default('RollingUpdate')
      .describe(
        'What a change of this class does to the nodes of pools. RollingUpdate: they are replaced as the strategy of their pool says. OnDelete: only nodes made anew get it.',
      ),
  })
  .describe('How nodes of this class are run.')
export type RTCNodeClassSpec = z.infer<typeof rtcNodeClassSpecSchema>

const rtcNodeClassStatusSchema = z
  .object({
    observedGeneration: z.int().min(0).optional().describe('The metadata.generation this status was judged against.'),
    conditions: conditionsSchema.optional(),
  })
  .describe('Whether this class can be used; written by the operator only.')
export type RTCNodeClassStatus = z.infer<typeof rtcNodeClassStatusSchema>

export interface RTCNodeClass extends KubeObject {
  readonly spec: RTCNodeClassSpec
  readonly status?: RTCNodeClassStatus
}

export const RTCNodeClassKind: Kind<RTCNodeClass> = {
  apiVersion: API_VERSION,
  kind: 'RTCNodeClass',
  plural: 'rtcnodeclasses',
  singular: 'rtcnodeclass',
  shortName: 'rtcc',
  namespaced: false,
  description:
    'RTCNodeClass says how a kind of SFU is run: its pod, its network, its agent and its defaults. Owned by the cluster admin.',
  spec: rtcNodeClassSpecSchema,
  status: rtcNodeClassStatusSchema,
  initialStatus: {},
  rules: [],
  columns: [
    { name: 'Adapter', type: 'string', jsonPath: '.spec.adapter', description: 'Which SFU' },
    { name: 'Network', type: 'string', jsonPath: '.spec.network.mode', description: 'HostNetwork or PodNetwork' },
    {
      name: 'Accepted',
      type: 'string',
      jsonPath: '.status.conditions[?(@.type=="Accepted")].status',
      description: 'Whether the API server accepts its pod',
    },
    { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp', description: 'Since when it exists' },
    {
      name: 'Message',
      type: 'string',
      jsonPath: '.status.conditions[?(@.type=="Accepted")].message',
      description: 'Why, as a sentence',
      wide: true,
    },
  ],
  conditions: { Accepted: 'The API server accepts the pod this class makes, tried without making it.' },
  reasons: classReasons,
}
