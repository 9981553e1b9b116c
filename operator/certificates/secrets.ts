// Secrets as we keep them: marked as ours, read before each write, never overwritten when somebody else made them or has
// changed them since.
import { type KubeObject, type ObjectKey, type OwnerReference, objectKey, splitKey } from '../api/meta.ts'
import { isAlreadyExists, isConflict, isNotFound } from '../kube/errors.ts'
import { type ResourceClient, type ResourceType, resourceClient } from '../kube/resource.ts'
import type { KubeTransport } from '../kube/transport.ts'

interface Secret extends KubeObject {
  readonly data?: Readonly<Record<string, string>>
}

const secretType: ResourceType<Secret> = { apiVersion: 'v1', kind: 'Secret', plural: 'secrets', namespaced: true }
const roleType: ResourceType<KubeObject> = {
  apiVersion: 'rbac.authorization.k8s.io/v1',
  kind: 'Role',
  plural: 'roles',
  namespaced: true,
}

const MANAGED_BY = 'app.kubernetes.io/managed-by'
const MANAGER = 'rtcnode-certificates'
/** Which registry it is for: another release may have Secrets in the same namespace. */
const REGISTRY = 'rtcnode.io/registry'

export type SeenSecret =
  | { readonly state: 'absent' }
  | { readonly state: 'foreign'; readonly because: string }
  /** `data` as text. */
  | { readonly state: 'ours'; readonly data: Readonly<Record<string, string>>; readonly version: string }

/** null: the entry goes. */
export type Entries = Readonly<Record<string, string | null>>

export interface Secrets {
  read(key: ObjectKey): Promise<SeenSecret>
  /** As it is, whoever made it; undefined when it is not there. */
  readAny(key: ObjectKey): Promise<Readonly<Record<string, string>> | undefined>
  /** On what was seen. `overtaken`: it has changed since, nothing was written. Throws as ResourceClient does. */
  write(key: ObjectKey, seen: SeenSecret, entries: Entries): Promise<'written' | 'overtaken'>
}

export interface SecretsOptions {
  /** `namespace/name` of the registry. */
  readonly registry: ObjectKey
  /** Role that is there in each namespace: its Secrets go when it goes. */
  readonly ownerRole: string | undefined
}

export function secretsOn(transport: KubeTransport, { registry, ownerRole }: SecretsOptions): Secrets {
  const client = resourceClient(transport, secretType)
  const roles = resourceClient(transport, roleType)

  async function create(key: ObjectKey, entries: Entries): Promise<void> {
    const { namespace = '', name } = splitKey(key)
    await client.create({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: {
        name,
        namespace,
        labels: { [MANAGED_BY]: MANAGER, 'app.kubernetes.io/part-of': 'rtcnode' },
        annotations: { [REGISTRY]: registry },
        ownerReferences: await ownerIn(namespace, roles, ownerRole),
      },
      type: 'kubernetes.io/tls',
      data: encoded(entries),
    })
  }

  return {
    async read(key) {
      const found = await client.get(key)
      if (found === undefined) return { state: 'absent' }
      const because = whyForeign(found, registry)
      if (because !== undefined) return { state: 'foreign', because }
      return { state: 'ours', data: decoded(found), version: found.metadata.resourceVersion }
    },
    async readAny(key) {
      const found = await client.get(key)
      return found && decoded(found)
    },
    async write(key, seen, entries) {
      if (seen.state === 'foreign') return 'overtaken'
      try {
        if (seen.state === 'absent') await create(key, entries)
        else await client.mergePatch(key, { metadata: { resourceVersion: seen.version }, data: encoded(entries) })
        return 'written'
      } catch (error) {
        const isOvertaken = isConflict(error) || isAlreadyExists(error) || (seen.state === 'ours' && isNotFound(error))
        if (isOvertaken) return 'overtaken'
        throw error
      }
    },
  }
}

function whyForeign({ metadata }: Secret, registry: ObjectKey): string | undefined {
  const manager = metadata.labels?.[MANAGED_BY]
  if (manager !== MANAGER) return `was made by ${manager ?? 'somebody else'}`
  const owner = metadata.annotations?.[REGISTRY]
  return owner === registry ? undefined : `belongs to the registry ${owner ?? 'of somebody else'}`
}

async function ownerIn(
  namespace: string,
  roles: ResourceClient<KubeObject>,
  ownerRole: string | undefined,
): Promise<OwnerReference[]> {
  const role = ownerRole === undefined ? undefined : await roles.get(objectKey(ownerRole, namespace))
  if (role === undefined) return []
  return [{ apiVersion: roleType.apiVersion, kind: roleType.kind, name: role.metadata.name, uid: role.metadata.uid }]
}

const decoded = ({ data = {} }: Secret): Record<string, string> =>
  Object.fromEntries(Object.entries(data).map(([name, text]) => [name, Buffer.from(text, 'base64').toString()]))

const encoded = (entries: Entries): Record<string, string | null> =>
  Object.fromEntries(
    Object.entries(entries).map(([name, text]) => [name, text === null ? null : Buffer.from(text).toString('base64')]),
  )
