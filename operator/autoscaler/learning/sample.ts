// Numbers of one snapshot, gathered for their median: over thousands of nodes at each tick, without making an array for it. Used by capacity.ts and dispersion.ts.

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

/** Of at least one number; of an even number of them the mean of the two in the middle. Leaves them in another order. */
export function medianOf({ values, count }: Sample): number {
  const half = count >> 1
  const upper = select(values, count, half)
  if (count % 2 === 1) return upper
  // Those before it are no greater now.
  let lower = values[0] as number
  for (let index = 1; index < half; index += 1) lower = Math.max(lower, values[index] as number)
  return (lower + upper) / 2
}

/** The number that would be at `place` if they were in order (Hoare's quickselect): in about 3 · count steps. */
function select(values: Float64Array, count: number, place: number): number {
  let [from, to] = [0, count - 1]
  while (from < to) {
    const pivot = values[(from + to) >> 1] as number
    let [left, right] = [from, to]
    while (left <= right) {
      while ((values[left] as number) < pivot) left += 1
      while ((values[right] as number) > pivot) right -= 1
      if (left > right) break
      const moved = values[left] as number
      values[left] = values[right] as number
      values[right] = moved
      left += 1
      right -= 1
    }
    if (place <= right) to = right
    else if (place >= left) from = left
    else break
  }
  return values[place] as number
}
