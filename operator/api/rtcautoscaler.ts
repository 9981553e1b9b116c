// RTCAutoscaler: keeps the latency of a pool at its goal by setting its replicas. People write the spec, the autoscaler
// controller writes the status; the pool is only touched through its scale subresource.
import { z } from 'zod'
import type { Kind } from './kind.ts'
import { API_VERSION, conditionsSchema, type KubeObject, timestamp } from './meta.ts'
import { autoscalerReasons } from './reasons.ts'
import { MAX_REPLICAS } from './rtcnodepool.ts'

const replicas = z.int().min(0).max(MAX_REPLICAS)
/** A minimum like 0.001 would let 0 pass: the API server cuts it to a whole number when the value is one. */
const above0 = (max: number) => z.number().gt(0).max(max)

const targetsSchema = z
  .object({
    joinLatencyP99Ms: above0(600_000)
      .optional()
      .describe('Goal for the 99th percentile of the time to join, milliseconds. Calibrates how full nodes may be.'),
    forwardLatencyP99Ms: above0(60_000)
      .optional()
      .describe('Goal for the 99th percentile of the time a packet spends in the SFU, milliseconds. Calibrates too.'),
    packetLossPercent: above0(100)
      .optional()
      .describe('Goal for the mean packet loss the SFU sees, percent. Calibrates too.'),
    cpuPercent: above0(1_000)
      .optional()
      .describe('CPU at which a node is full, percent of what its pod may use. Default: 90.'),
    streamsPerNode: above0(1_000_000).optional().describe('Forwarded media tracks at which a node is full.'),
    bandwidthMbps: above0(1_000_000)
      .optional()
      .describe('Media in and out at which a node is full, megabits per second.'),
    packetsPerSecond: above0(1e9).optional().describe('RTP packets in and out per second at which a node is full.'),
    gpuMemoryFreeMiB: above0(1e9)
      .optional()
      .describe('A node is full when it has no more free GPU memory than this, MiB.'),
    nicQueueDepth: above0(1e9)
      .optional()
      .describe('Packets waiting in the network card queues at which a node is full.'),
  })
  .meta({
    minProperties: 1,
  })
  .describe(
    'What is to be kept, at least one. Latencies and loss calibrate; the others say when a node is full (pressure 1). CPU always counts.',
  )
export type Targets = z.infer<typeof targetsSchema>

const level = (enter: number, exit: number, what: string) =>
  z
    .object({
      enter: z.number().min(0.05).max(2).default(enter).describe('Pressure from which it holds.'),
      exit: z.number().gt(0).max(2).default(exit).describe('Pressure below which it holds no more, after a minute.'),
    })
    .prefault({})
    .meta({
      'x-kubernetes-validations': [
        // The API server judges the default `{}` before it fills in those below.
        {
          rule: '!has(self.exit) || self.exit < self.enter',
          message: 'exit must be less than enter, else a node would flap; lower exit',
        },
      ],
    })
    .describe(what)

/** As above. */
const notYetFilledIn = '!has(self.prewarm)'

const watermarksSchema = z
  .object({
    prewarm: level(0.65, 0.55, 'The node gets a smaller share of new rooms, and the pool more room.'),
    shed: level(0.82, 0.72, 'The node takes no new rooms.'),
    protect: level(0.95, 0.85, 'People join rooms on the node only as fast as it can bear.'),
  })
  .prefault({})
  .meta({
    'x-kubernetes-validations': [
      {
        rule: `${notYetFilledIn} || (self.prewarm.enter < self.shed.enter && self.shed.enter < self.protect.enter)`,
        message: 'watermarks must rise: prewarm.enter < shed.enter < protect.enter',
      },
      {
        rule: `${notYetFilledIn} || (self.prewarm.exit <= self.shed.exit && self.shed.exit <= self.protect.exit)`,
        message: 'watermarks must rise: prewarm.exit <= shed.exit <= protect.exit',
      },
    ],
  })
  .describe('Pressures at which a node is treated otherwise. Nodes shed, only the pool as a whole buys nodes.')
export type Watermarks = z.infer<typeof watermarksSchema>

