// What the story is held to: every promise that was checked, and the figures of the last line.
export interface Verdict {
  /** Notes a promise that must hold; those that do not are told at the end. */
  check(promise: string, holds: boolean): void
  readonly broken: readonly string[]
  readonly figures: Figures
}

export interface Figures {
  /** From `kubectl apply` to Running, seconds, by node. */
  readonly runningAfterSeconds: number[]
  joined: number
  leftByThemselves: number
  movedAtDeadline: number
  cutBeforeDeadline: number
}

export function createVerdict(): Verdict {
  const broken: string[] = []
  return {
    check(promise, holds) {
      if (!holds) broken.push(promise)
    },
    broken,
    figures: { runningAfterSeconds: [], joined: 0, leftByThemselves: 0, movedAtDeadline: 0, cutBeforeDeadline: 0 },
  }
}

/** The last line: all that the demo claims, in one row. */
export function verdictLine({ figures, broken }: Verdict, tookMs: number): string {
  const running = figures.runningAfterSeconds.map(seconds => seconds.toFixed(1)).join(', ')
  return [
    broken.length === 0 ? 'PASSED' : 'FAILED',
    `${figures.runningAfterSeconds.length} nodes Running after ${running || '–'} s`,
    `${figures.joined} joined`,
    `${figures.leftByThemselves} left by themselves`,
    `${figures.movedAtDeadline} moved at the deadline`,
    `${figures.cutBeforeDeadline} cut before the deadline`,
    `${Math.round(tookMs / 1_000)} s in all`,
  ].join(' · ')
}
