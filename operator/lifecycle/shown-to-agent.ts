// Files that the agent is shown and no other container of the pod: where the pod is, and who it is to the registry. Pure;
// called by pod.ts.
import type { RTCNodeClass } from '../api/rtcnodeclass.ts'
import { type AgentSettings, addressSourceOf, literal } from './start-up-environment.ts'

/** A volume that only the agent mounts, and the variables that tell it where. */
export interface Shown {
  readonly volume: { readonly name: string; readonly [source: string]: unknown }
  readonly mountPath: string
  readonly environment: readonly object[]
}

export const shownToAgent = (nodeClass: RTCNodeClass, { registrySecret }: AgentSettings): readonly Shown[] => [
  ...(addressComesLater(nodeClass) ? [podInfo('/etc/rtcnode/pod')] : []),
  ...(registrySecret === undefined ? [] : [registryIdentity(registrySecret, '/etc/rtcnode/registry')]),
]

/** Only the host knows its external address, and only once the pod is bound: it comes as an annotation, through a volume. */
const addressComesLater = (nodeClass: RTCNodeClass): boolean => addressSourceOf(nodeClass) === 'ExternalIP'

const podInfo = (mountPath: string): Shown => ({
  volume: {
    name: 'rtcnode-podinfo',
    downwardAPI: { items: [{ path: 'annotations', fieldRef: { fieldPath: 'metadata.annotations' } }] },
  },
  mountPath,
  environment: [literal('RTCNODE_PODINFO_DIR', mountPath)],
})

/** Until the Secret is there with all three keys, the kubelet does not start the pod, and says so in its events. */
const registryIdentity = (secretName: string, mountPath: string): Shown => ({
  volume: {
    name: 'rtcnode-registry',
    secret: { secretName, items: ['ca.crt', 'tls.crt', 'tls.key'].map(key => ({ key, path: key })) },
  },
  mountPath,
  environment: [
    literal('RTCNODE_REGISTRY_CA_FILE', `${mountPath}/ca.crt`),
    literal('RTCNODE_REGISTRY_CERT_FILE', `${mountPath}/tls.crt`),
    literal('RTCNODE_REGISTRY_KEY_FILE', `${mountPath}/tls.key`),
  ],
})
