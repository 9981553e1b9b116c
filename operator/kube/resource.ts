// Typed access to one kind over the API: everything that controllers may do with objects, as functions.
import type { KubeObject, ObjectKey, Uid } from '../api/meta.ts'
import { splitKey } from '../api/meta.ts'
import { ApiError, isConflict, isNotFound, type Status, statusSchema, TransportError } from './errors.ts'
import type { Call, KubeTransport, Query } from './transport.ts'

/** Names a kind to the API server; `T` is what its objects look like. */
export interface ResourceType<T extends KubeObject> {
  readonly apiVersion: string
  readonly kind: string
  readonly plural: string
  readonly namespaced: boolean
  /** The API server keeps no watch cache of these (as of events), and nothing is heard in a watch while nothing changes. */
  readonly withoutBookmarks?: true
  /** Never set: ties the type parameter. */
  readonly __type?: T
}

export interface Selection {
  /** Default: all namespaces. */
  namespace?: string
  labelSelector?: string
  fieldSelector?: string
}

export interface ListOptions extends Selection {
  limit?: number
  continue?: string
  resourceVersion?: string
  signal?: AbortSignal
  deadlineMs?: number
}

export interface Page<T> {
  items: T[]
  resourceVersion: string
  continue?: string
}

export interface CallOptions {
  signal?: AbortSignal
  deadlineMs?: number
}

export interface WriteOptions extends CallOptions {
  /** The server judges and answers, but keeps nothing. */
  dryRun?: boolean
}

export interface PatchOptions extends WriteOptions {
  subresource?: 'status' | 'scale'
}

export interface ApplyOptions extends PatchOptions {
  fieldManager: string
  /** Take fields that others own, instead of a Conflict. */
  force?: boolean
}

export interface DeleteOptions extends CallOptions {
  /** Only this life of the object is deleted. */
  uid: Uid
  /** Only this version of it; a Conflict when it has changed since. */
  resourceVersion?: string
  gracePeriodSeconds?: number
  propagationPolicy?: 'Foreground' | 'Background' | 'Orphan'
}

export interface WatchOptions extends Selection {
  resourceVersion: string
  timeoutSeconds: number
  allowWatchBookmarks: boolean
  signal: AbortSignal
}

export type WatchEvent<T> =
  | { type: 'ADDED' | 'MODIFIED' | 'DELETED'; object: T }
  | { type: 'BOOKMARK'; resourceVersion: string }

export interface ResourceClient<T> {
  readonly type: ResourceType<T & KubeObject>
  /** A live read; undefined when there is no such object. */
  get(key: ObjectKey, options?: CallOptions): Promise<T | undefined>
  list(options?: ListOptions): Promise<Page<T>>
  create(object: unknown, options?: WriteOptions): Promise<T>
  /** A patch that carries `metadata.resourceVersion` fails with a Conflict if the object changed since. */
  mergePatch(key: ObjectKey, patch: unknown, options?: PatchOptions): Promise<T>
  /** Server-side apply: sets the fields given, and gives up those this manager owned and left out. */
  apply(key: ObjectKey, object: unknown, options: ApplyOptions): Promise<T>
  /** `deleted`: accepted, finalizers and grace may still hold it. `gone`: there is no object of that UID. */
  delete(key: ObjectKey, options: DeleteOptions): Promise<'deleted' | 'gone'>
  /** Ends with the server's timeout. Throws ApiError for an ERROR event, TransportError for garbage or a cut. */
  watch(options: WatchOptions): AsyncIterable<WatchEvent<T>>
}

