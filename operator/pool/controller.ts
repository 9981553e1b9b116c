// The shell around plan.ts: caches → what is owned and recorded → plan → its batch → status. Started by run.ts; leadership,
// the queue and retries are the runtime's (operator/kube).
import { isDeepStrictEqual } from 'node:util'
import type { Clock } from '../ambient/clock.ts'
import { labels } from '../api/marks.ts'
import type { KubeObject, ObjectKey } from '../api/meta.ts'
import type { RTCNodePoolStatus } from '../api/rtcnodepool.ts'
import { conditionOf } from '../kube/conditions.ts'
import { type ControllerSpec, type ReconcileContext, type ReconcileResult, whenCaughtUp } from '../kube/controller.ts'
import type { EventRecorder } from '../kube/events.ts'
import type { ServerClock } from '../kube/server-clock.ts'
import { applyStatus, sameStatus } from '../kube/status.ts'
import type { Logger } from '../telemetry/log.ts'
import { carryOut, isThere, NodeRefusedError } from './carry-out.ts'
import { forgettable } from './history.ts'
import { type PoolMemory, poolMemory } from './memory.ts'
import { type Observed, observe, viewOf } from './observe.ts'
import { adopt, forget, release, writeRecord } from './ownership.ts'
import { plan } from './plan.ts'
import { eventAbout, eventOfBatch, eventOfStandstill } from './pool-events.ts'
import { recordingOf } from './revision.ts'
import type { Batch, Plan } from './view.ts'
import { poolWatches, type WatchDeps } from './watches.ts'
import { noteWritten, type PoolWriters } from './writers.ts'

export interface PoolDeps extends WatchDeps, Omit<PoolWriters, 'signal'> {
  readonly events: EventRecorder
  readonly clock: Clock
  readonly serverClock: ServerClock
}

const WORKERS = 8

export function poolController(deps: PoolDeps): ControllerSpec {
  const memory = poolMemory(deps.clock)
  return {
    name: 'rtcnodepool',
    workers: WORKERS,
    watches: poolWatches(deps, memory.size),
    logFields: key => ({ uid: deps.poolCache.get(key)?.metadata.uid }),
    caughtUp: key => deps.expectations.caughtUp(key),
    reconcile: (key, context) => reconcile(key, context, deps, memory),
  }
}

interface Reconcile {
  readonly at: Observed
  readonly deps: PoolDeps
  readonly memory: PoolMemory
  readonly writers: PoolWriters
  readonly log: Logger
}

/** Resolves with whether it wrote something, or found something, that the caches must show before the next step. */
type Step = (run: Reconcile) => Promise<boolean>

/** What must be in order before a plan is worth anything. */
const steps: readonly Step[] = [findUnsure, takeOver, letGo, record]

async function reconcile(
  key: ObjectKey,
  { log, note, signal }: ReconcileContext,
  deps: PoolDeps,
  memory: PoolMemory,
): Promise<ReconcileResult> {
  const pool = deps.poolCache.get(key)
  if (pool === undefined) {
    deps.expectations.forget(key)
    memory.forget(key)
    return {}
  }
  const now = deps.serverClock.now()
  if (now === undefined) return whenCaughtUp

  const run: Reconcile = { at: observe(pool, deps), deps, memory, writers: { ...deps, signal }, log }
  const standsBack = pool.metadata.deletionTimestamp !== undefined || run.at.overlapsWith !== undefined
  if (!standsBack) for (const step of steps) if (await step(run)) return whenCaughtUp

  memory.sized(key, run.at.owned.length)
  const planned = plan(viewOf(run.at, deps, memory.refusal(key), now))
  const { batch, because } = planned
  log.debug('planned', { because, batch: batch?.do, held: planned.held.length })
  note({ 'rtcnode.because': because, 'rtcnode.act': batch?.do })
  if (batch !== undefined && !standsBack) return act(batch, planned, run)
  await tell(planned.status, run)
  if (!standsBack) await forgetOld(planned, run)
  return planned.lookAgainMs === undefined ? {} : { lookAgainMs: planned.lookAgainMs }
}

/** Nodes that were asked for when nobody answered: the API server's own word is the only one that counts. */
async function findUnsure({ at, memory, writers }: Reconcile): Promise<boolean> {
  const unsure = memory.unsure(at.key)
  let found = false
  for (const key of unsure) {
    found = (await isThere(at.pool, key, writers)) || found
    unsure.delete(key)
  }
  return found
}

