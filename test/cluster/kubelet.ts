// The configuration of a test host's kubelet. Called by hosts.ts.

/** Of the Service in front of the cluster's DNS, whether it has one or not. */
export const dnsAddress = '10.96.0.10'

export interface KubeletSite {
  address: string
  cgroupRoot: string
  /** Path of the certificate of who signs the API server's client certificate. */
  authorityPath: string
  /** Paths of the kubelet's own identity. */
  cert: string
  key: string
  resolvConf: string
}

/** A KubeletConfiguration, kubelet.config.k8s.io/v1beta1. */
export const kubeletConfiguration = (site: KubeletSite) => ({
  apiVersion: 'kubelet.config.k8s.io/v1beta1',
  kind: 'KubeletConfiguration',
  address: site.address,
  healthzBindAddress: site.address,
  healthzPort: 10248,
  readOnlyPort: 0,
  tlsCertFile: site.cert,
  tlsPrivateKeyFile: site.key,
  authentication: {
    anonymous: { enabled: false },
    webhook: { enabled: true },
    x509: { clientCAFile: site.authorityPath },
  },
  authorization: { mode: 'Webhook' },
  containerRuntimeEndpoint: 'unix:///run/containerd/containerd.sock',
  cgroupDriver: 'cgroupfs',
  // Its own, or the kubelets of one machine delete each other's pods.
  cgroupRoot: site.cgroupRoot,
  failCgroupV1: false,
  failSwapOn: false,
  // Raising the limit further takes CAP_SYS_RESOURCE.
  maxOpenFiles: 20_000,
  clusterDNS: [dnsAddress],
  clusterDomain: 'cluster.local',
  // The machine's may point into /run, which is another one on a host.
  resolvConf: site.resolvConf,
  nodeStatusUpdateFrequency: '2s',
  // A developer's disk is fuller than a server's; images are put there by us and must stay.
  evictionHard: {
    'memory.available': '100Mi',
    'nodefs.available': '1%',
    'nodefs.inodesFree': '1%',
    'imagefs.available': '1%',
  },
  imageGCHighThresholdPercent: 100,
  imageGCLowThresholdPercent: 99,
})
