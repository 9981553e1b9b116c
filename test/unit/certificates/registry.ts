// The registry whose certificates and users the tests make.
import type { Registry } from '../../../operator/certificates/identities.ts'

export const registry: Registry = {
  namespace: 'system',
  registryName: 'registry',
  registryHosts: ['registry'],
  registryPrefix: '/sfu',
  sfuNamespaces: ['a', 'b'],
  sfuSecret: 'rtcnode-registry',
}
