// One key of the registry as etcd tells it, whole or as a change. Used by the watch and by whoever listens to it.
import { MAX_VALUE_BYTES } from './parse.ts'
import type { WatchedPair } from './watch-answer.ts'

export interface RegistryEntry {
  readonly key: string
  /** Cut off one byte after MAX_VALUE_BYTES: enough to refuse it, whatever its size. */
  readonly value: Uint8Array
  /** Of the key's last change. */
  readonly revision: number
  /** Undefined when the key is bound to no lease. */
  readonly leaseId?: string
}

export type RegistryChange =
  | { readonly type: 'put'; readonly entry: RegistryEntry }
  | { readonly type: 'delete'; readonly key: string; readonly revision: number }

export const toChange = (type: string, kv: WatchedPair): RegistryChange =>
  type.toLowerCase() === 'delete'
    ? { type: 'delete', key: kv.key.toString(), revision: Number(kv.mod_revision) }
    : { type: 'put', entry: toEntry(kv) }

export const toEntry = ({ key, value, mod_revision, lease }: WatchedPair): RegistryEntry => ({
  key: key.toString(),
  value: value.length > MAX_VALUE_BYTES ? Buffer.from(value.subarray(0, MAX_VALUE_BYTES + 1)) : value,
  revision: Number(mod_revision),
  ...(lease !== '0' && { leaseId: lease }),
})
