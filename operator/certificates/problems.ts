// What could not be done, collected: one namespace that is missing must not keep the others from their certificates.

/** Thrown at the end, with a line for each thing that could not be done. */
export class CertificatesError extends Error {
  readonly problems: readonly string[]

  constructor(problems: readonly string[]) {
    super(problems.join('\n'))
    this.name = 'CertificatesError'
    this.problems = problems
  }
}

export interface Problems {
  /** Does the work; what it throws is kept for `throwIfAny`. */
  collect(work: () => Promise<void>): Promise<void>
  /** Throws CertificatesError. */
  throwIfAny(): void
}

export function collectProblems(): Problems {
  const found: string[] = []
  return {
    async collect(work) {
      try {
        await work()
      } catch (error) {
        found.push(...(error instanceof CertificatesError ? error.problems : [String(error)]))
      }
    },
    throwIfAny() {
      if (found.length > 0) throw new CertificatesError(found)
    },
  }
}
