// Who is compared with whom: our policy as an RTCAutoscaler says, what people use today, and the minimum that nobody can be below.
// Called by the command and by the benchmarks.
import type { RTCAutoscalerSpec } from '../api/rtcautoscaler-spec.ts'
import { chanceOf } from './chance.ts'
import { clairvoyantMinimum, type Minimum } from './clairvoyant.ts'
import { hpaOnCpu, hpaOnSessions, keda, kedaOnServing } from './hpa-policies.ts'
import { meanRoom } from './meetings.ts'
import { type Decided, ours } from './ours.ts'
import type { Policy } from './policy.ts'
import { joinP99Ms, type SfuModel } from './sfu-model.ts'
import { tunedParticipants } from './tune.ts'
import type { Workload } from './workload.ts'
import { type Outcome, runWorld } from './world.ts'

export interface Contest {
  readonly model: SfuModel
  readonly workload: Workload
  readonly spec: RTCAutoscalerSpec
  readonly seed: number
  /** How long people may stay on a node that goes: the deadline of our pool, the longer grace of the others' pods. */
  readonly drainSeconds: number
}

export interface Result {
  readonly goalMs: number
  readonly minimum: Minimum
  readonly outcomes: readonly Outcome[]
  /** Changes of size by our policy in the scored time. */
  readonly decisions: readonly Decided[]
}

const EMPTY_SECONDS = 30
const SHORT_GRACE_SECONDS = 600
/** What most charts of SFUs come with. */
const CPU_PERCENT = 65
/** The utilisation at which a goal is reasonable, for autoscalers that have none for joins. */
const USUAL_UTILISATION = 0.8
/** What tuning may leave late. */
export const TUNED_LATE_SHARE = 0.0018

export const goalOf = (spec: RTCAutoscalerSpec, model: SfuModel): number =>
  spec.targets.joinLatencyP99Ms ?? joinP99Ms(model, USUAL_UTILISATION)

export function ourPolicies(
  spec: RTCAutoscalerSpec,
  drainSeconds: number,
  tell?: (decided: Decided) => void,
): readonly Policy[] {
  const pool = { deadlineSeconds: drainSeconds, emptySeconds: EMPTY_SECONDS }
  const applied: RTCAutoscalerSpec = { ...spec, forecast: { enabled: true, mode: 'Apply' } }
  const isApplied = spec.forecast.enabled && spec.forecast.mode === 'Apply'
  const first = ours(isApplied ? OURS_APPLIED : OURS, spec, pool, tell)
  return isApplied ? [first] : [first, ours(OURS_APPLIED, applied, pool)]
}

export const OURS = 'RTCAutoscaler'
export const OURS_APPLIED = 'RTCAutoscaler, forecast applied'

/** Participants a pod, for KEDA. */
export interface Tuned {
  readonly all: number
  readonly serving: number
}

/** What somebody would find who tries on this workload until hardly anybody is late. */
export function tunedFor({ model, workload, spec, seed, drainSeconds }: Contest): Tuned {
  const goalMs = goalOf(spec, model)
  const tuning = { model, workload, seed, goalMs, minReplicas: spec.minReplicas, lateShare: TUNED_LATE_SHARE }
  const [all = 1, serving = 1] = [keda, kedaOnServing].map(policy =>
    tunedParticipants({ ...tuning, policyOf: participants => policy(participants, drainSeconds, spec) }),
  )
  return { all, serving }
}

export function othersPolicies(
  { model, spec: bounds, drainSeconds }: Pick<Contest, 'model' | 'spec' | 'drainSeconds'>,
  { all, serving }: Tuned,
): readonly Policy[] {
  const room = meanRoom(chanceOf(0))
  const sessions = Math.round((CPU_PERCENT / 100) * model.node.streamsAtFull * (room.people / room.streams))
  return [
    keda(all, drainSeconds, bounds),
    kedaOnServing(serving, drainSeconds, bounds),
    keda(all, SHORT_GRACE_SECONDS, bounds),
    hpaOnSessions(sessions, SHORT_GRACE_SECONDS, bounds),
    hpaOnCpu(CPU_PERCENT, SHORT_GRACE_SECONDS, bounds),
  ]
}

/** All policies on one workload. KEDA is tuned on this very workload. */
export function contest(it: Contest): Result {
  const { model, workload, spec, seed, drainSeconds } = it
  const goalMs = goalOf(spec, model)
  const { minReplicas } = spec
  const decisions: Decided[] = []
  const policies = [
    ...ourPolicies(spec, drainSeconds, decided => decisions.push(decided)),
    ...othersPolicies(it, tunedFor(it)),
  ]
  const scoredFrom = workload.startsAt + workload.scoredFrom * 1_000 * workload.stepSeconds
  return {
    goalMs,
    minimum: clairvoyantMinimum(model, workload, goalMs, minReplicas),
    outcomes: policies.map(policy => runWorld({ model, workload, policy, seed, goalMs, minReplicas })),
    decisions: decisions.filter(({ now }) => now >= scoredFrom),
  }
}
