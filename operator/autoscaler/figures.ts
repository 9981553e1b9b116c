// Figures as people read them: three digits, and a change only when it is one. Pure; used for the status.

/** Smaller moves are noise, not news. */
const SHARE = 0.1
const AT_LEAST = 0.02

/** Every number in it to three significant digits. */
export function rounded<T>(value: T): T {
  if (typeof value === 'number') return (Number.isInteger(value) ? value : Number(value.toPrecision(3))) as T
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, field]) => [name, rounded(field)])) as T
}

type Figures = readonly (number | undefined)[]

/** One of them came, went, or moved by more than a tenth. */
export const hasMoved = (before: Figures, after: Figures): boolean =>
  after.some((now, index) => isOther(before[index], now))

function isOther(before: number | undefined, now: number | undefined): boolean {
  if (before === undefined || now === undefined) return before !== now
  const by = Math.abs(now - before)
  return by > AT_LEAST && by > SHARE * Math.max(Math.abs(before), Math.abs(now))
}
