// Numbers of one snapshot, gathered to be put in order: for medians over thousands of nodes at each tick without making a new
// array for it. Used by capacity.ts and dispersion.ts.

export interface Sample {
  values: Float64Array
  count: number
}

export const newSample = (): Sample => ({ values: new Float64Array(16), count: 0 })

export function add(sample: Sample, value: number): void {
  if (sample.count === sample.values.length) {
    const larger = new Float64Array(sample.count * 2)
    larger.set(sample.values)
    sample.values = larger
  }
  sample.values[sample.count] = value
  sample.count += 1
}

/** The gathered numbers from the least to the greatest. */
export const inOrder = ({ values, count }: Sample): Float64Array => values.subarray(0, count).sort()

/** Of numbers in order, at least one; of an even number of them the mean of the two in the middle. */
export function medianOf(ordered: Float64Array): number {
  const half = ordered.length >> 1
  const upper = ordered[half] as number
  return ordered.length % 2 === 1 ? upper : ((ordered[half - 1] as number) + upper) / 2
}
