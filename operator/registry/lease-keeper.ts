// Renews leases, many of them through one stream. Used by `lease.ts`; a process that simulates a fleet shares one keeper.
import type { Clock } from '../ambient/clock.ts'
import type { RegistryConnection } from './connection.ts'
import { LeaseExpiredError, RegistryError } from './errors.ts'

export interface LeaseKeeper {
  /** Renews once; resolves when etcd has answered. Throws LeaseExpiredError, RegistryError. */
  keepAlive(leaseId: string, signal?: AbortSignal): Promise<void>
}

/** A stream that leaves a renewal unanswered for so long is given up; there must be time for more tries within a TTL. */
const ANSWER_WITHIN_MS = 2_000

export function leaseKeeper({ connection, clock }: { connection: RegistryConnection; clock: Clock }): LeaseKeeper {
  let line: Promise<Line> | undefined

  async function renew(leaseId: string, signal: AbortSignal | undefined): Promise<void> {
    signal?.throwIfAborted()
    line ??= openLine(connection, () => {
      line = undefined
    })
    const { renewals, send, hangUp } = await line
    const answer = renewals.get(leaseId) ?? Promise.withResolvers<void>()
    renewals.set(leaseId, answer)
    const cancelDeadline = clock.after(ANSWER_WITHIN_MS, () => hangUp(`no answer within ${ANSWER_WITHIN_MS} ms`))
    const onAbort = (): void => answer.reject(signal?.reason)
    signal?.addEventListener('abort', onAbort, { once: true })
    try {
      send(leaseId)
      await answer.promise
    } finally {
      cancelDeadline()
      signal?.removeEventListener('abort', onAbort)
      if (renewals.get(leaseId) === answer) renewals.delete(leaseId)
    }
  }

  return { keepAlive: renew }
}

interface Line {
  readonly renewals: Map<string, PromiseWithResolvers<void>>
  readonly send: (leaseId: string) => void
  readonly hangUp: (because: string) => void
}

async function openLine(connection: RegistryConnection, onClosed: () => void): Promise<Line> {
  const renewals = new Map<string, PromiseWithResolvers<void>>()
  const closing = new AbortController()

  function close(cause: unknown): void {
    if (closing.signal.aborted) return
    onClosed()
    closing.abort()
    for (const renewal of renewals.values()) renewal.reject(new RegistryError('lease keep-alive', 'unknown', cause))
    renewals.clear()
  }

  try {
    const stream = await connection.openKeepAlive(closing.signal)
    stream
      .on('data', ({ ID, TTL }) => {
        if (TTL === '0') renewals.get(ID)?.reject(new LeaseExpiredError(ID))
        else renewals.get(ID)?.resolve()
      })
      .on('error', close)
      .on('end', () => close('the stream ended'))
    return { renewals, send: leaseId => stream.write({ ID: leaseId }), hangUp: close }
  } catch (error) {
    onClosed()
    throw error
  }
}
