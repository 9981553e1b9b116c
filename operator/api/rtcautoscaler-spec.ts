// What people write into an RTCAutoscaler: goals, bounds, and how fast replicas may change. See rtcautoscaler.ts.
import { z } from 'zod'
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

export const rtcAutoscalerSpecSchema = z
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
