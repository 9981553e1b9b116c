// The agent's loop: read the SFU, decide, carry out, tell the registry. Beats at the heartbeat's pace, at once when an
// intent, a preStop or a new lease asks for it, and each second in a drain and until the SFU answers. Wired up by agent.ts.
import type { Clock, Monotonic } from '../ambient/clock.ts'
import type { Heartbeat } from '../api/heartbeat.ts'
import { LeaseNotHeldError } from '../registry/errors.ts'
import type { KnownIntent } from '../registry/registration.ts'
import type { Logger } from '../telemetry/log.ts'
import type { SfuAdapter, SfuReading } from './adapter.ts'
import { type Act, type Decision, decide, initialStance, type SeenSfu, type Stance } from './decide.ts'
import type { AgentMetrics } from './metrics.ts'
import type { Place } from './place.ts'
import { within } from './within.ts'

export interface LoopOptions {
  readonly podUID: string
  readonly heartbeatSeconds: number
  readonly graceSeconds: number
  readonly adapter: SfuAdapter
  readonly place: () => Place
  /** Puts a heartbeat under the lease. The loop does not wait for it: a registry that hangs must not hold up a drain. */
  readonly publish: (heartbeat: Heartbeat) => Promise<void>
  /** Gives up the registration for good. */
  readonly leave: () => void
  readonly clock: Clock
  readonly log: Logger
  readonly metrics: AgentMetrics
}

export interface AgentLoop {
  readonly seeIntent: (intent: KnownIntent) => void
  /** Puts a heartbeat at once: the lease is a new one. */
  readonly putAgain: () => void
  /** Closes admission; resolves when the SFU may be stopped. */
  readonly preStop: () => Promise<void>
  readonly run: (signal: AbortSignal) => Promise<void>
}

const READ_WITHIN_MS = 2_000
const ACT_WITHIN_MS = 5_000
const URGENT_BEAT_MS = 1_000

