// RTCNode: one SFU media node; one pod, one registry key, one life. People and pools write the spec, the lifecycle
// controller writes the status.
import { z } from 'zod'
import type { Kind } from './kind.ts'
import { API_VERSION, conditionsSchema, type KubeObject, timestamp } from './meta.ts'
import { nodeReasons } from './reasons.ts'

/** A week: longer than any call, short enough that a drain surely ends. */
export const MAX_DRAIN_SECONDS = 604_800
/** Used when neither the node nor its class (it may be gone) says how long people may stay. */
export const DEFAULT_DRAIN_SECONDS = 3_600

export const drainDeadlineSeconds = z
  .int()
  .min(0)
  .max(MAX_DRAIN_SECONDS)
  .describe(
    'How long people in calls may stay once the node is to go, in seconds (0 to 604800, a week). Whoever is left then is told to reconnect elsewhere.',
  )

export const className = z
  .string()
  .min(1)
  .max(63)
  .regex(/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/)

export const region = z
  .string()
  .min(1)
  .max(63)
  .optional()
  .describe("Region the node serves. Default: the host's topology.kubernetes.io/region label.")

const rtcNodeSpecSchema = z
  .object({
    className: className
      .describe(
        'Name of the RTCNodeClass that says how this SFU is run. Cannot be changed: make a new RTCNode instead.',
      )
      .meta({
        'x-kubernetes-validations': [
          {
            rule: 'self == oldSelf',
            message: 'spec.className cannot be changed; create a new RTCNode with the other class',
          },
        ],
      }),
    region,
    cordoned: z.boolean().default(false).describe('true: no new rooms, running calls go on. Reversible.'),
    drain: z
      .object({ deadlineSeconds: drainDeadlineSeconds.optional() })
      .optional()
      .describe('How this node is emptied when it is deleted. Default: what its class says.'),
  })
  .describe('What is wanted of this node.')
export type RTCNodeSpec = z.infer<typeof rtcNodeSpecSchema>

export const phases = ['Pending', 'Running', 'Terminating'] as const
/** Only moves forward. Pending: not serving yet. Running: has served. Terminating: deleted, its people may finish. */
export type Phase = (typeof phases)[number]

export const portSchema = z.object({
  name: z
    .string()
    .min(1)
    .max(15)
    .regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/)
    .describe('What it is for, for example signal or rtc-udp; also the name of the container port.'),
  port: z.int().min(1).max(65_535).describe('Port number.'),
  protocol: z.enum(['TCP', 'UDP']).default('TCP').describe('Transport protocol.'),
})
export type NodePort = z.infer<typeof portSchema>

const loadStatusSchema = z.object({
  sessions: z.int().min(0).describe('Participants connected.'),
  rooms: z.int().min(0).optional().describe('Rooms with somebody in them.'),
  streams: z.int().min(0).optional().describe('Media tracks forwarded.'),
  cpuPercent: z.number().optional().describe('CPU in use, percent of what the pod may use.'),
  joinLatencyP99Ms: z.number().optional().describe('99th percentile of the time to join, milliseconds.'),
  observedAt: timestamp.describe('When this was read. Written on material change only, at most every 30 s.'),
})
export type LoadStatus = z.infer<typeof loadStatusSchema>

const drainStatusSchema = z.object({
  reason: z.string().max(64).describe('Why the node goes.'),
  startedAt: timestamp.describe('When the drain began.'),
  deadline: timestamp.describe('Until when people may stay. Written once; it never moves.'),
  sessionsRemaining: z.int().min(0).optional().describe('Participants still connected; absent while that is unknown.'),
  skipped: z
    .array(z.string().max(128))
    .max(8)
    .optional()
    .meta({ 'x-kubernetes-list-type': 'set' })
    .describe('Steps of the drain that had to be given up after the deadline, because nobody answered.'),
})
export type DrainStatus = z.infer<typeof drainStatusSchema>

const disruptionStatusSchema = z.object({
  kind: z
    .enum(['Advisory', 'Planned', 'Imminent'])
    .describe('Advisory: it may go. Planned: it goes, and there is time to move. Imminent: it goes now, or has gone.'),
  deadline: timestamp.optional().describe('When the host is to be gone; absent while nobody has said so.'),
})
export type DisruptionStatus = z.infer<typeof disruptionStatusSchema>

export const conditionTypes = [
  'Scheduled',
  'Registered',
  'Ready',
  'AdmissionOpen',
  'TelemetryLost',
  'Disrupted',
  'Drained',
] as const
export type ConditionType = (typeof conditionTypes)[number]

