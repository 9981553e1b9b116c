// How an SFU bears load: from forwarded streams to CPU and join latency, and how long a node takes to start. The numbers come
// from a file that `make calibrate` writes; the world asks this for every beat and every join.
import { z } from 'zod'
import { normalQuantile, normalShareAbove } from './normal.ts'

const times = z
  .strictObject({ p50: z.number().min(0).max(3_600), p90: z.number().min(0).max(7_200) })
  .refine(({ p50, p90 }) => p50 <= p90, 'p50 must not be greater than p90')

export const sfuModelSchema = z.strictObject({
  sfu: z.string().min(1).describe('Which SFU, of which version, on how many cores.'),
  origin: z.string().min(1).describe('Where the numbers come from.'),
  measuredOn: z.iso.date().optional(),
  machine: z.string().optional().describe('The machine it was measured on.'),
  node: z
    .strictObject({
      cores: z.number().min(0.05).max(1_024).describe('CPU that the pod of a node may use.'),
      streamsAtFull: z
        .number()
        .min(1)
        .max(1_000_000)
        .describe('Forwarded tracks, published plus subscribed, at which all of that CPU is used.'),
      idleCpuPercent: z.number().min(0).max(50).describe('CPU with nobody there, percent of what the pod may use.'),
      cpuNoise: z.number().min(0).max(1).describe('Standard deviation of a CPU reading, as a share of it.'),
    })
    .describe('One node. CPU rises in proportion to streams.'),
  joinLatencyP99: z
    .strictObject({
      idleMs: z.number().min(0).max(60_000).describe('j0: on an idle node.'),
      risingMs: z.number().min(0).max(60_000).describe('j1: what ρ/(1−ρ) is multiplied with.'),
      mostMs: z.number().min(1).max(600_000).describe('A client gives up then, so no join takes longer.'),
      spread: z.number().min(0).max(3).describe('Standard deviation of the logarithm of a single join.'),
    })
    .describe('99th percentile of the time to join: j0 + j1·ρ/(1−ρ), where ρ is the share of all CPU in use.'),
  startUp: z
    .strictObject({
      onHostSeconds: times.describe('From the wish for a node until it takes rooms, where a host has room.'),
      hostSeconds: times.describe('How much longer when a host must be made first.'),
    })
    .describe('How long nodes take to start; single starts are log-normal between these.'),
  measurement: z
    .record(z.string(), z.unknown())
    .optional()
    .describe('How it was measured and what is uncertain, for people: the simulator does not read it.'),
})
export type SfuModel = z.infer<typeof sfuModelSchema>

/** Share of all CPU in use at so many streams; above 1 there is more to do than can be done. */
export const utilisationAt = ({ node }: SfuModel, streams: number): number => {
  const idle = node.idleCpuPercent / 100
  return idle + ((1 - idle) * streams) / node.streamsAtFull
}

export const joinP99Ms = ({ joinLatencyP99: { idleMs, risingMs, mostMs } }: SfuModel, utilisation: number): number =>
  utilisation >= 1 ? mostMs : Math.min(mostMs, idleMs + (risingMs * utilisation) / (1 - utilisation))

/** The utilisation at which the 99th percentile is `goalMs`; 0 when an idle node misses it. */
export const utilisationFor = ({ joinLatencyP99: { idleMs, risingMs } }: SfuModel, goalMs: number): number =>
  goalMs <= idleMs ? 0 : (goalMs - idleMs) / (goalMs - idleMs + risingMs)

const Z99 = normalQuantile(0.99)

/** Which share of joins takes longer than `goalMs`, where so many take longer than `p99Ms` as the name says. */
export function lateShare({ joinLatencyP99: { spread } }: SfuModel, p99Ms: number, goalMs: number): number {
  if (spread === 0) return p99Ms > goalMs ? 1 : 0
  return normalShareAbove(Z99 + Math.log(goalMs / p99Ms) / spread)
}

/** Of so many joins the slowest stands at this quantile, until there are enough for the 99th percentile itself. */
const seenOf = Float64Array.from({ length: 100 }, (_, count) => normalQuantile(count / (count + 1)))

/** What `count` joins would show as their 99th percentile: of few, it is the slowest. `deviate` is a normal one, for chance. */
export function observedP99Ms(
  { joinLatencyP99: { spread } }: SfuModel,
  p99Ms: number,
  count: number,
  deviate: number,
): number {
  const seen = Math.min(Z99, seenOf[count] ?? Z99)
  return p99Ms * Math.exp(spread * (seen - Z99 + deviate / Math.sqrt(count)))
}

const Z90 = normalQuantile(0.9)

/** A log-normal time with these percentiles, for this normal deviate. */
export const timeAt = ({ p50, p90 }: { readonly p50: number; readonly p90: number }, deviate: number): number =>
  p50 === 0 ? 0 : p50 * (p90 / p50) ** (deviate / Z90)
