// Where a command's answer goes: text for people, or one JSON document for programs, on standard output.

export type Format = 'text' | 'json'

export interface Output {
  readonly format: Format
  /** One line, or several. */
  print(...lines: readonly string[]): void
}

/** The answer in the form that was asked for. `text` is worked out only when it is. */
export function answer({ format, print }: Output, document: unknown, text: () => readonly string[]): void {
  if (format === 'json') print(JSON.stringify(document, undefined, 2))
  else print(...text())
}
