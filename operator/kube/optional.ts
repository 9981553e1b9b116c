// A kind that the cluster may not serve, because it belongs to a product that is not installed. While it is not served there
// are simply none of it; once it is, its informer lists them. Wraps the client that run.ts gives to an informer.
import type { Clock } from '../ambient/clock.ts'
import type { KubeObject, ObjectKey } from '../api/meta.ts'
import type { Logger } from '../telemetry/log.ts'
import type { Cache } from './cache.ts'
import { ApiError, isForbidden, isNotFound } from './errors.ts'
import type { ListOptions, Page, ResourceClient, WatchEvent, WatchOptions } from './resource.ts'

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
  const forbiddenIn = new Set<string | undefined>()

  async function list(options: ListOptions = {}): Promise<Page<T>> {
    const { namespace } = options
    try {
      return await client.list(options)
    } catch (error) {
      if (!isNotServed(error)) throw error
      const isNews = isForbidden(error) && !forbiddenIn.has(namespace)
      if (isNews) log.warn('may not be listed; taken for none', { kind: client.type.kind, namespace })
      if (isForbidden(error)) forbiddenIn.add(namespace)
      else forbiddenIn.delete(namespace)
      return { items: [], resourceVersion: NOT_SERVED }
    }
  }

  /** Tells every now and then that nothing has changed, until something has. */
  async function* awaitIt({ namespace, timeoutSeconds, signal }: WatchOptions): AsyncIterable<WatchEvent<T>> {
    const endsAt = clock.monotonic() + timeoutSeconds * 1_000
    while (clock.monotonic() < endsAt) {
      await clock.sleep(LOOK_EVERY_MS, signal)
      const { resourceVersion } = await list({ ...(namespace !== undefined && { namespace }), limit: 1, signal })
      if (resourceVersion !== NOT_SERVED) throw toBeListed()
      yield { type: 'BOOKMARK', resourceVersion: NOT_SERVED }
    }
  }

  return {
    ...client,
    list,
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

/** Whether the cluster serves the kind of this cache, whose client is wrapped as above. */
export const isServed = (cache: Cache<unknown>, key: ObjectKey): boolean => {
  const resourceVersion = cache.rangeOf(key)?.progress.resourceVersion ?? ''
  return resourceVersion !== '' && resourceVersion !== NOT_SERVED
}

/** A server that was given no rule for a group refuses before it looks whether there is such a group. */
const isNotServed = (error: unknown): boolean => isNotFound(error) || isForbidden(error)

const toBeListed = (): ApiError => new ApiError(410, { reason: 'Expired', message: 'the kind came or went' })
