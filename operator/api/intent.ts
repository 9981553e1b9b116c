// What the operator wants of one node, under /sfu/intents/<namespace>/<name>. Written by the lifecycle controller, obeyed
// by the agent, read by signalling servers. Its revision is the key's modification revision in etcd, which the agent
// echoes as `ackIntent`: nothing else can be older or newer than it seems.
import { z } from 'zod'
import { timestamp } from './meta.ts'

/**
 * How far a drain is: `wait` until people leave by themselves; `evict` those who are left, telling them to reconnect;
 * `leave` the registry, because the pod goes next. It only moves forward. The operator moves it, never the agent's clock.
 */
export const drainStages = ['wait', 'evict', 'leave'] as const
export type DrainStage = (typeof drainStages)[number]

export const intentSchema = z
  .object({
    podUID: z.string().min(1).max(64).describe('The pod this is meant for; an agent of another pod ignores it.'),
    admission: z.enum(['open', 'closed']).describe('Whether new rooms may be placed here.'),
    weight: z.number().min(0).max(1).default(1).describe('Share of new rooms relative to other nodes.'),
    joinsPerSecond: z
      .number()
      .min(0)
      .optional()
      .describe('Upper bound on joins per second, into rooms that are there.'),
    tier: z
      .enum(['prewarm', 'shed', 'protect'])
      .optional()
      .describe(
        'Load keeps the node so: a smaller share of rooms, none, or a limit on joins too. Absent: it does not.',
      ),
    drain: z
      .object({
        reason: z.string().max(64).describe('Why the node drains.'),
        deadline: timestamp.describe('When those who are left will be moved off. Informs; `stage` decides.'),
        stage: z.enum(drainStages).describe('What the agent has to do now.'),
      })
      .optional()
      .describe('Present from when the node is to go until it is gone.'),
  })
  .readonly()
  .describe('What the operator wants of a node.')
export type Intent = z.infer<typeof intentSchema>
