// What the story is held to: every promise that was checked, and the figures of the last line.
export interface Verdict {
  /** Notes a promise that must hold; those that do not are told at the end. */
  check(promise: string, holds: boolean): void
  readonly broken: readonly string[]
  readonly figures: Figures
}

export interface Figures {
  /** Of each node, from the start of the operator. */
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
  const { runningAfterSeconds, joined, leftByThemselves, movedAtDeadline, cutBeforeDeadline } = figures
  return [
    broken.length === 0 ? 'PASSED' : 'FAILED',
    `${runningAfterSeconds.length} nodes Running in ${runningAfterSeconds.map(it => it.toFixed(1)).join(', ') || '–'} s`,
    `${joined} joined, ${leftByThemselves} left by themselves, ${movedAtDeadline} moved at the deadline`,
    `${cutBeforeDeadline} cut before it`,
    `${Math.round(tookMs / 1_000)} s`,
  ].join(' · ')
}
