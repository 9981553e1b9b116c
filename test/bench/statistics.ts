// Numbers for people: quantiles, and values with their units. Used by all benchmarks.

/** The smallest value that at least the share `q` of all values does not exceed; NaN of none. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)] ?? Number.NaN
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  const upper = sorted[middle] ?? Number.NaN
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? Number.NaN)) / 2
}

export const seconds = (ms: number): string => `${(ms / 1_000).toFixed(2)} s`
export const milliseconds = (ms: number): string => `${ms.toFixed(ms < 10 ? 1 : 0)} ms`
export const megabytes = (bytes: number): string => `${Math.round(bytes / 1e6)} MB`
export const percent = (share: number): string => `${(share * 100).toFixed(1)} %`

/** p50, p99 and the greatest. */
export const spread = (values: readonly number[]): string =>
  `p50 ${milliseconds(quantile(values, 0.5))} · p99 ${milliseconds(quantile(values, 0.99))} · max ${milliseconds(quantile(values, 1))} (n = ${values.length})`

export const all = (values: readonly number[], unit: (value: number) => string): string => values.map(unit).join(', ')