const scalingRules = (windowSeconds: number, tolerance: number, description: string, policies: readonly object[]) =>
  z
    .object({
      stabilizationWindowSeconds: z
        .int()
        .min(0)
        .max(3_600)
        .default(windowSeconds)
        .describe('Upwards the smallest, downwards the largest need of so long counts, in seconds.'),
      selectPolicy: z
        .enum(['Max', 'Min', 'Disabled'])
        .default('Max')
        .describe(
          'Which policy counts: the one that lets most or least change, or no change at all in this direction.',
        ),
      policies: z
        .array(
          z.object({
            type: z.enum(['Pods', 'Percent']).describe('Whether value is a number of nodes or a share of replicas.'),
            value: z.int().min(1).max(100_000).describe('So much change is let in periodSeconds.'),
            periodSeconds: z.int().min(1).max(1_800).describe('The time that is looked back on, in seconds.'),
          }),
        )
        .min(1)
        .max(8)
        .default(policies as never)
        .describe('How fast replicas may change.'),
      tolerance: z
        .number()
        .min(0)
        .max(1)
        .default(tolerance)
        .describe('A change by this share of replicas, or less, is not made.'),
    })
    .prefault({})
    .describe(description)

const behaviorSchema = z
  .object({
    scaleUp: scalingRules(0, 0, 'How replicas are raised.', [
      { type: 'Percent', value: 100, periodSeconds: 30 },
      { type: 'Pods', value: 4, periodSeconds: 30 },
    ]),
    scaleDown: scalingRules(600, 0.02, 'How replicas are lowered.', [
      { type: 'Percent', value: 100, periodSeconds: 15 },
    ]),
  })
  .prefault({})
  .describe('As spec.behavior of a HorizontalPodAutoscaler v2, in shape and meaning.')
export type Behavior = z.infer<typeof behaviorSchema>
export type ScalingRules = Behavior['scaleUp']

const cron = (what: string) =>
  z.string().min(9).max(128).describe(`${what}, as a cron line of five fields: minute hour day month weekday.`)

const scheduleSchema = z
  .object({
    name: z.string().min(1).max(63).describe('What it is for; shown when it counts.'),
    start: cron('When it begins'),
    end: cron('When it ends'),
    timeZone: z.string().min(1).max(64).default('Etc/UTC').describe('IANA name, for example Europe/Berlin.'),
    minReplicas: replicas.optional().describe('Counts instead of spec.minReplicas.'),
    maxReplicas: replicas.optional().describe('Counts instead of spec.maxReplicas.'),
    idealReplicas: replicas.optional().describe('At least so many, as long as that is not above the maximum.'),
  })
  .meta({
    'x-kubernetes-validations': [
      {
        rule: 'has(self.minReplicas) || has(self.maxReplicas) || has(self.idealReplicas)',
        message: 'a schedule must set minReplicas, maxReplicas or idealReplicas, else it does nothing',
      },
      {
        rule: '!has(self.minReplicas) || !has(self.maxReplicas) || self.minReplicas <= self.maxReplicas',
        message: 'minReplicas of a schedule must not be greater than its maxReplicas',
      },
    ],
  })

const rtcAutoscalerSpecSchema = z
  .object({
    poolName: z
      .string()
      .min(1)
      .max(57)
      .regex(/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/)
      .describe('The RTCNodePool of the same namespace whose replicas it sets.'),
    minReplicas: replicas.default(1).describe('Never fewer nodes than this.'),
    maxReplicas: replicas.min(1).describe('Never more nodes than this; those that empty come on top.'),
    mode: z
      .enum(['Apply', 'Recommend'])
      .default('Apply')
      .describe('Recommend: works everything out and shows it, changes nothing.'),
    paused: z.boolean().default(false).describe('true: replicas are left alone, whatever is worked out.'),
    targets: targetsSchema,
    watermarks: watermarksSchema,
    forecast: z
      .object({
        enabled: z.boolean().default(true).describe('Whether demand to come is forecast.'),
        mode: z
          .enum(['Apply', 'Recommend'])
          .default('Recommend')
          .describe('Recommend: learned daily and hourly shapes are shown with their error, and do not count yet.'),
      })
      .prefault({})
      .describe('Demand to come, learned from the past. A forecast can only raise what is needed.'),
    fallback: z
      .object({
        replicas: replicas
          .optional()
          .describe('At least so many when too few nodes report. Default: as many as there are.'),
        afterSeconds: z.int().min(10).max(3_600).default(60).describe('How long that must last first, in seconds.'),
      })
      .prefault({})
      .describe('When less than half of the pool reports, or the registry is out of sight. It only raises.'),
    behavior: behaviorSchema,
    schedules: z
      .array(scheduleSchema)
      .max(16)
      .default([])
      .meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['name'] })
      .describe('Known peaks and quiet times. While several hold, the largest numbers count.'),
    warmSpares: z.int().min(0).max(1_000).default(0).describe('Always so many nodes more than the load needs.'),
  })
  .meta({
    'x-kubernetes-validations': [
      {
        rule: 'self.minReplicas <= self.maxReplicas',
        message: 'spec.minReplicas must not be greater than spec.maxReplicas; raise maxReplicas or lower minReplicas',
      },
      {
        rule: '!has(self.fallback) || !has(self.fallback.replicas) || self.fallback.replicas <= self.maxReplicas',
        message: 'spec.fallback.replicas must not be greater than spec.maxReplicas',
      },
    ],
  })
  .describe('What is wanted of this autoscaler.')
