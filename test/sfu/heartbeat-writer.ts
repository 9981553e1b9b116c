// Writes the heartbeats of thousands of simulated nodes: many puts in one transaction, one transaction at a time, the
// latest value of each key. Looks like a connection's `put` to the agent's lease code, which is the real one.
import { setTimeout as pause } from 'node:timers/promises'
import type { IPutRequest, IPutResponse } from 'etcd3'
import type { RegistryConnection } from '../../operator/registry/connection.ts'
import { RegistryError } from '../../operator/registry/errors.ts'

/** etcd takes 128 operations a transaction by default. */
const PUTS_PER_TRANSACTION = 100
const GATHER_MS = 5

interface Waiting {
  readonly request: IPutRequest
  readonly done: PromiseWithResolvers<IPutResponse>
}

export function heartbeatWriter(connection: RegistryConnection): RegistryConnection['put'] {
  const waiting = new Map<string, Waiting>()
  let isWriting = false

  async function write(): Promise<void> {
    isWriting = true
    await pause(GATHER_MS)
    while (waiting.size > 0) {
      const batch = [...waiting].slice(0, PUTS_PER_TRANSACTION)
      for (const [key] of batch) waiting.delete(key)
      await writeBatch(batch.map(([, put]) => put))
    }
    isWriting = false
  }

  async function writeBatch(batch: readonly Waiting[]): Promise<void> {
    try {
      const { responses } = await connection.txn({ success: batch.map(({ request }) => ({ request_put: request })) })
      for (const [index, { done }] of batch.entries()) done.resolve(responses[index]?.response_put as IPutResponse)
    } catch (error) {
      // One lease that has expired refuses the whole transaction: then each for itself, so that the others are heard.
      const isRefused = error instanceof RegistryError && error.outcome === 'refused'
      if (!isRefused) for (const { done } of batch) done.reject(error)
      else await Promise.all(batch.map(({ request, done }) => connection.put(request).then(done.resolve, done.reject)))
    }
  }

  return request => {
    const key = String(request.key)
    const done = waiting.get(key)?.done ?? Promise.withResolvers<IPutResponse>()
    waiting.set(key, { request, done })
    if (!isWriting) void write()
    return done.promise
  }
}
