// What a benchmark is and gives. One file a benchmark; bench.ts runs them, report.ts writes them down.

export interface Benchmark {
  /** As on the command line, and the mark of its section in docs/benchmarks.md. */
  readonly name: string
  readonly title: string
  /** What is measured and how, for readers who want to judge the figures. */
  readonly method: string
  /** Tells its progress through `log`. Leaves nothing running. */
  run(log: Log): Promise<Result>
}

export type Log = (line: string) => void

export interface Result {
  readonly figures: readonly Figure[]
  /** Measured details as Markdown: all single values, and where the time goes. */
  readonly details: readonly string[]
}

export interface Figure {
  readonly what: string
  readonly measured: string
  readonly goal?: string
  /** Whether the goal is met; left out where there is none. */
  readonly isMet?: boolean
  /** What it is compared with, measured in the same run. */
  readonly baseline?: string
  readonly ratio?: number
}
