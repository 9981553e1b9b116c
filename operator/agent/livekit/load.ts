// Which of LiveKit's metrics mean what, and the load they amount to over the last scrapes. Pure. Called by livekit.ts.
import { later, type Monotonic } from '../../ambient/clock.ts'
import type { SfuLoad } from '../adapter.ts'
import { type Histogram, mean, observedBetween, quantile, rate, type Scrape } from './metrics.ts'

/** Where each figure is found; the first name that this version exposes counts. As of livekit-server 1.13.5. */
const sources = {
  participants: ['livekit_participant_total'],
  published: ['livekit_track_published_total'],
  subscribed: ['livekit_track_subscribed_total'],
  bytes: ['livekit_packet_bytes'],
  packets: ['livekit_packet_total'],
  nacks: ['livekit_nack_total'],
  plis: ['livekit_pli_total'],
  // Until the server has answered the join (1.13.2 and later); before that, until media is connected.
  joinLatencyMs: ['livekit_session_join_latency_ms', 'livekit_session_start_time_ms'],
  // Only when rtc.forward_stats is configured.
  forwardLatencyNs: ['livekit_forward_latency_ns'],
  lossPercent: ['livekit_packet_loss_percent'],
  jitterUs: ['livekit_jitter_us'],
  rttMs: ['livekit_rtt_ms'],
  cpuSeconds: ['process_cpu_seconds_total'],
  startedAt: ['process_start_time_seconds'],
} as const
type Figure = keyof typeof sources
export const wanted: ReadonlySet<string> = new Set(Object.values(sources).flat())

/** Rates look back this far: LiveKit's own counters are fed in bursts of some seconds. */
const RATE_WINDOW_MS = 10_000
/** Percentiles look back further, for they need many joins. */
const LATENCY_WINDOW_MS = 30_000

/** The earlier scrapes that can be compared with `latest`: of the same process, and none older than any window needs. */
export function comparable(history: readonly Scrape[], latest: Scrape): Scrape[] {
  const before = history.at(-1)
  if (before === undefined || isNewBoot(before, latest)) return []
  const oldest = history.findLastIndex(scrape => latest.takenAt - scrape.takenAt >= LATENCY_WINDOW_MS)
  return history.slice(Math.max(0, oldest))
}

const isNewBoot = (before: Scrape, latest: Scrape): boolean =>
  valueOf(before, 'startedAt') !== valueOf(latest, 'startedAt') ||
  (valueOf(before, 'cpuSeconds') ?? 0) > (valueOf(latest, 'cpuSeconds') ?? 0)

export function loadOf(history: readonly Scrape[], cpuCores: number | undefined): SfuLoad {
  const latest = history.at(-1)
  if (latest === undefined) return {}
  const perSecond = (figure: Figure): number | undefined =>
    map(rate(nameOf(latest, figure), lookBack(history, later(latest.takenAt, -RATE_WINDOW_MS)), latest), it => it)
  const observed = (figure: Figure): Histogram | undefined =>
    observedBetween(nameOf(latest, figure), lookBack(history, later(latest.takenAt, -LATENCY_WINDOW_MS)), latest)
  const streams = (valueOf(latest, 'published') ?? 0) + (valueOf(latest, 'subscribed') ?? 0)
  const joins = observed('joinLatencyMs')
  const cpuPerSecond = perSecond('cpuSeconds')
  return withoutUnknown({
    streams,
    joins: joins?.count,
    joinLatencyP99Ms: map(joins, it => quantile(0.99, it)),
    forwardLatencyP99Ms: map(observed('forwardLatencyNs'), it => quantile(0.99, it) / 1e6),
    packetLossPercent: map(observed('lossPercent'), mean),
    jitterMs: map(observed('jitterUs'), it => mean(it) / 1_000),
    rttMs: map(observed('rttMs'), mean),
    bandwidthMbps: map(perSecond('bytes'), it => (it * 8) / 1e6),
    packetsPerSecond: perSecond('packets'),
    nackRate: perSecond('nacks'),
    pliRate: perSecond('plis'),
    cpu: cpuCores === undefined ? undefined : map(cpuPerSecond, it => (it / cpuCores) * 100),
  })
}

/** The youngest scrape that is at least as old as `moment`, else the oldest there is. */
const lookBack = (history: readonly Scrape[], moment: Monotonic): Scrape =>
  history.findLast(scrape => scrape.takenAt <= moment) ?? (history[0] as Scrape)

function nameOf({ values, histograms }: Scrape, figure: Figure): string {
  const names: readonly string[] = sources[figure]
  return names.find(name => values.has(name) || histograms.has(name)) ?? ''
}

export const valueOf = (scrape: Scrape, figure: Figure): number | undefined => scrape.values.get(nameOf(scrape, figure))

const map = <T>(value: T | undefined, change: (value: T) => number): number | undefined =>
  value === undefined ? undefined : rounded(change(value))

const rounded = (value: number): number => Math.round(value * 1_000) / 1_000

const withoutUnknown = (load: SfuLoad): SfuLoad =>
  Object.fromEntries(Object.entries(load).filter(([, value]) => value !== undefined))
