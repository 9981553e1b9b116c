// Rows as columns of text. Pure.

export type Align = 'left' | 'right'

/** Columns as wide as their widest cell, two spaces between them; without spaces at the ends of lines. */
export function columns(rows: readonly (readonly string[])[], align: readonly Align[] = []): string[] {
  const widths: number[] = []
  for (const row of rows)
    for (const [column, cell] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, cell.length)
  const padded = (cell: string, column: number): string =>
    align[column] === 'right' ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0)
  return rows.map(row => row.map(padded).join('  ').trimEnd())
}
