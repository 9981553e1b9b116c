// A lease that is held: granted, kept alive, and granted anew when it is lost. Used by the agent, whose node's key lives
// as long as the lease does.
import { EtcdLeaseInvalidError } from 'etcd3'
import { type Clock, later, type Monotonic } from '../ambient/clock.ts'
import { jittered, type Random } from '../ambient/random.ts'
import type { Logger } from '../telemetry/log.ts'
import type { RegistryConnection } from './connection.ts'
import { LeaseExpiredError, LeaseNotHeldError, RegistryError } from './errors.ts'
import { type LeaseKeeper, leaseKeeper } from './lease-keeper.ts'
import { listeners } from './listeners.ts'

export type LeaseChange =
  | { readonly state: 'held'; readonly id: string }
  | { readonly state: 'lost'; readonly because: string }

export interface HeldLease {
  /** Undefined while none is held. */
  id(): string | undefined
  /** `held`: put your key now, also after a loss. `lost`: etcd may have ended it by now, your key is gone or going. */
  onChange(listener: (change: LeaseChange) => void): () => void
  /**
   * Puts the value under the lease. While an older put of the same key is still under way it waits, and only the latest
   * value goes next: a value that was overtaken resolves without having been put. Throws LeaseNotHeldError, RegistryError.
   */
  put(key: string, value: string): Promise<void>
  /** Grants and keeps until the signal aborts; then revokes, which deletes the keys, within 2 s or not at all. */
  run(signal: AbortSignal): Promise<void>
}

export interface HeldLeaseOptions {
  readonly connection: RegistryConnection
  /** Default: a keeper of its own. */
  readonly keeper?: LeaseKeeper
  /** Default 10. Renewed each third of it. */
  readonly ttlSeconds?: number
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
}

const REVOKE_WITHIN_MS = 2_000

export function heldLease(options: HeldLeaseOptions): HeldLease {
  const { connection, keeper = leaseKeeper(options), ttlSeconds = 10, clock, random, log } = options
  const ttlMs = ttlSeconds * 1_000
  const watchers = listeners<[LeaseChange]>('lease', log)
  let held: { id: string; until: Monotonic; lost: AbortController } | undefined

  const currentId = (): string | undefined => (held && clock.monotonic() < held.until ? held.id : undefined)

  /** Grants one lease and renews it for as long as it can be; resolves with why it was lost. */
  async function hold(signal: AbortSignal): Promise<string> {
    let sentAt = clock.monotonic()
    const { id } = await connection.grantLease(ttlSeconds, signal)
    const lost = new AbortController()
    const ended = AbortSignal.any([signal, lost.signal])
    held = { id, until: later(sentAt, ttlMs), lost }
    watchers.tell({ state: 'held', id })
    let pauseMs = ttlMs / 3
    for (;;) {
      // The lease may end as soon as its time has passed since the last *answered* renewal was *sent*.
      const remainingMs = Math.max(0, held.until - clock.monotonic())
      const cancelExpiry = clock.after(remainingMs, () => lost.abort(`no answer for ${ttlSeconds} s`))
      try {
        await clock.sleep(Math.min(pauseMs, remainingMs), ended)
        sentAt = clock.monotonic()
        await keeper.keepAlive(id, ended)
        held.until = later(sentAt, ttlMs)
        pauseMs = ttlMs / 3
      } catch (error) {
        signal.throwIfAborted()
        if (lost.signal.aborted) return String(lost.signal.reason)
        if (error instanceof LeaseExpiredError) return 'etcd has ended it'
        pauseMs = jittered(500, 0.3, random)
      } finally {
        cancelExpiry()
      }
    }
  }

  async function revoke(): Promise<void> {
    if (!held) return
    const bound = new AbortController()
    const cancel = clock.after(REVOKE_WITHIN_MS, () => bound.abort(new Error(`not revoked in ${REVOKE_WITHIN_MS} ms`)))
    try {
      await connection.revokeLease(held.id, bound.signal)
    } catch (error) {
      log.warn('the lease was not revoked and will end by itself', { error })
    } finally {
      cancel()
      held = undefined
    }
  }

  return {
    id: currentId,
    onChange: watchers.add,
    put: latestWins(async (key, value) => {
      const lease = currentId()
      if (lease === undefined) throw new LeaseNotHeldError(key)
      try {
        await connection.put({ key: Buffer.from(key), value: Buffer.from(value), lease })
      } catch (error) {
        if (error instanceof RegistryError && error.cause instanceof EtcdLeaseInvalidError && held?.id === lease) {
          held.lost.abort('etcd has ended it')
        }
        throw error
      }
    }),
    async run(signal) {
      let backoffMs = 0
      while (!signal.aborted) {
        try {
          const because = await hold(signal)
          held = undefined
          backoffMs = 0
          log.warn('the lease is lost, asking for a new one', { because })
          watchers.tell({ state: 'lost', because })
        } catch (error) {
          if (signal.aborted) break
          backoffMs = Math.min(Math.max(backoffMs * 2, 200), 2_000)
          log.warn('no lease was granted', { error })
          await clock.sleep(jittered(backoffMs, 0.3, random), signal).catch(() => undefined)
        }
      }
      await revoke()
    },
  }
}

/** Of the values that come while an earlier one is under way, only the latest is written; the others count as done. */
function latestWins(write: (key: string, value: string) => Promise<void>): HeldLease['put'] {
  const underWay = new Map<string, { next?: { value: string; done: PromiseWithResolvers<void> } }>()
  return async function put(key, value) {
    const earlier = underWay.get(key)
    if (earlier) {
      earlier.next?.done.resolve()
      earlier.next = { value, done: Promise.withResolvers() }
      return earlier.next.done.promise
    }
    const current: { next?: { value: string; done: PromiseWithResolvers<void> } } = {}
    underWay.set(key, current)
    try {
      await write(key, value)
    } finally {
      underWay.delete(key)
      if (current.next) put(key, current.next.value).then(current.next.done.resolve, current.next.done.reject)
    }
  }
}