export function resourceClient<T extends KubeObject>(
  transport: KubeTransport,
  type: ResourceType<T>,
  { lane = 'requests' }: { lane?: NonNullable<Call['lane']> } = {},
): ResourceClient<T> {
  const pathOf = (namespace: string | undefined, ...rest: string[]): string => {
    const group = type.apiVersion.includes('/') ? `/apis/${type.apiVersion}` : `/api/${type.apiVersion}`
    const scope = type.namespaced && namespace !== undefined ? ['namespaces', namespace] : []
    return [group, ...[...scope, type.plural, ...rest].map(encodeURIComponent)].join('/')
  }
  const objectPath = (key: ObjectKey, ...rest: string[]): string => {
    const { namespace, name } = splitKey(key)
    return pathOf(namespace, name, ...rest)
  }
  const get = (key: ObjectKey, options: CallOptions = {}): Promise<T | undefined> =>
    transport
      .request<T>({ method: 'GET', path: objectPath(key), lane, ...bounds(options) })
      .catch(orUndefinedWhenNotFound)
  const patch = (key: ObjectKey, body: unknown, contentType: string, options: PatchOptions, query: Query): Promise<T> =>
    transport.request<T>({
      method: 'PATCH',
      path: objectPath(key, ...(options.subresource ? [options.subresource] : [])),
      query: { ...query, ...dryRunQuery(options) },
      body,
      contentType,
      lane,
      ...bounds(options),
    })

  return {
    type,
    get,

    async list(options = {}) {
      const { namespace, signal: _signal, deadlineMs: _deadlineMs, ...query } = options
      const list = await transport.request<{ metadata: { resourceVersion: string; continue?: string }; items?: T[] }>({
        method: 'GET',
        path: pathOf(namespace),
        query,
        lane,
        ...bounds(options),
      })
      const next = list.metadata.continue
      // Items of a list come without the two fields that single objects have.
      const items = (list.items ?? []).map(item => ({ ...item, apiVersion: type.apiVersion, kind: type.kind }))
      return { items, resourceVersion: list.metadata.resourceVersion, ...(next && { continue: next }) }
    },

    create(object, options = {}) {
      const namespace = (object as Partial<KubeObject>).metadata?.namespace
      const query = dryRunQuery(options)
      return transport.request<T>({
        method: 'POST',
        path: pathOf(namespace),
        query,
        body: object,
        lane,
        ...bounds(options),
      })
    },

    mergePatch: (key, body, options = {}) => patch(key, body, 'application/merge-patch+json', options, {}),

    apply(key, object, options) {
      const { fieldManager, force } = options
      // JSON is YAML, which is what this content type promises.
      return patch(key, object, 'application/apply-patch+yaml', options, { fieldManager, force })
    },

    async delete(key, options) {
      const { uid, resourceVersion, gracePeriodSeconds, propagationPolicy } = options
      const body = { preconditions: { uid, resourceVersion }, gracePeriodSeconds, propagationPolicy }
      try {
        await transport.request({ method: 'DELETE', path: objectPath(key), body, lane, ...bounds(options) })
        return 'deleted'
      } catch (error) {
        if (isNotFound(error)) return 'gone'
        // A Conflict is most likely our UID precondition; the wording differs between servers, so a look decides.
        if (isConflict(error) && (await get(key, options))?.metadata.uid !== uid) return 'gone'
        throw error
      }
    },

    async *watch({ namespace, signal, ...query }) {
      const stream = transport.stream({ path: pathOf(namespace), query: { ...query, watch: true }, signal })
      for await (const line of stream) yield parseEvent<T>(line)
    },
  }
}

const bounds = ({ signal, deadlineMs }: CallOptions): CallOptions => ({
  ...(signal && { signal }),
  ...(deadlineMs !== undefined && { deadlineMs }),
})

const dryRunQuery = ({ dryRun }: WriteOptions): Query => (dryRun ? { dryRun: 'All' } : {})

function orUndefinedWhenNotFound(error: unknown): undefined {
  if (!isNotFound(error)) throw error
}

function parseEvent<T extends KubeObject>(line: string): WatchEvent<T> {
  const event = parseFrame(line)
  const object = event.object as T
  switch (event.type) {
    case 'ADDED':
    case 'MODIFIED':
    case 'DELETED':
      if (typeof object?.metadata?.uid !== 'string') break
      return { type: event.type, object }
    case 'BOOKMARK':
      if (typeof object?.metadata?.resourceVersion !== 'string') break
      return { type: 'BOOKMARK', resourceVersion: object.metadata.resourceVersion }
    case 'ERROR': {
      const status: Status = statusSchema.safeParse(object).data ?? {}
      throw new ApiError(status.code ?? 500, status)
    }
  }
  throw new TransportError('BAD_FRAME', `not a watch event: ${line.slice(0, 200)}`)
}

function parseFrame(line: string): { type?: unknown; object?: unknown } {
  try {
    return JSON.parse(line) as { type?: unknown; object?: unknown }
  } catch (error) {
    throw new TransportError('BAD_FRAME', `a watch event that is not JSON: ${line.slice(0, 200)}`, error)
  }
}
