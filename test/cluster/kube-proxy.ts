// The kube-proxy of one real host: it leads the addresses of Services to their pods, in the host's own nftables. Called by
// hosts.ts when the cluster has Services.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { isHealthy } from './api-client.ts'
import type { CertificateAuthority } from './certificates.ts'
import { writeKubeconfig } from './kubeconfig.ts'
import { type Server, startServer } from './process.ts'

export interface KubeProxySite {
  /** Of the Node object. */
  name: string
  folder: string
  address: string
  /** Arguments of nsenter that put the command after them into the host. */
  inside: string[]
}

export interface KubeProxyOptions {
  binary: string
  apiserverUrl: string
  authority: CertificateAuthority
}

const healthPort = 10_256

/** Resolves when all Services there are lead somewhere from this host. */
export async function startKubeProxy(
  { name, folder, address, inside }: KubeProxySite,
  { binary, apiserverUrl, authority }: KubeProxyOptions,
): Promise<Server> {
  const kubeconfig = writeKubeconfig(join(folder, 'kube-proxy.kubeconfig'), {
    server: apiserverUrl,
    authorityPem: authority.certificatePem,
    identity: await authority.issue({ commonName: 'system:kube-proxy' }),
  })
  const config = join(folder, 'kube-proxy.json')
  writeFileSync(config, JSON.stringify(configuration({ name, address, kubeconfig })))
  return startServer({
    name: 'kube-proxy',
    command: 'nsenter',
    args: [...inside, binary, `--config=${config}`],
    logPath: join(folder, 'kube-proxy.log'),
    ready: signal => isHealthy(`http://${address}:${healthPort}/healthz`, signal),
  })
}

/** A KubeProxyConfiguration, kubeproxy.config.k8s.io/v1alpha1. */
const configuration = ({ name, address, kubeconfig }: { name: string; address: string; kubeconfig: string }) => ({
  apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
  kind: 'KubeProxyConfiguration',
  mode: 'nftables',
  // Answers between two pods of one host would go by their bridge, past the translation of addresses.
  nftables: { masqueradeAll: true },
  clientConnection: { kubeconfig },
  hostnameOverride: name,
  bindAddress: address,
  healthzBindAddress: `${address}:${healthPort}`,
  metricsBindAddress: '127.0.0.1:10249',
  // The size of the kernel's table is the machine's own affair.
  conntrack: { maxPerCore: 0, min: 0 },
})
