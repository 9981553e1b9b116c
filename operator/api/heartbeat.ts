// What an SFU's agent writes under /sfu/nodes/<namespace>/<name>, bound to its lease. Written by the agent, read by the
// operator and by signalling servers. Whatever does not fit this schema is *unknown*: it is never read as zero.
import { z } from 'zod'

const count = (max: number) => z.int().min(0).max(max)
const measure = (max: number) => z.number().min(0).max(max)

/** Load and quality; each is optional because not every SFU can tell it. Absent means unknown, never zero. */
const loadFields = {
  cpu: measure(10_000)
    .optional()
    .describe('CPU in use, percent of what the pod may use; over 100 when it is throttled.'),
  mem: measure(10_000).optional().describe('Memory in use, percent of what the pod may use.'),
  streams: count(1_000_000).optional().describe('Media tracks forwarded: published plus subscribed.'),
  rooms: count(1_000_000).optional().describe('Rooms, conferences or routers with somebody in them.'),
  bandwidthMbps: measure(1_000_000).optional().describe('Media in and out, megabits per second.'),
  packetsPerSecond: measure(1e9).optional().describe('RTP packets in and out per second.'),
  joinLatencyP99Ms: measure(3_600_000).optional().describe('99th percentile of the time to join, milliseconds.'),
  joins: count(1_000_000_000)
    .optional()
    .describe('How many joins joinLatencyP99Ms was taken over: those of the last 30 s. Few make it meaningless.'),
  forwardLatencyP99Ms: measure(60_000)
    .optional()
    .describe('99th percentile of the time a packet spends in the SFU, milliseconds.'),
  packetLossPercent: measure(100).optional().describe('Mean packet loss the SFU sees, percent.'),
  jitterMs: measure(60_000).optional().describe('Mean interarrival jitter (RFC 3550), milliseconds.'),
  rttMs: measure(60_000).optional().describe('Mean round-trip time to participants, milliseconds.'),
  nackRate: measure(1e9).optional().describe('Negative acknowledgements per second.'),
  pliRate: measure(1e9).optional().describe('Picture-loss indications per second.'),
  gpuMemoryFreeMiB: measure(1e9).optional().describe('Free GPU memory, MiB.'),
  nicQueueDepth: measure(1e9).optional().describe('Packets waiting in the network card queues.'),
  migInstance: z.string().max(256).optional().describe('The MIG slice of the GPU this node runs on.'),
}

/** The full form: who writes (pod and boot), how far (seq), and what the node does now. Unknown fields pass through. */
export const heartbeatSchema = z
  .looseObject({
    podUID: z.string().min(1).max(64).describe('metadata.uid of the pod that writes: binds the value to one life.'),
    bootId: z
      .string()
      .min(1)
      .max(64)
      .describe('Changes whenever the SFU process starts anew; sessions of an older boot are gone.'),
    seq: count(Number.MAX_SAFE_INTEGER).describe('Grows by one with each heartbeat of one agent process.'),
    state: z
      .enum(['serving', 'closed', 'draining'])
      .describe('What the agent does: admits rooms, admits none, admits none and empties.'),
    sessions: count(1_000_000).describe('Participants connected now.'),
    ...loadFields,
    address: z.string().max(253).optional().describe('Where clients reach this SFU.'),
    region: z.string().max(63).optional().describe('Region it serves.'),
    version: z.string().max(64).optional().describe('Version of the SFU.'),
    ackIntent: count(Number.MAX_SAFE_INTEGER)
      .optional()
      .describe('Registry revision of the intent that is obeyed now.'),
  })
  .readonly()
  .describe('What an agent tells of its node, bound to a lease.')
export type Heartbeat = z.infer<typeof heartbeatSchema>

/** Nobody is there, nor in a room, and nobody new comes. */
export const isClosedAndEmpty = ({ state, sessions, rooms = 0 }: Heartbeat): boolean =>
  state !== 'serving' && sessions === 0 && rooms === 0

/** Of the same boot of the same pod: what one says goes on where the other ended. */
export const isSameWriter = (a: Writer, b: Writer): boolean => a.podUID === b.podUID && a.bootId === b.bootId
export type Writer = Pick<Heartbeat, 'podUID' | 'bootId'>

/** What simple SFUs already write. It tells load but neither identity nor sessions: those come from the key and the lease. */
export const plainLoadSchema = z
  .looseObject({ cpu: measure(10_000), mem: measure(10_000), streams: count(1_000_000) })
  .refine(value => !('podUID' in value), 'a value with podUID must be a full heartbeat')
  .readonly()
export type PlainLoad = z.infer<typeof plainLoadSchema>
