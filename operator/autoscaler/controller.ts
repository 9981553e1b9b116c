// The shell around the core: caches → who scales → snapshot → learn, recommend → the number into the pool → status. Started
// by run.ts; leadership, the queue and retries are the runtime's (operator/kube).
import { type Clock, type Instant, toTimestamp } from '../ambient/clock.ts'
import type { ObjectKey } from '../api/meta.ts'
import { RTCAutoscalerKind } from '../api/rtcautoscaler.ts'
import type { RTCAutoscalerStatus } from '../api/rtcautoscaler-status.ts'
import type { RTCNodePool } from '../api/rtcnodepool.ts'
import { type ControllerSpec, type ReconcileContext, type ReconcileResult, whenCaughtUp } from '../kube/controller.ts'
import type { EventRecorder } from '../kube/events.ts'
import { waitAfterRefusal } from '../kube/refusal.ts'
import type { ServerClock } from '../kube/server-clock.ts'
import { applyStatus, sameStatus } from '../kube/status.ts'
import { eventOfDecision, eventsOfChange } from './autoscaler-events.ts'
import { type Decision, roundedTerms, statusOf } from './autoscaler-status.ts'
import { type AutoscalerWriters, setReplicas, wasSet } from './carry-out.ts'
import { LEARNED_VERSION, learn, noteChange, type Recommendation, recommend, saved } from './deciding/core.ts'
import type { AutoscalerMetrics } from './metrics.ts'
import { type AutoscalerCaches, type Observed, observe, sample, settlesInMs, snapshotOf } from './observe.ts'
import { type Memories, memories, type Remembered } from './remembered.ts'
import { autoscalerWatches } from './watches.ts'
import { FIGURES_EVERY_MS, isDue } from './worth-a-write.ts'

export interface AutoscalerDeps extends AutoscalerCaches, Omit<AutoscalerWriters, 'signal'> {
  readonly events: EventRecorder
  readonly metrics: AutoscalerMetrics
  readonly clock: Clock
  readonly serverClock: ServerClock
}

const WORKERS = 4

export function autoscalerController(deps: AutoscalerDeps): ControllerSpec {
  const all = memories()
  return {
    name: 'rtcautoscaler',
    workers: WORKERS,
    watches: autoscalerWatches(deps),
    logFields: key => ({ uid: deps.autoscalerCache.get(key)?.metadata.uid }),
    caughtUp: key => deps.expectations.caughtUp(key),
    reconcile: (key, context) => reconcile(key, context, deps, all),
  }
}

interface Run {
  readonly at: Observed
  readonly known: Remembered
  readonly deps: AutoscalerDeps
  readonly writers: AutoscalerWriters
  readonly log: ReconcileContext['log']
  readonly note: ReconcileContext['note']
  readonly now: Instant
}

async function reconcile(
  key: ObjectKey,
  { log, note, signal }: ReconcileContext,
  deps: AutoscalerDeps,
  all: Memories,
): Promise<ReconcileResult> {
  const autoscaler = deps.autoscalerCache.get(key)
  if (autoscaler === undefined || autoscaler.metadata.deletionTimestamp !== undefined) {
    deps.expectations.forget(key)
    deps.metrics.forget(key)
    all.forget(key)
    return {}
  }
  const now = deps.serverClock.now()
  if (now === undefined) return whenCaughtUp

  const known = all.of(autoscaler, now, deps.clock, log)
  const run: Run = { at: observe(autoscaler, deps), known, deps, writers: { ...deps, signal }, log, note, now }
  const { pool } = run.at
  if (pool === undefined || pool.metadata.deletionTimestamp !== undefined) {
    deps.metrics.forget(key)
    await tell(run, undefined)
    return {}
  }
  if (await findUnsure(pool, run)) return whenCaughtUp
  return decide(pool, run)
}

/** A number that was sent when nobody answered: the API server's own word is the only one that counts. */
async function findUnsure(pool: RTCNodePool, run: Run): Promise<boolean> {
  const { unsure } = run.known
  if (unsure === undefined) return false
  const isSet = await wasSet(run.at.autoscaler, pool, unsure.to, run.writers)
  run.known.unsure = undefined
  if (isSet) noteSet(unsure, pool, run)
  return true
}

async function decide(pool: RTCNodePool, run: Run): Promise<ReconcileResult> {
  const { at, known, deps, now, log, note } = run
  const { nodes, notStarting } = sample(pool, known.samples, deps)
  const waitMs = settlesInMs(nodes, deps.fleet)
  if (waitMs > 0) return { lookAgainMs: waitMs }
  const snapshot = snapshotOf({ autoscaler: at.autoscaler, pool }, nodes, deps.fleet, now)
  learn(known.learned, snapshot)
  const recommendation = recommend(known.learned, snapshot)
  const { desired, because, why, limits } = recommendation
  log.debug('recommended', { from: pool.spec.replicas, desired, because, why, limits })
  note({ 'rtcnode.because': because, 'rtcnode.desired': desired })
  const replicas = await follow(decisionOf(recommendation, pool.spec.replicas, now), pool, run)
  deps.metrics.show(at.key, recommendation, { replicas, spec: at.autoscaler.spec })
  await tell(run, { recommendation, replicas, notStarting })
  return { lookAgainMs: Math.min(recommendation.lookAgainMs, retryInMs(run)) }
}

