// One workload with one seed and all policies, in a thread of its own: started by workloads.ts.
import { isMainThread, parentPort, workerData } from 'node:worker_threads'
import { clairvoyantMinimum } from '../../operator/simulate/clairvoyant.ts'
import { goalOf, othersPolicies, ourPolicies, type Tuned, tunedFor } from '../../operator/simulate/contest.ts'
import livekit from '../../operator/simulate/models/livekit.json' with { type: 'json' }
import type { Score } from '../../operator/simulate/score.ts'
import { type SfuModel, sfuModelSchema } from '../../operator/simulate/sfu-model.ts'
import { usualSpec } from '../../operator/simulate/usual.ts'
import { type WorkloadName, workloadOf } from '../../operator/simulate/workloads.ts'
import { runWorld } from '../../operator/simulate/world.ts'

export interface Match {
  readonly workload: WorkloadName
  readonly seed: number
  readonly participants: Tuned
}

export interface Played {
  readonly workload: WorkloadName
  readonly seed: number
  readonly minimumNodeHours: number
  /** Ours with its defaults, ours with the forecast applied, KEDA tuned, the others. */
  readonly scores: readonly { readonly policy: string; readonly score: Score }[]
}

export const PEAK_NODES = 30
const TUNING_SEED = 100

/** By days like any other, not those that are scored. */
export function tuned(model: SfuModel): Tuned {
  const workload = workloadOf('W1', { model, seed: TUNING_SEED, peakNodes: PEAK_NODES })
  return tunedFor({ model, workload, spec: usualSpec(model), seed: TUNING_SEED, drainSeconds: workload.drainSeconds })
}

function play({ workload: name, seed, participants }: Match): Played {
  const model = sfuModelSchema.parse(livekit)
  const spec = usualSpec(model)
  const workload = workloadOf(name, { model, seed, peakNodes: PEAK_NODES })
  const goalMs = goalOf(spec, model)
  const { minReplicas } = spec
  const { drainSeconds } = workload
  const policies = [...ourPolicies(spec, drainSeconds), ...othersPolicies({ model, spec, drainSeconds }, participants)]
  return {
    workload: name,
    seed,
    minimumNodeHours: clairvoyantMinimum(model, workload, goalMs, minReplicas).nodeHours,
    scores: policies.map(policy => {
      const { score } = runWorld({ model, workload, policy, seed, goalMs, minReplicas })
      return { policy: policy.name, score }
    }),
  }
}

if (!isMainThread) parentPort?.postMessage(play(workerData as Match), [])
