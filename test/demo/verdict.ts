// What the story is held to: every promise that was checked, and the figures of the last line.
export interface Verdict {
  /** Notes a promise that must hold; those that do not are told at the end. */
  check(promise: string, holds: boolean): void
  readonly broken: readonly string[]
  readonly figures: Figures
}

export interface Figures {
  /** Of each lone node, from the start of the operator. */
  readonly runningAfterSeconds: number[]
  /** From the pool's `kubectl apply` until all its nodes took rooms. */
  poolOpenAfterSeconds: number | undefined
  reopened: number
  rolledOut: number
  /** Replicas that the autoscaler has set, one after the other, from those it found. */
  scaled: number[]
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
    figures: {
      runningAfterSeconds: [],
      poolOpenAfterSeconds: undefined,
      reopened: 0,
      rolledOut: 0,
      scaled: [],
      joined: 0,
      leftByThemselves: 0,
      movedAtDeadline: 0,
      cutBeforeDeadline: 0,
    },
  }
}

/** The last line: all that the demo claims, in one row. */
export function verdictLine({ figures, broken }: Verdict, tookMs: number): string {
  const { runningAfterSeconds, poolOpenAfterSeconds, reopened, rolledOut, scaled } = figures
  const { joined, leftByThemselves, movedAtDeadline, cutBeforeDeadline } = figures
  return [
    broken.length === 0 ? 'PASSED' : 'FAILED',
    `${runningAfterSeconds.length} nodes Running in ${runningAfterSeconds.map(it => it.toFixed(1)).join(', ') || '–'} s`,
    `pool open in ${poolOpenAfterSeconds?.toFixed(1) ?? '–'} s, ${reopened} reopened, ${rolledOut} rolled out`,
    `autoscaled ${scaled.join('→') || '–'}`,
    `${joined} joined, ${leftByThemselves} left by themselves, ${movedAtDeadline} moved at the deadline`,
    `cut: ${cutBeforeDeadline}`,
    `${Math.round(tookMs / 1_000)} s`,
  ].join(' · ')
}
