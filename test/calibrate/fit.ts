// Straight lines through measurements. Pure; called by model.ts.

export interface Row {
  readonly x: readonly number[]
  readonly y: number
  /** How much it counts. */
  readonly weight: number
}

export interface Line {
  /** One for each x, in their order. */
  readonly factors: readonly number[]
  readonly fit: Goodness
}

export interface Goodness {
  /** Share of the variance of y that the line explains: 1 is all of it, and below 0 a constant would do better. */
  readonly r2: number
  /** Root of the mean squared error, in the unit of y. */
  readonly rmse: number
  readonly points: number
}

/**
 * Weighted least squares with no factor below 0: what people and streams cost cannot be negative, so whichever comes out so
 * is taken for 0 and the others are fitted again. Give an x that is always 1 for a constant.
 */
export function fitLine(rows: readonly Row[]): Line {
  const width = rows[0]?.x.length ?? 0
  let used = Array.from({ length: width }, (_, column) => column)
  let factors = solve(rows, used)
  while (used.length > 1 && used.some((_, i) => (factors[i] ?? 0) < 0)) {
    const worst = factors.indexOf(Math.min(...factors))
    used = used.filter((_, i) => i !== worst)
    factors = solve(rows, used)
  }
  const all = Array.from({ length: width }, (_, column) => Math.max(0, factors[used.indexOf(column)] ?? 0))
  return { factors: all, fit: goodnessOf(rows, all) }
}

export const valueAt = (factors: readonly number[], x: readonly number[]): number =>
  factors.reduce((sum, factor, i) => sum + factor * (x[i] ?? 0), 0)

function goodnessOf(rows: readonly Row[], factors: readonly number[]): Goodness {
  const total = rows.reduce((sum, { weight }) => sum + weight, 0)
  const mean = rows.reduce((sum, { y, weight }) => sum + weight * y, 0) / total
  const squares = (error: (row: Row) => number): number =>
    rows.reduce((sum, row) => sum + row.weight * error(row) ** 2, 0)
  const unexplained = squares(row => row.y - valueAt(factors, row.x))
  return {
    r2: 1 - unexplained / squares(row => row.y - mean),
    rmse: Math.sqrt(unexplained / total),
    points: rows.length,
  }
}

/** The normal equations, by elimination with the largest pivot. A column that tells nothing new gets 0. */
function solve(rows: readonly Row[], columns: readonly number[]): number[] {
  const at = (row: Row, i: number): number => row.x[columns[i] ?? 0] ?? 0
  const places = [...columns.keys()]
  const matrix = places.map(i => [
    ...places.map(j => rows.reduce((sum, row) => sum + row.weight * at(row, i) * at(row, j), 0)),
    rows.reduce((sum, row) => sum + row.weight * at(row, i) * row.y, 0),
  ])
  const cell = (i: number, j: number): number => matrix[i]?.[j] ?? 0
  const size = columns.length
  for (let step = 0; step < size; step++) {
    const rest = matrix.slice(step)
    const pivot = rest.reduce((best, row) => (Math.abs(row[step] ?? 0) > Math.abs(best[step] ?? 0) ? row : best))
    const from = matrix.indexOf(pivot)
    ;[matrix[step], matrix[from]] = [pivot, matrix[step] ?? pivot]
    if (Math.abs(pivot[step] ?? 0) < 1e-12) continue
    for (let i = 0; i < size; i++) {
      if (i === step) continue
      const factor = cell(i, step) / cell(step, step)
      matrix[i] = (matrix[i] ?? []).map((value, j) => value - factor * cell(step, j))
    }
  }
  return places.map(i => (Math.abs(cell(i, i)) < 1e-12 ? 0 : cell(i, size) / cell(i, i)))
}