async function takeOver({ at, deps, writers }: Reconcile): Promise<boolean> {
  const orphans = { nodes: at.claim.adopt, records: at.orphanedRecords }
  if (orphans.nodes.length + orphans.records.length === 0) return false
  const { done, failure } = await adopt(at.pool, orphans, at.aim.update, writers)
  if (done.length > 0) deps.events.record(at.pool, eventAbout('Adopted', done.map(nameOf)))
  if (failure !== undefined) throw failure
  return true
}

async function letGo({ at, deps, writers }: Reconcile): Promise<boolean> {
  if (at.claim.release.length === 0) return false
  const { done, failure } = await release(at.pool, at.claim.release, writers)
  if (done.length > 0) deps.events.record(at.pool, eventAbout('Released', done.map(nameOf)))
  if (failure !== undefined) throw failure
  return true
}

async function record({ at, writers }: Reconcile): Promise<boolean> {
  const recording = recordingOf(at.pool, at.aim, at.recorded)
  if (recording === undefined) return false
  await writeRecord(at.pool, recording, writers)
  return true
}

async function act(batch: Batch, { status }: Plan, run: Reconcile): Promise<ReconcileResult> {
  const { at, deps, memory, writers, log } = run
  // A pool that is busy for long shows what with; one that is refused again and again does not show each attempt.
  const isTold = isNews(at.pool.status, status) && memory.refusal(at.key) === undefined
  if (isTold) await tell(status, run)
  const { done, unsure, failure } = await carryOut(at.pool, batch, at.aim, writers)
  for (const key of unsure) memory.unsure(at.key).add(key)
  if (done.length > 0) {
    log.info(`nodes: ${batch.do}`, { count: done.length, nodes: done })
    deps.events.record(at.pool, eventOfBatch(batch, done))
  }
  if (failure instanceof NodeRefusedError) {
    memory.refused(at.key, failure.message)
    return { lookAgainMs: 0 }
  }
  if (failure !== undefined) {
    // It may go on failing, and everything else about the pool is still to be told.
    if (!isTold) await tell(status, run)
    throw failure
  }
  if (batch.do === 'create') memory.accepted(at.key)
  return whenCaughtUp
}

const progressOf = (status: RTCNodePoolStatus | undefined): string | undefined =>
  conditionOf(status?.conditions, 'Progressing')?.reason

const isNews = (before: RTCNodePoolStatus | undefined, next: RTCNodePoolStatus): boolean =>
  progressOf(before) !== progressOf(next) || !isDeepStrictEqual(before?.failedStarts, next.failedStarts)

async function tell(status: RTCNodePoolStatus, { at, deps, writers }: Reconcile): Promise<void> {
  const { pool } = at
  if (pool.status !== undefined && sameStatus(ownPart(pool.status), status)) return
  noteWritten(pool, await applyStatus(writers.pools, pool, status, writers.signal), writers)
  const standstill = eventOfStandstill(pool, status)
  if (standstill !== undefined) deps.events.record(pool, standstill)
}

/** Of room on hosts others tell (operator/cluster/headroom and announced). */
function ownPart(status: RTCNodePoolStatus): RTCNodePoolStatus {
  const { headroom: _, announced: __, ...own } = status
  return own
}

async function forgetOld({ status }: Plan, { at, writers }: Reconcile): Promise<void> {
  const { pool, recorded, owned } = at
  const names = new Set([status.currentRevision ?? '', status.updateRevision ?? '', ...owned.flatMap(revisionsOfNode)])
  const inUse = { names, pinned: pool.spec.strategy.pinnedRevision }
  const { failure } = await forget(pool, forgettable(recorded, inUse, pool.spec.revisionHistoryLimit), writers)
  if (failure !== undefined) throw failure
}

/** As it is labelled, and with the class its pod was really made from. */
function revisionsOfNode({ metadata, status }: Observed['owned'][number]): string[] {
  const label = metadata.labels?.[labels.revision] ?? ''
  return status?.classHash === undefined ? [label] : [label, `${label.split('-')[0] ?? ''}-${status.classHash}`]
}

const nameOf = ({ metadata }: KubeObject): string => metadata.name
