// Who has to do with the registry: one row for each certificate, with the Secret that it lives in and what its holder may do.
// The name in the certificate is the user in etcd. Walked by the issuing of certificates and by the setting up of users.
import { type ObjectKey, objectKey } from '../api/meta.ts'
import { canonicalHost } from './hosts.ts'

export interface Identity {
  readonly commonName: string
  readonly secret: ObjectKey
  /** Names and addresses that it serves at: for servers only. */
  readonly hosts: readonly string[]
  /** Keys that begin with these it may read, or write too. None: it is no user. */
  readonly reads: readonly string[]
  readonly writes: readonly string[]
}

export interface Registry {
  readonly namespace: string
  readonly registryName: string
  readonly registryHosts: readonly string[]
  readonly registryPrefix: string
  readonly sfuNamespaces: readonly string[]
  readonly sfuSecret: string
}

/** Members know each other by it, and let nobody else join. */
export const SERVER = 'registry'
export const ROOT = 'root'
export const sfuUser = (namespace: string): string => `sfu:${namespace}`
export const isSfuUser = (user: string): boolean => user.startsWith(sfuUser(''))

export function identities(registry: Registry): readonly Identity[] {
  const { namespace, registryName, registryPrefix: prefix } = registry
  const own = (name: string): ObjectKey => objectKey(`${registryName}-${name}`, namespace)
  return [
    {
      commonName: SERVER,
      secret: own('server'),
      hosts: registry.registryHosts.map(canonicalHost),
      reads: [],
      writes: [],
    },
    {
      commonName: 'operator',
      secret: own('operator'),
      hosts: [],
      reads: [`${prefix}/`],
      // With the key by which a new leader shuts out the one before.
      writes: [`${prefix}/intents/`, `${prefix}/leader`],
    },
    ...registry.sfuNamespaces.map(sfus => ({
      commonName: sfuUser(sfus),
      secret: objectKey(registry.sfuSecret, sfus),
      hosts: [],
      reads: [`${prefix}/intents/${sfus}/`, `${prefix}/flags/`],
      writes: [`${prefix}/nodes/${sfus}/`],
    })),
  ]
}
