// Leader election on a Lease: of several operator processes, one writes. The others keep their caches warm and take over
// within the lease's duration of a crash, and at once after a clean release. Used by main.
import type { Clock, Monotonic } from '../ambient/clock.ts'
import { later } from '../ambient/clock.ts'
import { jittered, type Random } from '../ambient/random.ts'
import { type KubeObject, objectKey } from '../api/meta.ts'
import type { Logger } from '../telemetry/log.ts'
import { isAlreadyExists, isConflict, isNotFound } from './errors.ts'
import { informer } from './informer.ts'
import type { KubeMetrics } from './metrics.ts'
import { toMicroTime } from './micro-time.ts'
import type { ResourceClient, ResourceType } from './resource.ts'
import { compareVersions } from './resource-version.ts'

export interface Lease extends KubeObject {
  readonly spec?: {
    readonly holderIdentity?: string
    readonly leaseDurationSeconds?: number
    readonly acquireTime?: string
    readonly renewTime?: string
    readonly leaseTransitions?: number
  }
}

export const leaseType: ResourceType<Lease> = {
  apiVersion: 'coordination.k8s.io/v1',
  kind: 'Lease',
  plural: 'leases',
  namespaced: true,
}

export interface LeaderElectionOptions {
  /** Best one with `lane: 'lease'`, which other calls cannot starve. */
  client: ResourceClient<Lease>
  name: string
  namespace: string
  /** Of this process alone: a restarted one needs another. */
  identity: string
  /** Others may take the lease so long after its last renewal. Default 15. */
  leaseDurationSeconds?: number
  /** We stop leading so long after our last renewal; the difference to the duration is the margin. Default 10. */
  renewDeadlineSeconds?: number
  /** Between attempts. Default 2. */
  retryPeriodSeconds?: number
  clock: Clock
  random: Random
  log: Logger
  metrics: KubeMetrics
}

export interface LeadershipListeners {
  onStarted?(): void
  onLost?(): void
}

export interface LeaderElection {
  /**
   * True only while the lease surely has not expired: judged at every call, on the monotonic clock, from before the last
   * successful renewal was sent. So a process that was paused knows on waking, before it does anything else.
   */
  isLeader(): boolean
  /** How often the lease has changed hands: greater for every later leader. Meaningful while leading. */
  epoch(): number
  /** Takes part until the signal aborts, then releases the lease if held. Never rejects. To be called once. */
  run(signal: AbortSignal, listeners?: LeadershipListeners): Promise<void>
}

/** After losing a race for one write; the next look decides. */
const RACE_PAUSE_MS = 100

/** The last state of the lease seen, and when we first saw it in that state. */
interface Observed {
  lease: Lease
  since: Monotonic
}

