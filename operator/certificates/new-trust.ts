// etcd reads its certificate at every greeting, but whom it trusts only when it starts. So when the authorities change its
// pods are replaced, one at a time; whoever is connected connects again, and leases outlive it.
import { createHash } from 'node:crypto'
import { type KubeObject, type ObjectKey, objectKey } from '../api/meta.ts'
import { type ResourceType, resourceClient } from '../kube/resource.ts'
import type { KubeTransport } from '../kube/transport.ts'
import type { Logger } from '../telemetry/log.ts'
import type { Registry } from './identities.ts'
import { bundleOf } from './read.ts'
import type { Secrets } from './secrets.ts'

const statefulSetType: ResourceType<KubeObject> = {
  apiVersion: 'apps/v1',
  kind: 'StatefulSet',
  plural: 'statefulsets',
  namespaced: true,
}
/** On the StatefulSet: whom its pods trust. On its pods: what had them replaced. */
const TRUSTED = 'rtcnode.io/trusted-authorities'

export async function restartOnNewTrust(
  { namespace, registryName }: Registry,
  { transport, secrets, log }: { transport: KubeTransport; secrets: Secrets; log: Logger },
): Promise<void> {
  const client = resourceClient(transport, statefulSetType)
  const key: ObjectKey = objectKey(registryName, namespace)
  const found = await client.get(key)
  const server = await secrets.readAny(objectKey(`${registryName}-server`, namespace))
  if (found === undefined || server === undefined) return
  const trusted = digestOf(server['ca.crt'])
  const { annotations, resourceVersion } = found.metadata
  const before = annotations?.[TRUSTED]
  if (before === trusted) return
  const mark = { metadata: { resourceVersion, annotations: { [TRUSTED]: trusted } } }
  // Unmarked it is new: its pods have only just been waiting for this very Secret.
  const template = { template: { metadata: { annotations: { [TRUSTED]: trusted } } } }
  await client.mergePatch(key, before === undefined ? mark : { ...mark, spec: template })
  if (before !== undefined)
    log.info('the registry is restarted: it is to trust other authorities', { statefulSet: key })
}

function digestOf(bundle: string | undefined): string {
  const ids = bundleOf(bundle).map(it => it.fingerprint256)
  return createHash('sha256').update(ids.toSorted().join()).digest('hex').slice(0, 16)
}
