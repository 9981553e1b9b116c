// A kind that the cluster may not serve, because it belongs to a product that is not installed. While it is not served there
// are simply none of it; once it is, its informer lists them. Wraps the client that run.ts gives to an informer.
import type { Clock } from '../ambient/clock.ts'
import type { KubeObject } from '../api/meta.ts'
import type { Logger } from '../telemetry/log.ts'
import { ApiError, isForbidden, isNotFound } from './errors.ts'
import type { Page, ResourceClient, WatchEvent, WatchOptions } from './resource.ts'

/** How late a product installed meanwhile may be noticed. */
const LOOK_EVERY_MS = 30_000
/** The version of the empty list of a kind that is not served; a server's own versions are never 0. */
const NOT_SERVED = '0'

export interface IfServedOptions {
  readonly clock: Clock
  readonly log: Logger
}

/** Lists and watches as if there were none of it while the kind is not served; all else as `client` does. */
export function ifServed<T extends KubeObject>(
  client: ResourceClient<T>,
  { clock, log }: IfServedOptions,
): ResourceClient<T> {
  let wasForbidden = false

  function noneIfNotServed(error: unknown): Page<T> {
    if (!isNotServed(error)) throw error
    if (isForbidden(error) && !wasForbidden) log.warn('may not be listed; taken for none', { kind: client.type.kind })
    wasForbidden = isForbidden(error)
    return { items: [], resourceVersion: NOT_SERVED }
  }

  async function isServed(signal: AbortSignal): Promise<boolean> {
    const served = await client.list({ limit: 1, signal }).catch(noneIfNotServed)
    return served.resourceVersion !== NOT_SERVED
  }

  /** Tells every now and then that nothing has changed, until something has. */
  async function* awaitIt({ timeoutSeconds, signal }: WatchOptions): AsyncIterable<WatchEvent<T>> {
    const endsAt = clock.monotonic() + timeoutSeconds * 1_000
    while (clock.monotonic() < endsAt) {
      await clock.sleep(LOOK_EVERY_MS, signal)
      if (await isServed(signal)) throw toBeListed()
      yield { type: 'BOOKMARK', resourceVersion: NOT_SERVED }
    }
  }

  return {
    ...client,
    list: options => client.list(options).catch(noneIfNotServed),
    async *watch(options) {
      if (options.resourceVersion === NOT_SERVED) return yield* awaitIt(options)
      try {
        yield* client.watch(options)
      } catch (error) {
        throw isNotServed(error) ? toBeListed() : error
      }
    },
  }
}

/** A server that was given no rule for a group refuses before it looks whether there is such a group. */
const isNotServed = (error: unknown): boolean => isNotFound(error) || isForbidden(error)

const toBeListed = (): ApiError => new ApiError(410, { reason: 'Expired', message: 'the kind came or went' })
