// Everything that is judgement about a pool. No I/O, no clock, no chance: what is known goes in, the next step comes out. The
// controller carries it out, and asks again when the caches show it.
import { censusOf } from './census.ts'
import { failedStartsOf, stopsRollout, untilNextTry } from './failed-starts.ts'
import { statusOf } from './pool-status.ts'
import { progressOf } from './progress.ts'
import { halted, rolloutOf } from './rollout.ts'
import { closeExcess, closeGoing, deleteEmptied, replaceOld } from './scale-in.ts'
import {
  createForGoing,
  createForRollout,
  createMissing,
  forgetClosing,
  reopenForGoing,
  reopenForRollout,
  reopenMissing,
  reopenSpared,
} from './scale-out.ts'
import type { Step } from './situation.ts'
import type { Plan, PoolView } from './view.ts'

/** The first that has something to do speaks. */
const steps: readonly Step[] = [
  reopenSpared,
  reopenMissing,
  createMissing,
  closeGoing,
  reopenForGoing,
  createForGoing,
  reopenForRollout,
  createForRollout,
  replaceOld,
  closeExcess,
  deleteEmptied,
  forgetClosing,
]

/** What a pool needs next, given all that is known about it. Total: every input has an answer. */
export function plan(view: PoolView): Plan {
  const updateRevision = view.target.state === 'known' ? view.target.revision : view.pool.status?.updateRevision
  const census = censusOf(view, updateRevision)
  const failedStarts = failedStartsOf(view.pool.status?.failedStarts, updateRevision, census, view.now)
  const rollout = rolloutOf(view, census, updateRevision)
  const progress = progressOf(view, census, rollout, failedStarts, updateRevision)
  const stops = progress.isLate || stopsRollout(failedStarts, census, view.now)
  const at = { view, census, rollout: stops ? halted(rollout) : rollout, updateRevision, failedStarts }
  const findings = standsBack(view) ? [] : steps.map(step => step(at))
  const speaker = findings.findIndex(finding => finding.batch !== undefined)
  const batch = findings[speaker]?.batch
  const heard = batch === undefined ? findings : findings.slice(0, speaker + 1)
  const { status, because } = statusOf(at, progress, findings.find(finding => finding.inhibited)?.inhibited)
  const lookAgainMs = soonest([
    census.nextOpensInMs,
    census.triedAgainInMs,
    progress.lateInMs,
    untilNextTry(failedStarts, census, view.now),
    ...findings.map(it => it.lookAgainMs),
  ])
  return {
    status,
    because,
    held: heard.flatMap(({ held }) => held ?? []),
    ...(batch === undefined ? {} : { batch }),
    ...(lookAgainMs === undefined ? {} : { lookAgainMs }),
  }
}

/** Its nodes go by themselves when it is deleted, and stay where that was asked for; two pools would pull at the same nodes. */
const standsBack = ({ pool, overlapsWith }: PoolView): boolean =>
  pool.metadata.deletionTimestamp !== undefined || overlapsWith !== undefined

/** A deadline that somebody wrote by hand may be further off than any timer can be set. */
const LATEST_LOOK_MS = 3_600_000

function soonest(times: readonly (number | undefined)[]): number | undefined {
  const known = times.filter(ms => ms !== undefined)
  return known.length === 0 ? undefined : Math.max(1, Math.ceil(Math.min(LATEST_LOOK_MS, ...known)))
}
