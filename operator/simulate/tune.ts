// What somebody who tries long enough would find: the most participants a pod that still keeps the goal, for a KEDA that is to be
// compared with. By halving; each try is a whole run.
import type { Policy } from './policy.ts'
import type { SfuModel } from './sfu-model.ts'
import type { Workload } from './workload.ts'
import { runWorld } from './world.ts'

export interface Tuning {
  readonly model: SfuModel
  readonly workload: Workload
  readonly seed: number
  readonly goalMs: number
  readonly minReplicas: number
  readonly policyOf: (participants: number) => Policy
  /** So large a share of joins may be late. */
  readonly lateShare: number
}

const TRIES = 8

/** Participants a pod. */
export function tunedParticipants({ policyOf, lateShare, ...run }: Tuning): number {
  const isGood = (participants: number): boolean =>
    runWorld({ ...run, policy: policyOf(participants) }).score.lateShare <= lateShare
  // Everybody in rooms of two forwards least: four streams each, so no more of them fit on a node.
  let [good, bad] = [1, Math.ceil(run.model.node.streamsAtFull / 4)]
  for (let tries = 0; tries < TRIES; tries += 1) {
    const middle = Math.round(Math.sqrt(good * bad))
    if (middle <= good || middle >= bad) break
    if (isGood(middle)) good = middle
    else bad = middle
  }
  return good
}
