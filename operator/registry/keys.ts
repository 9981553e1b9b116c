// Where things are in the registry: the names of keys, and back from a key to what it is about. Used by everything that
// reads or writes the registry.
import { type ObjectKey, objectKey, splitKey } from '../api/meta.ts'

export const DEFAULT_PREFIX = '/sfu'

/** What a key is about; undefined in the place of it means: none of ours. */
export type RegistryKey =
  | { readonly kind: 'node'; readonly node: ObjectKey }
  | { readonly kind: 'intent'; readonly node: ObjectKey }
  | { readonly kind: 'flag'; readonly name: string }

/** Thrown when an object has no place in the registry: it is cluster-scoped, or its name is none Kubernetes would take. */
export class UnusableKeyError extends Error {
  readonly key: string

  constructor(key: string) {
    super(`"${key}" cannot name a node in the registry: expected namespace/name`)
    this.name = 'UnusableKeyError'
    this.key = key
  }
}

/** Key of a node's registration and heartbeat. Throws UnusableKeyError. */
export const nodeKey = (prefix: string, node: ObjectKey): string => `${prefix}/nodes/${path(node)}`
/** Key of what a node should do. Throws UnusableKeyError. */
export const intentKey = (prefix: string, node: ObjectKey): string => `${prefix}/intents/${path(node)}`
export const flagKey = (prefix: string, flag: string): string => `${prefix}/flags/${flag}`
/** Key that the leader writes when it takes over; see `intents.ts`. */
export const leaderKey = (prefix: string): string => `${prefix}/leader`

export function parseKey(prefix: string, key: string): RegistryKey | undefined {
  if (!key.startsWith(`${prefix}/`)) return undefined
  const [kind, ...rest] = key.slice(prefix.length + 1).split('/')
  const [first = '', second = ''] = rest
  if (kind === 'flags') return rest.length === 1 && flagName.test(first) ? { kind: 'flag', name: first } : undefined
  if ((kind !== 'nodes' && kind !== 'intents') || rest.length !== 2) return undefined
  if (!isNamespace(first) || !isName(second)) return undefined
  return { kind: kind === 'nodes' ? 'node' : 'intent', node: objectKey(second, first) }
}

const flagName = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/
const dnsLabel = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/
const dnsSubdomain = /^[a-z0-9]([-.a-z0-9]*[a-z0-9])?$/
const isNamespace = (text: string): boolean => text.length <= 63 && dnsLabel.test(text)
const isName = (text: string): boolean => text.length <= 253 && dnsSubdomain.test(text)

function path(node: ObjectKey): string {
  const { namespace, name } = splitKey(node)
  if (namespace === undefined || !isNamespace(namespace) || !isName(name)) throw new UnusableKeyError(node)
  return `${namespace}/${name}`
}
