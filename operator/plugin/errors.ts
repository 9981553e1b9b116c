// What ends a command early, by its exit code: wrong words on the command line are 2, all that cannot be done is 1.

/** The command line asks for something that makes no sense; says which part, and what to write instead. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

/** It was understood and cannot be done; says why, and what helps. */
export class NotPossibleError extends Error {
  override readonly name = 'NotPossibleError'
  readonly remedy: string | undefined

  constructor(why: string, remedy?: string, options?: ErrorOptions) {
    super(remedy === undefined ? why : `${why}; ${remedy}`, options)
    this.remedy = remedy
  }
}

/** What a command resolves with. 0: all is well and done. 1: something was found, or is not possible. */
export type ExitCode = 0 | 1

export const [FINE, FOUND] = [0, 1] as const
export const USAGE = 2
