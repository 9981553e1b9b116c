// Reads the Prometheus text an SFU exposes, and what two such readings say together: rates from counters, means and
// percentiles from histograms. Pure. Called by the LiveKit adapter.
import type { Monotonic } from '../../ambient/clock.ts'

/** Each metric summed over its labels: the agent wants the node, not its countries and track kinds. */
export interface Scrape {
  readonly takenAt: Monotonic
  readonly values: ReadonlyMap<string, number>
  readonly histograms: ReadonlyMap<string, Histogram>
}

export interface Histogram {
  /** Upper bounds, ascending, ending with Infinity, each with the count of observations up to it. */
  readonly buckets: ReadonlyMap<number, number>
  readonly sum: number
  readonly count: number
}

/** Parses the wanted metrics out of the text exposition format 0.0.4. Lines that are none are skipped. */
export function parseScrape(text: string, wanted: ReadonlySet<string>, takenAt: Monotonic): Scrape {
  const values = new Map<string, number>()
  const buckets = new Map<string, Map<number, number>>()
  for (const line of text.split('\n')) {
    const name = /^[A-Za-z_:][\w:]*/.exec(line)?.[0]
    if (name === undefined || !wanted.has(name.replace(/_(bucket|sum|count)$/, ''))) continue
    const value = Number(
      line
        .slice(line.lastIndexOf('}') + 1 || name.length)
        .trim()
        .split(/\s+/)[0],
    )
    if (!Number.isFinite(value)) continue
    const bound = name.endsWith('_bucket') ? /[{,]le="([^"]*)"/.exec(line)?.[1] : undefined
    if (bound === undefined) add(values, name, value)
    else add(bucketsOf(buckets, name.slice(0, -'_bucket'.length)), bound === '+Inf' ? Infinity : Number(bound), value)
  }
  const histograms = new Map<string, Histogram>()
  for (const [name, counts] of buckets) {
    const ascending = new Map([...counts].sort(([a], [b]) => a - b))
    histograms.set(name, {
      buckets: ascending,
      sum: values.get(`${name}_sum`) ?? 0,
      count: values.get(`${name}_count`) ?? 0,
    })
  }
  return { takenAt, values, histograms }
}

function bucketsOf(all: Map<string, Map<number, number>>, name: string): Map<number, number> {
  const known = all.get(name) ?? new Map<number, number>()
  all.set(name, known)
  return known
}

const add = <K>(to: Map<K, number>, key: K, value: number): void => void to.set(key, (to.get(key) ?? 0) + value)

/** Per second, between two scrapes of one boot. A counter that is not there yet has counted nothing. */
export function rate(name: string, from: Scrape, to: Scrape): number | undefined {
  const end = to.values.get(name)
  const seconds = (to.takenAt - from.takenAt) / 1_000
  if (end === undefined || seconds <= 0) return undefined
  return Math.max(0, end - (from.values.get(name) ?? 0)) / seconds
}

/** What was observed between two scrapes of one boot; undefined when that is nothing. */
export function observedBetween(name: string, from: Scrape, to: Scrape): Histogram | undefined {
  const end = to.histograms.get(name)
  const start = from.histograms.get(name)
  const count = (end?.count ?? 0) - (start?.count ?? 0)
  if (end === undefined || count <= 0) return undefined
  const buckets = new Map([...end.buckets].map(([bound, upTo]) => [bound, upTo - (start?.buckets.get(bound) ?? 0)]))
  return { buckets, sum: Math.max(0, end.sum - (start?.sum ?? 0)), count }
}

export const mean = ({ sum, count }: Histogram): number => sum / count

/**
 * The value that a share `q` (0 to 1) of the observations does not exceed, linear inside its bucket as Prometheus'
 * histogram_quantile does it. Above the last finite bound it gives that bound: more is not known.
 */
export function quantile(q: number, { buckets, count }: Histogram): number {
  const rank = q * count
  let lower = 0
  let upToLower = 0
  for (const [bound, upTo] of buckets) {
    if (upTo >= rank && upTo > upToLower) {
      return bound === Infinity ? lower : lower + ((bound - lower) * (rank - upToLower)) / (upTo - upToLower)
    }
    if (bound !== Infinity) lower = bound
    upToLower = upTo
  }
  return lower
}