const rtcNodeStatusSchema = z
  .object({
    phase: z.enum(phases).describe('Pending, Running or Terminating; only moves forward.'),
    observedGeneration: z.int().min(0).optional().describe('The metadata.generation this status was judged against.'),
    podName: z.string().max(253).optional().describe('Its pod.'),
    podUID: z.string().max(64).optional().describe('The one pod of this life.'),
    classHash: z.string().max(16).optional().describe('Hash of the class as its pod was made from it.'),
    nodeName: z.string().max(253).optional().describe('The host (Kubernetes node) it runs on.'),
    address: z.string().max(253).optional().describe('Where clients reach the SFU.'),
    region: z.string().max(63).optional().describe('Region it serves.'),
    ports: z
      .array(portSchema)
      .max(32)
      .optional()
      .meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['name'] })
      .describe('Ports clients use, from the class.'),
    load: loadStatusSchema.optional().describe('A coarse picture of the load. The live one is in the registry.'),
    drain: drainStatusSchema.optional().describe('How the drain goes, once the node was deleted.'),
    disruption: disruptionStatusSchema
      .optional()
      .describe('Its host is about to go, or may be; who says so is in the condition Disrupted.'),
    conditions: conditionsSchema.optional(),
  })
  .describe('How this node is; written by the operator only.')
export type RTCNodeStatus = z.infer<typeof rtcNodeStatusSchema>

export interface RTCNode extends KubeObject {
  readonly spec: RTCNodeSpec
  readonly status?: RTCNodeStatus
}

export const RTCNodeKind: Kind<RTCNode> = {
  apiVersion: API_VERSION,
  kind: 'RTCNode',
  plural: 'rtcnodes',
  singular: 'rtcnode',
  shortName: 'rtcn',
  namespaced: true,
  description:
    'RTCNode is one SFU media node: one pod, one registry key, one life. Deleting it drains it: no new rooms, people may finish their calls until the deadline.',
  spec: rtcNodeSpecSchema,
  status: rtcNodeStatusSchema,
  initialStatus: { phase: 'Pending' },
  rules: [
    {
      rule: 'self.metadata.name.size() <= 63',
      message:
        'metadata.name must have at most 63 characters, because the pod of this RTCNode gets the same name; choose a shorter name',
    },
  ],
  columns: [
    { name: 'Phase', type: 'string', jsonPath: '.status.phase', description: 'Pending, Running or Terminating' },
    {
      name: 'Reason',
      type: 'string',
      jsonPath: '.status.conditions[?(@.type=="Ready")].reason',
      description: 'Why it is there',
    },
    {
      name: 'Sessions',
      type: 'integer',
      jsonPath: '.status.load.sessions',
      description: 'Participants connected, coarse',
    },
    { name: 'Host', type: 'string', jsonPath: '.status.nodeName', description: 'The host it runs on' },
    { name: 'Address', type: 'string', jsonPath: '.status.address', description: 'Where clients reach it' },
    { name: 'Deadline', type: 'string', jsonPath: '.status.drain.deadline', description: 'Until when people may stay' },
    {
      name: 'Disrupted',
      type: 'string',
      jsonPath: '.status.disruption.kind',
      description: 'Whether its host is about to go',
    },
    { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp', description: 'Since when it exists' },
    { name: 'Class', type: 'string', jsonPath: '.spec.className', description: 'Its class', wide: true },
    { name: 'Region', type: 'string', jsonPath: '.status.region', description: 'Region it serves', wide: true },
    {
      name: 'HostUntil',
      type: 'string',
      jsonPath: '.status.disruption.deadline',
      description: 'When its host is to be gone',
      wide: true,
    },
    {
      name: 'Message',
      type: 'string',
      jsonPath: '.status.conditions[?(@.type=="Ready")].message',
      description: 'Why, as a sentence',
      wide: true,
    },
  ],
  conditions: {
    Scheduled: 'Its pod has a host.',
    Registered: 'Its agent has registered, with the UID of its pod.',
    Ready: 'It serves: the pod is ready and the heartbeat is fresh. Its reason says where the node is in its life.',
    AdmissionOpen: 'New rooms may be placed on it, and its agent knows.',
    TelemetryLost: 'The pod is ready but the heartbeat is missing: its load is unknown.',
    Disrupted:
      'Its host is about to go, or its pod was ended by somebody else. Its reason is the signal. There only if that was ever so.',
    Drained: 'Nobody is left on it.',
  } satisfies Record<ConditionType, string>,
  reasons: nodeReasons,
}
