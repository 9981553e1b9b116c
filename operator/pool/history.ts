// Which recorded revisions may be forgotten. Pure; asked by the controller when there is nothing more urgent to do.
import { newestFirst, type Recorded } from './revision.ts'

export interface InUse {
  /** Revisions of nodes, the current one and the update one. */
  readonly names: ReadonlySet<string>
  /** spec.strategy.pinnedRevision. */
  readonly pinned: number | undefined
}

/** All that nobody uses but for the newest `limit`, which are kept for an undo; and older records of a revision adopted twice. */
export function forgettable(recorded: readonly Recorded[], inUse: InUse, limit: number): Recorded[] {
  const seen = new Set<string>()
  let kept = 0
  return newestFirst(recorded).filter(({ name, number }) => {
    if (number === inUse.pinned) return false
    const isDouble = seen.has(name)
    seen.add(name)
    if (isDouble) return true
    if (inUse.names.has(name)) return false
    kept += 1
    return kept > limit
  })
}
