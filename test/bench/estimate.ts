// A mean over a few seeds, and how sure it is. Used by the benchmarks that simulate.

export interface Estimate {
  readonly mean: number
  /** Half of the 95 % interval. */
  readonly half: number
}

/** Student's t for 95 %, by degrees of freedom from 1. */
const t95 = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262]
/** For more than the table has. */
const Z95 = 1.96

export function estimate(values: readonly number[]): Estimate {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  if (values.length < 2) return { mean, half: 0 }
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1)
  return { mean, half: (t95[values.length - 2] ?? Z95) * Math.sqrt(variance / values.length) }
}

/** In percent, as the goals are written. */
export const shares = (percent: number): string => `${percent.toFixed(Math.abs(percent) < 1 ? 4 : 1)} %`
