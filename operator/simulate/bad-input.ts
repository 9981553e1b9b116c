// What is wrong with a file that was handed to the simulator. Told to people as it is; the command ends with 2.

/** Thrown when a file cannot be used; says where, what stands there, and what to do. */
export class BadInputError extends Error {
  override readonly name = 'BadInputError'
  readonly file: string
  readonly line: number | undefined
  readonly field: string

  constructor(
    { file, line, field }: { readonly file: string; readonly line?: number | undefined; readonly field: string },
    problem: string,
    remedy: string,
    options?: ErrorOptions,
  ) {
    super(`${file}${line === undefined ? '' : `:${line}`}: ${field} ${problem}; ${remedy}`, options)
    this.file = file
    this.line = line
    this.field = field
  }
}

/** A value in a message: as it stands there, and not too long. */
export function shown(value: unknown): string {
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? String(value))
  return `“${text.length > 60 ? `${text.slice(0, 60)}…` : text}”`
}