export function agentLoop(options: LoopOptions): AgentLoop {
  const { adapter, clock, log, metrics, podUID } = options
  const heartbeatMs = options.heartbeatSeconds * 1_000
  const bell = createBell(clock)
  const stoppable = Promise.withResolvers<void>()
  let intent: KnownIntent = { state: 'unknown' }
  let preStopAskedAt: Monotonic | undefined
  let stance: Stance = initialStance
  let state: Decision['state']
  let reading: SfuReading | { readonly failed: string } = { failed: 'not read yet' }
  let seen: SeenSfu = { state: 'silent' }
  // An agent that starts again beside a running SFU goes on counting above where the last one ended.
  let seq = clock.wall() as number
  let arePut = true
  let lastPut: { readonly heartbeat: Heartbeat; readonly at: Monotonic } | undefined

  async function beat(signal: AbortSignal): Promise<void> {
    // Once before the reading, so that a heartbeat which says "draining, nobody here" counted people after the closing.
    await step(signal)
    await read(signal)
    await step(signal)
    publishIfDue()
  }

  async function step(signal: AbortSignal): Promise<void> {
    const preStop =
      preStopAskedAt === undefined ? undefined : { askedAt: preStopAskedAt, graceMs: options.graceSeconds * 1_000 }
    const decision = decide(stance, { intent, sfu: seen, ...(preStop && { preStop }) }, podUID, clock.monotonic())
    const isDone = await carryOutAll(decision.acts, signal)
    if (isDone && decision.state !== state) log.info('state changed', { from: state, to: decision.state, intent })
    if (isDone || decision.stance.left) state = decision.state
    stance = isDone ? decision.stance : { ...decision.stance, admission: stance.admission, ackIntent: stance.ackIntent }
    if (decision.mayStop) stoppable.resolve()
  }

  /** False when admission could not be changed: then nothing may claim that it was, and the next step tries again. */
  async function carryOutAll(acts: readonly Act[], signal: AbortSignal): Promise<boolean> {
    let isDone = true
    for (const act of acts) {
      try {
        await carryOut(act, signal)
      } catch (error) {
        log.warn('the SFU did not change its admission', { error })
        isDone = false
      }
    }
    return isDone
  }

  async function carryOut(act: Act, signal: AbortSignal): Promise<void> {
    const bounded = (work: (signal: AbortSignal) => Promise<void> | undefined) =>
      within(ACT_WITHIN_MS, { clock, signal }, work)
    switch (act.do) {
      case 'close-admission':
        return bounded(bound => adapter.closeAdmission?.(bound))
      case 'open-admission':
        return bounded(bound => adapter.openAdmission?.(bound))
      case 'notify-drain':
        return inBackground(
          'telling people about the drain',
          bounded(bound => adapter.notifyDrain?.(act.notice, bound)),
        )
      case 'evict':
        return inBackground(
          'moving people off',
          bounded(bound => adapter.evict(bound).then(countMoved)),
        )
      case 'leave':
        return options.leave()
    }
  }

  /** Not awaited: thousands of people may take seconds to tell, and the heart must beat meanwhile. */
  function inBackground(what: string, work: Promise<void>): void {
    work.catch((error: unknown) => log.warn(`${what} failed`, { error }))
  }

  function countMoved({ moved }: { moved: number }): void {
    metrics.rtcnode_agent_participants_moved_total.inc({}, moved)
    log.info('people were told to reconnect elsewhere', { moved })
    bell.ring()
  }

  async function read(signal: AbortSignal): Promise<void> {
    const takenAt = clock.monotonic()
    try {
      const taken = await within(READ_WITHIN_MS, { clock, signal }, bound => adapter.read(bound))
      if ('failed' in reading) log.info('the SFU answers', { bootId: taken.bootId, sessions: taken.sessions })
      reading = taken
      seen = { state: 'answers', takenAt, sessions: taken.sessions, rooms: taken.load.rooms ?? 0 }
      metrics.rtcnode_agent_sfu_reads_total.inc({ result: 'answered' })
      metrics.rtcnode_agent_sessions.set({}, taken.sessions)
    } catch (error) {
      if (signal.aborted) return
      const failed = error instanceof Error ? error.message : String(error)
      if (!('failed' in reading)) log.warn('the SFU does not answer; no heartbeat until it does', { error })
      reading = { failed }
      seen = { state: 'silent' }
      metrics.rtcnode_agent_sfu_reads_total.inc({ result: 'failed' })
    }
  }

  function publishIfDue(): void {
    if (state === undefined || 'failed' in reading) return
    const heartbeat: Heartbeat = {
      podUID,
      bootId: reading.bootId,
      seq: seq + 1,
      state,
      sessions: reading.sessions,
      ...reading.load,
      ...options.place(),
      ...(stance.ackIntent !== undefined && { ackIntent: stance.ackIntent }),
    }
    const now = clock.monotonic()
    const isDue = lastPut === undefined || now - lastPut.at >= heartbeatMs || cannotWait(heartbeat, lastPut.heartbeat)
    if (!isDue) return
    seq += 1
    lastPut = { heartbeat, at: now }
    options.publish(heartbeat).then(
      () => {
        metrics.rtcnode_agent_heartbeats_total.inc({ result: 'put' })
        if (!arePut) log.info('heartbeats are put again')
        arePut = true
      },
      (error: unknown) => {
        metrics.rtcnode_agent_heartbeats_total.inc({ result: 'failed' })
        // Without a lease it is the lease that complains. Once, not each three seconds: being away for an hour is one event.
        if (error instanceof LeaseNotHeldError) return
        if (arePut) log.warn('heartbeats are not put', { error })
        arePut = false
      },
    )
  }

  return {
    seeIntent(next) {
      intent = next
      bell.ring()
    },
    putAgain() {
      lastPut = undefined
      bell.ring()
    },
    preStop() {
      if (preStopAskedAt === undefined) log.info('the pod is being stopped: closing admission')
      preStopAskedAt ??= clock.monotonic()
      bell.ring()
      return stoppable.promise
    },
    async run(signal) {
      signal.addEventListener('abort', bell.ring, { once: true })
      while (!signal.aborted) {
        const startedAt = clock.monotonic()
        await beat(signal)
        const isUrgent = state === 'draining' || preStopAskedAt !== undefined || 'failed' in reading
        const periodMs = isUrgent ? Math.min(URGENT_BEAT_MS, heartbeatMs) : heartbeatMs
        await bell.wait(startedAt + periodMs - clock.monotonic())
      }
    },
  }
}

/** What somebody may be waiting for: a drain, an acknowledgement, the first to come and the last to leave, a new boot. */
const cannotWait = (next: Heartbeat, last: Heartbeat): boolean =>
  next.state !== last.state ||
  next.ackIntent !== last.ackIntent ||
  next.bootId !== last.bootId ||
  (next.sessions === 0) !== (last.sessions === 0) ||
  (next.state === 'draining' && next.sessions === 0)

interface Bell {
  readonly ring: () => void
  /** Resolves after `ms`, or as soon as it rings. What has rung since the last wait counts. */
  wait(ms: number): Promise<void>
}

function createBell(clock: Clock): Bell {
  let hasRung = false
  let wake = (): void => undefined
  return {
    ring() {
      hasRung = true
      wake()
    },
    async wait(ms) {
      if (!hasRung && ms > 0) {
        const woken = Promise.withResolvers<void>()
        const cancel = clock.after(ms, woken.resolve)
        wake = woken.resolve
        await woken.promise
        cancel()
      }
      hasRung = false
    },
  }
}
