// Prometheus metrics from tables. Each part declares its metrics as data (name → kind, help, labels); this file turns
// such a table into typed metrics on one registry, so that documentation can be generated from the same rows.
import { Counter, Gauge, Histogram, Registry } from 'prom-client'

export interface MetricDefinition {
  readonly kind: 'counter' | 'gauge' | 'histogram'
  readonly help: string
  readonly labels: readonly string[]
  /** Upper bounds of a histogram, in the unit that the name ends with. */
  readonly buckets?: readonly number[]
}
export type MetricTable = Readonly<Record<string, MetricDefinition>>

type LabelsOf<D extends MetricDefinition> = Record<D['labels'][number], string>

/** A gauge that can also follow what it tells of: `read` is called at every scrape. */
export interface FollowingGauge<L extends string> {
  set(labels: Record<L, string>, value: number): void
  remove(labels: Record<L, string>): void
  follow(labels: Record<L, string>, read: () => number): void
  /** All of its series: one that is not given any more is gone. */
  followAll(read: () => Iterable<Series<L>>): void
}
export type Series<L extends string> = readonly [labels: Record<L, string>, value: number]

export type MetricOf<D extends MetricDefinition> = D['kind'] extends 'counter'
  ? { inc(labels: LabelsOf<D>, value?: number): void; remove(labels: LabelsOf<D>): void }
  : D['kind'] extends 'histogram'
    ? { observe(labels: LabelsOf<D>, value: number): void; zero(labels: LabelsOf<D>): void }
    : FollowingGauge<D['labels'][number]>

export type MetricsOf<T extends MetricTable> = { readonly [K in keyof T]: MetricOf<T[K]> }

export type MetricRegistry = Registry
export const metricRegistry = (): MetricRegistry => new Registry()

/** The content type of the text format. */
export const PROMETHEUS_TEXT = Registry.PROMETHEUS_CONTENT_TYPE

/** What a scrape is answered with. A registry is one. */
export type Exposition = Pick<MetricRegistry, 'contentType' | 'metrics'>

/** Those registries one after the other that count at the moment of a scrape. */
export const expositionOf = (registries: () => readonly MetricRegistry[]): Exposition => ({
  contentType: PROMETHEUS_TEXT,
  metrics: async () => (await Promise.all(registries().map(it => it.metrics()))).join(''),
})

/** Reads once for all the gauges of a scrape, and keeps nothing between two of them. */
export function oncePerScrape<T>(read: () => T): () => T {
  let kept: { readonly value: T } | undefined
  return () => {
    // A registry asks all of its gauges before it awaits any of them.
    if (kept === undefined) queueMicrotask(() => (kept = undefined))
    kept ??= { value: read() }
    return kept.value
  }
}

/** Registers the rows of a table. A table can be registered once per registry; a second time is an error. */
export function metricsFrom<const T extends MetricTable>(registry: MetricRegistry, table: T): MetricsOf<T> {
  const metrics = Object.entries(table).map(([name, row]) => [name, metricFrom(registry, name, row)])
  return Object.fromEntries(metrics) as MetricsOf<T>
}

function metricFrom(registry: MetricRegistry, name: string, row: MetricDefinition) {
  const base = { name, help: row.help, labelNames: [...row.labels], registers: [registry] }
  switch (row.kind) {
    case 'counter':
      return new Counter(base)
    case 'histogram':
      return new Histogram({ ...base, ...(row.buckets && { buckets: [...row.buckets] }) })
    case 'gauge':
      return followingGauge(base)
  }
}

function followingGauge(base: { name: string; help: string; labelNames: string[]; registers: Registry[] }) {
  const followed: { labels: Record<string, string>; read: () => number }[] = []
  let readAll: (() => Iterable<Series<string>>) | undefined
  const gauge = new Gauge({
    ...base,
    collect() {
      for (const { labels, read } of followed) this.set(labels, read())
      if (readAll === undefined) return
      this.reset()
      for (const [labels, value] of readAll()) this.set(labels, value)
    },
  })
  return Object.assign(gauge, {
    follow: (labels: Record<string, string>, read: () => number) => void followed.push({ labels, read }),
    followAll(read: () => Iterable<Series<string>>) {
      readAll = read
    },
  })
}

/** Seconds, from a millisecond to a minute: for calls and reconciles. */
export const durationBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60] as const
