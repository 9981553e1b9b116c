// The largest of what was needed lately, without keeping all of it: whatever is not larger than something later can never be
// the answer again. So a window holds as many numbers as it has distinct answers left, however often it is told something.
// Used by stabilization.ts; upwards the smallest counts, which is the largest of the negated.

/** Pairs in the order of time, the values falling. Times are of the memory's own clock, milliseconds. */
export interface Window {
  readonly at: number[]
  readonly value: number[]
}

export const newWindow = (): Window => ({ at: [], value: [] })

/** Whatever was noted more than `keepMs` before is forgotten. */
export function note(window: Window, now: number, value: number, keepMs: number): void {
  const { at, value: values } = window
  while (values.length > 0 && (values.at(-1) as number) <= value) {
    values.pop()
    at.pop()
  }
  at.push(now)
  values.push(value)
  let old = 0
  while ((at[old] as number) <= now - keepMs) old += 1
  if (old > 0) {
    at.splice(0, old)
    values.splice(0, old)
  }
}

/** The largest noted after `since`, or `least` if that is larger. */
export function largest(window: Window, since: number, least: number): number {
  const first = window.at.findIndex(at => at > since)
  return first < 0 ? least : Math.max(least, window.value[first] as number)
}

/** With no more pairs than `most`, and no answer smaller than before: what falls away is replaced by what was larger. */
export function coarser({ at, value }: Window, most: number): Window {
  const each = Math.ceil(at.length / most)
  const firsts = at.flatMap((_, i) => (i % each === 0 ? [i] : []))
  return {
    at: firsts.map(first => at[Math.min(first + each, at.length) - 1] as number),
    value: firsts.map(first => value[first] as number),
  }
}