export function leaderElection(options: LeaderElectionOptions): LeaderElection {
  const { client, name, namespace, identity, clock, random, metrics } = options
  const { leaseDurationSeconds = 15, renewDeadlineSeconds = 10, retryPeriodSeconds = 2 } = options
  const log = options.log.child({ lease: `${namespace}/${name}`, identity })
  const key = objectKey(name, namespace)
  const retryMs = retryPeriodSeconds * 1_000
  // Several attempts must fit before the renew deadline, or one lost packet would cost the lease.
  const callDeadlineMs = (renewDeadlineSeconds * 1_000) / 3

  let observed: Observed | undefined
  let epoch = 0
  let leadsUntil: Monotonic | undefined
  let announced = false
  let listeners: LeadershipListeners = {}

  const isLeader = (): boolean => leadsUntil !== undefined && clock.monotonic() < leadsUntil

  /** Times written in the lease are by other clocks and prove nothing; only that it changes proves that its holder lives. */
  function observe(lease: Lease): void {
    if (JSON.stringify(observed?.lease.spec) !== JSON.stringify(lease.spec)) {
      const { holderIdentity } = lease.spec ?? {}
      if (holderIdentity !== observed?.lease.spec?.holderIdentity)
        log.info('the lease has a holder', { holderIdentity })
      observed = { lease, since: clock.monotonic() }
    } else if (observed) {
      observed = { lease, since: observed.since }
    }
  }

  const isFree = (it: Observed): boolean => freeInMs(it) <= 0

  /** How long the holder must stay silent from now on until the lease is free. */
  function freeInMs({ lease: { spec }, since }: Observed): number {
    if (!spec?.holderIdentity || spec.holderIdentity === identity) return 0
    return since + (spec.leaseDurationSeconds ?? leaseDurationSeconds) * 1_000 + 1 - clock.monotonic()
  }

  /** Takes or renews the lease if it is free or ours. Throws what the calls throw. */
  async function attempt(signal: AbortSignal): Promise<void> {
    const bounds = { signal, deadlineMs: callDeadlineMs }
    // While leading, what we wrote last is what is there; if it is not, the patch meets a Conflict and we look again.
    if (!isLeader() || !observed) {
      const found = await client.get(key, bounds)
      if (found) observe(found)
      else observed = undefined
    }
    if (observed && !isFree(observed)) return lead(undefined)
    const sentAt = clock.monotonic()
    const written = await (observed
      ? client.mergePatch(key, claim(observed.lease), bounds)
      : client.create(claim(), bounds))
    observe(written)
    epoch = written.spec?.leaseTransitions ?? 0
    lead(later(sentAt, renewDeadlineSeconds * 1_000))
  }

  /** The lease in our name. With the version of what it is based on, so that only one of two who try at once succeeds. */
  function claim(found?: Lease): unknown {
    const now = toMicroTime(clock.wall())
    const isOurs = found?.spec?.holderIdentity === identity
    const transitions = found?.spec?.leaseTransitions ?? 0
    return {
      apiVersion: leaseType.apiVersion,
      kind: leaseType.kind,
      metadata: { name, namespace, ...(found && { resourceVersion: found.metadata.resourceVersion }) },
      spec: {
        holderIdentity: identity,
        leaseDurationSeconds,
        renewTime: now,
        ...(!isOurs && { acquireTime: now, leaseTransitions: found ? transitions + 1 : 0 }),
      },
    }
  }

  /** Begins, prolongs or (undefined) ends our leading, and says so. */
  function lead(until: Monotonic | undefined): void {
    leadsUntil = until
    if (announced === isLeader()) return
    announced = !announced
    log.info(announced ? 'leading' : 'no longer leading', { epoch })
    if (announced) listeners.onStarted?.()
    else listeners.onLost?.()
  }

  async function compete(signal: AbortSignal, freed: () => Promise<void>): Promise<void> {
    while (!signal.aborted) {
      let pauseMs = jittered(retryMs, 0.1, random)
      await attempt(signal).catch((error: unknown) => {
        if (signal.aborted) return
        // Somebody wrote the lease since we looked. It stays ours for its time unless the next look shows otherwise.
        const isRace = isConflict(error) || isAlreadyExists(error)
        if (isRace || isNotFound(error)) observed = undefined
        if (isRace) pauseMs = RACE_PAUSE_MS
        log[isRace ? 'debug' : 'warn']('attempt at the lease failed', { error })
        lead(isNotFound(error) ? undefined : leadsUntil)
      })
      if (signal.aborted) return
      // A standby that waited a whole period for a lease about to run out would lead that much later.
      if (!isLeader() && observed && !isFree(observed)) pauseMs = Math.min(pauseMs, freeInMs(observed))
      const pause = new AbortController()
      const wait = clock.sleep(pauseMs, AbortSignal.any([signal, pause.signal])).catch(() => {})
      // A standby wakes when the lease is released, so that a clean hand-over takes no retry period.
      await (isLeader() ? wait : Promise.race([wait, freed()]))
      pause.abort()
    }
  }

  /**
   * What the watch shows is newer than our last attempt: to a standby a sign of life of the holder, counted from when it
   * was given; to the leader that its lease was deleted or edited by hand, and is not its own.
   */
  function onWatched(old: Lease | undefined, lease: Lease | undefined): void {
    const seen = lease ?? old
    if (!observed || !seen || lease?.spec?.holderIdentity === identity) return
    const order = compareVersions(seen.metadata.resourceVersion, observed.lease.metadata.resourceVersion)
    if (order !== undefined && order < 0) return
    if (!isLeader()) {
      if (lease) observe(lease)
      return
    }
    observed = undefined
    lead(undefined)
  }

  /** Read first: a renewal that was under way when we stopped may or may not have taken effect. */
  async function release(): Promise<void> {
    lead(undefined)
    const bounds = { deadlineMs: 2_000 }
    for (let tries = 0; tries < 3; tries++) {
      try {
        const found = await client.get(key, bounds)
        if (found?.spec?.holderIdentity !== identity) return
        const now = toMicroTime(clock.wall())
        const metadata = { resourceVersion: found.metadata.resourceVersion }
        const spec = { holderIdentity: '', leaseDurationSeconds: 1, renewTime: now, acquireTime: now }
        await client.mergePatch(key, { metadata, spec }, bounds)
        return log.info('lease released')
      } catch (error) {
        if (isConflict(error)) continue
        return log.warn('lease not released, the next leader waits until it expires', { error })
      }
    }
  }

  return {
    isLeader,
    epoch: () => epoch,
    async run(signal, its = {}) {
      listeners = its
      metrics.leader_election_master_status.follow({ name }, () => (isLeader() ? 1 : 0))
      const cache = informer(client, { ...options, fieldSelector: `metadata.name=${name}` })
      let wake = Promise.withResolvers<void>()
      cache.onChange(({ old, new: lease }) => {
        onWatched(old, lease)
        if (lease?.spec?.holderIdentity) return
        wake.resolve()
        wake = Promise.withResolvers()
      })
      const watching = cache.run(signal)
      await compete(signal, () => wake.promise)
      await release()
      await watching
    },
  }
}
