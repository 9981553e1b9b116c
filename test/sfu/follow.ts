// Follows all objects of one kind in the API server, the simplest way that survives everything: list, watch until the
// watch ends for whatever reason, list again. Not the operator's informer: what judges must not share its faults.
import { setTimeout as pause } from 'node:timers/promises'
import type { KubeObject, Uid } from '../../operator/api/meta.ts'
import type { ResourceClient, Selection } from '../../operator/kube/resource.ts'

export interface Follower<T> {
  onObject(object: T): void
  onGone(object: T): void
  /** The API server is away, or has forgotten our version: what there is to say is said by the next list. */
  onTrouble(error: unknown): void
}

const PAGE_SIZE = 500
const WATCH_SECONDS = 3_000
const AGAIN_AFTER_MS = 300

export async function follow<T extends KubeObject>(
  client: ResourceClient<T>,
  selection: Selection,
  follower: Follower<T>,
  signal: AbortSignal,
): Promise<void> {
  const held = new Map<Uid, T>()
  const put = (object: T): void => {
    held.set(object.metadata.uid, object)
    follower.onObject(object)
  }
  const drop = (object: T): void => {
    if (held.delete(object.metadata.uid)) follower.onGone(object)
  }

  async function listAll(): Promise<string> {
    const found: T[] = []
    let next: string | undefined
    let resourceVersion: string
    do {
      const page = await client.list({
        ...selection,
        limit: PAGE_SIZE,
        signal,
        ...(next !== undefined && { continue: next }),
      })
      found.push(...page.items)
      next = page.continue
      resourceVersion = page.resourceVersion
    } while (next !== undefined)
    const uids = new Set(found.map(object => object.metadata.uid))
    for (const [uid, object] of held) if (!uids.has(uid)) drop(object)
    for (const object of found) put(object)
    return resourceVersion
  }

  while (!signal.aborted) {
    try {
      const resourceVersion = await listAll()
      const bounds = { timeoutSeconds: WATCH_SECONDS, allowWatchBookmarks: false, signal }
      for await (const event of client.watch({ ...selection, ...bounds, resourceVersion })) {
        if (event.type === 'DELETED') drop(event.object)
        else if (event.type !== 'BOOKMARK') put(event.object)
      }
    } catch (error) {
      if (!signal.aborted) follower.onTrouble(error)
    }
    await pause(AGAIN_AFTER_MS, undefined, { signal }).catch(() => undefined)
  }
}