const retryInMs = ({ known, deps }: Run): number =>
  known.refusal === undefined ? Number.POSITIVE_INFINITY : Math.max(1, known.refusal.retryAt - deps.clock.monotonic())

/** Does what may be done. Resolves with the replicas of the pool as they are then. */
async function follow(decision: Decision, pool: RTCNodePool, run: Run): Promise<number> {
  const { at, known, deps, writers } = run
  const { from, to } = decision
  // What is not asked for any more is not refused any more.
  if (to === from || at.standing.does !== 'scale') known.refusal = undefined
  if (to === from) return from
  if (at.standing.does === 'look on') {
    if (at.standing.because === 'Recommending') noteRecommended(decision, pool, run)
    return from
  }
  if (known.refusal !== undefined && known.refusal.retryAt > deps.clock.monotonic()) return from
  const outcome = await setReplicas(at.autoscaler, pool, to, writers)
  switch (outcome.outcome) {
    case 'done':
      noteSet(decision, pool, run)
      return to
    case 'refused':
      known.refusal = { message: outcome.message, ...waitAfterRefusal(known.refusal, deps.clock) }
      return from
    case 'unsure':
      known.unsure = decision
      throw outcome.error
  }
}

const decisionOf = ({ desired, why, limits, terms }: Recommendation, from: number, now: Instant): Decision => ({
  at: toTimestamp(now),
  from,
  to: desired,
  why,
  limits: limits.slice(0, 16),
  terms: roundedTerms(terms),
})

function noteSet(decision: Decision, pool: RTCNodePool, { at, known, deps, log, now }: Run): void {
  const { from, to, why, limits } = decision
  log.info('replicas set', { from, to, why, limits })
  noteChange(known.learned, { at: now, from, to })
  known.refusal = undefined
  known.lastDecision = decision
  known.lastScaleTime = decision.at
  known.hasNews = true
  deps.metrics.decided(at.key, to > from ? 'ScaledUp' : 'ScaledDown')
  deps.events.record(at.autoscaler, eventOfDecision(decision, true, pool))
}

/** The same once is enough; and a number that is not set wavers with the load, which nobody wants to read of each time. */
function noteRecommended(decision: Decision, pool: RTCNodePool, { at, known, deps, now }: Run): void {
  const last = known.lastDecision
  if (last?.from === decision.from && last.to === decision.to) return
  if (last !== undefined && now - Date.parse(last.at) < FIGURES_EVERY_MS) return
  known.lastDecision = decision
  known.hasNews = true
  deps.metrics.decided(at.key, 'Recommending')
  deps.events.record(at.autoscaler, eventOfDecision(decision, false, pool))
}

interface WorkedOut {
  readonly recommendation: Recommendation
  readonly replicas: number
  readonly notStarting: string | undefined
}

async function tell(run: Run, workedOut: WorkedOut | undefined): Promise<void> {
  const { at, known, deps, writers, now } = run
  const { autoscaler, key, pool } = at
  const learned = workedOut === undefined ? known.written : learnedNow(run)
  const next = statusOf({
    autoscaler,
    standing: at.standing,
    replicas: workedOut?.replicas ?? pool?.spec.replicas,
    recommendation: workedOut?.recommendation,
    notStarting: workedOut?.notStarting,
    lastDecision: known.lastDecision,
    lastScaleTime: known.lastScaleTime,
    refusal: known.refusal?.message,
    learned,
    now,
  })
  const { clock } = deps
  const writtenAgoMs =
    known.statusWrittenAt === undefined ? Number.POSITIVE_INFINITY : clock.monotonic() - known.statusWrittenAt
  if (!isDue(autoscaler.status, next, writtenAgoMs) || sameStatus(autoscaler.status, next)) return
  const { metadata } = await applyStatus(writers.autoscalers, autoscaler, next, writers.signal)
  const { resourceVersion } = metadata
  writers.expectations.wrote({ by: key, kind: RTCAutoscalerKind.kind, key, resourceVersion })
  known.statusWrittenAt = clock.monotonic()
  known.written = learned
  known.hasNews = false
  for (const happening of eventsOfChange(autoscaler.status, next)) deps.events.record(autoscaler, happening)
}

/** What was learned is large and changes all the time: it is written with a change of replicas, else now and then. */
const LEARNED_EVERY_MS = 600_000

function learnedNow({ known, deps, now }: Run): RTCAutoscalerStatus['learned'] {
  const ageMs = known.written === undefined ? Number.NaN : now - Date.parse(known.written.at)
  const sinceBegunMs = deps.clock.monotonic() - known.begunAt
  const isDueNow = known.hasNews || (Number.isNaN(ageMs) ? sinceBegunMs : ageMs) >= LEARNED_EVERY_MS
  if (!isDueNow) return known.written
  return { version: LEARNED_VERSION, at: toTimestamp(now), data: saved(known.learned) }
}