export type RTCAutoscalerSpec = z.infer<typeof rtcAutoscalerSpecSchema>
export type Schedule = RTCAutoscalerSpec['schedules'][number]

const figure = (description: string) => z.number().describe(description)
const count = (description: string) => z.int().min(0).describe(description)

/** The terms of one decision: with the formula in docs/scaling.md anybody can work it out again. */
const termsSchema = z.object({
  demand: figure('Load of all nodes, in units (forwarded streams where the SFU tells them).').optional(),
  draining: figure('The part of it on nodes that take no new rooms.').optional(),
  forecast: figure('Demand that is prepared for, in units; never less than demand.').optional(),
  forecastBy: z
    .enum(['now', 'trend', 'hour', 'day'])
    .optional()
    .describe('What it comes from: load now, its slope, the minute of the hour, the minute of the day.'),
  capacity: figure('Units a node bears at pressure 1, learned.').optional(),
  safePressure: figure('The mean pressure that nodes may have: trim × knee − margin.').optional(),
  knee: figure('The pressure at which the goal is just met, learned.').optional(),
  trim: figure('Factor below 1 while too many joins are late.').optional(),
  margin: figure('How far below that the mean must stay, because nodes differ.').optional(),
  warm: count('Spare nodes.').optional(),
  needed: count('Replicas by the formula, before any limit.').optional(),
})
export type Terms = z.infer<typeof termsSchema>

const decisionSchema = z.object({
  at: timestamp.describe('When replicas were changed, or would have been.'),
  from: count('Replicas before.'),
  to: count('Replicas after.'),
  why: z.string().max(512).describe('In one line: where the number comes from.'),
  limits: z.array(z.string().max(64)).max(16).describe('What kept the number from being another.'),
  terms: termsSchema.describe('The terms of the formula.'),
})

const leadTimeSchema = z.object({
  warmSeconds: figure(
    'From the wish until a node takes rooms, nine times in ten, when a host has room; in seconds.',
  ).optional(),
  coldSeconds: figure('The same when a host must be made first; in seconds.').optional(),
})

const forecastSchema = z.object({
  demand: figure('Demand that it expects, in units.'),
  counts: z.boolean().describe('It has been right often enough. Hour and day also need spec.forecast.mode Apply.'),
  errorPercent: figure('How far it has been off lately, percent of demand.').optional(),
})

