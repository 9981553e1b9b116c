// The status of an object as a value: made without absent fields, compared as Kubernetes would, and written so that it takes
// nothing back. Used by every controller that has one.
import { isDeepStrictEqual } from 'node:util'
import { FIELD_MANAGER } from '../api/marks.ts'
import { type KubeObject, keyOf } from '../api/meta.ts'
import type { ResourceClient } from './resource.ts'

/** Without the keys that are undefined: an absent field and an undefined one are the same to Kubernetes. */
export function compact<T extends object>(value: { [K in keyof T]: T[K] | undefined }): T {
  return Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined)) as T
}

export const sameStatus = <S>(a: S | undefined, b: S): boolean => isDeepStrictEqual(plain(a), plain(b))

const plain = (value: unknown): unknown => (value === undefined ? undefined : JSON.parse(JSON.stringify(value)))

/**
 * Resolves with the server's answer. The version makes a status that was judged on an old view a conflict: it would take back
 * what was decided since, such as a phase, a deadline, or how far a roll-out has come.
 */
export function applyStatus<T extends KubeObject>(
  client: ResourceClient<T>,
  object: T,
  status: object,
  signal: AbortSignal,
): Promise<T> {
  const { apiVersion, kind } = object
  const { name, namespace, uid, resourceVersion } = object.metadata
  return client.apply(
    keyOf(object),
    { apiVersion, kind, metadata: { name, namespace, uid, resourceVersion }, status },
    { fieldManager: FIELD_MANAGER, force: true, subresource: 'status', signal },
  )
}