const rtcAutoscalerStatusSchema = z
  .object({
    observedGeneration: count('The metadata.generation this status was judged against.').optional(),
    currentReplicas: count('Replicas of the pool now.').optional(),
    desiredReplicas: count('Replicas that are wanted, within all limits.').optional(),
    recommendedReplicas: count('Replicas by the formula, before limits.').optional(),
    pressure: figure('Mean pressure of the nodes that take rooms; 1 is full.').optional(),
    latency: z
      .string()
      .max(64)
      .optional()
      .describe('The worst quality figure against its goal, for example "820/1500ms".'),
    joinLatencyP99Ms: figure('99th percentile of the time to join over the pool, milliseconds.').optional(),
    freshPercent: figure('Share of the pool that reports, by capacity, percent.').optional(),
    terms: termsSchema
      .optional()
      .describe('The terms of the formula as they are now; written when they move, at most every 30 s.'),
    forecastErrorPercent: figure('How far the forecast has been off lately, percent of demand.').optional(),
    forecasts: z
      .object({
        trend: forecastSchema.describe('By its slope.'),
        hour: forecastSchema.describe('By what the minute of the hour has brought before.'),
        day: forecastSchema.describe('By what the minute of the day has brought before.'),
      })
      .optional()
      .describe('What each way to tell it says of the demand until a new node takes rooms.'),
    leadTime: leadTimeSchema.optional().describe('Measured from the wish for a node until it takes rooms.'),
    lastDecision: decisionSchema.optional().describe('The last change.'),
    lastScaleTime: timestamp.optional().describe('When replicas were last changed.'),
    learned: z
      .object({
        version: count('Form of data.'),
        at: timestamp.describe('When it was written; at most every ten minutes.'),
        data: z
          .string()
          .max(16_384)
          .describe('What was learned about load and latency, compact, so that it survives a restart.'),
      })
      .optional()
      .describe('What was learned; removing it begins anew.'),
    conditions: conditionsSchema.optional(),
  })
  .describe('How this autoscaler is; written by the operator only.')
export type RTCAutoscalerStatus = z.infer<typeof rtcAutoscalerStatusSchema>

export interface RTCAutoscaler extends KubeObject {
  readonly spec: RTCAutoscalerSpec
  readonly status?: RTCAutoscalerStatus
}

const autoscalerConditions = {
  ScalingActive: 'It works out replicas and sets them. Its reason is the column Reason.',
  AbleToScale: 'The pool is there and takes a number.',
  ScalingLimited: 'A limit keeps the number from being what the formula says.',
  LatencyNotLoadRelated: 'Latency is bad while load is low: more nodes would not help, so none are made.',
  Fallback: 'Too few nodes report for long; the pool is held, or raised to spec.fallback.replicas.',
  ExternallyManaged: 'An HPA or a ScaledObject sets the replicas of the pool; this one stands back.',
  TelemetryDegraded: 'Part of the pool does not report; nothing is taken away.',
} as const
export type AutoscalerConditionType = keyof typeof autoscalerConditions

const active = (field: 'reason' | 'message' | 'status'): string =>
  `.status.conditions[?(@.type=="ScalingActive")].${field}`

export const RTCAutoscalerKind: Kind<RTCAutoscaler> = {
  apiVersion: API_VERSION,
  kind: 'RTCAutoscaler',
  plural: 'rtcautoscalers',
  singular: 'rtcautoscaler',
  shortName: 'rtca',
  namespaced: true,
  description:
    'RTCAutoscaler keeps the latency of an RTCNodePool at its goal: load decides how many nodes there are, latency calibrates how full they may be, and every decision explains itself.',
  spec: rtcAutoscalerSpecSchema,
  status: rtcAutoscalerStatusSchema,
  initialStatus: {},
  rules: [],
  columns: [
    { name: 'Pool', type: 'string', jsonPath: '.spec.poolName', description: 'The pool it scales' },
    { name: 'Current', type: 'integer', jsonPath: '.status.currentReplicas', description: 'Replicas now' },
    { name: 'Desired', type: 'integer', jsonPath: '.status.desiredReplicas', description: 'Replicas wanted' },
    { name: 'Pressure', type: 'number', jsonPath: '.status.pressure', description: 'Mean pressure; 1 is full' },
    { name: 'Latency', type: 'string', jsonPath: '.status.latency', description: 'Against its goal' },
    { name: 'Mode', type: 'string', jsonPath: '.spec.mode', description: 'Apply or Recommend' },
    { name: 'Active', type: 'string', jsonPath: active('status'), description: 'Whether it scales' },
    { name: 'Reason', type: 'string', jsonPath: active('reason'), description: 'What is going on' },
    { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp', description: 'Since when it exists' },
    { name: 'Min', type: 'integer', jsonPath: '.spec.minReplicas', description: 'Lower bound', wide: true },
    { name: 'Max', type: 'integer', jsonPath: '.spec.maxReplicas', description: 'Upper bound', wide: true },
    {
      name: 'Why',
      type: 'string',
      jsonPath: '.status.lastDecision.why',
      description: 'Where the last number comes from',
      wide: true,
    },
  ],
  conditions: autoscalerConditions,
  reasons: autoscalerReasons,
}
