// The DNS of a cluster with Services: CoreDNS in a pod, at the address that its kubelets tell all pods to ask. Called by
// cluster.ts.
import type { Host } from './hosts.ts'
import { ensureImage, imageName } from './images.ts'
import { dnsAddress } from './kubelet.ts'

/** What the DNS needs of its cluster. */
export interface NamedCluster {
  hosts: readonly Host[]
  kubectl(args: string[], options?: { input?: string }): Promise<string>
}

/** Resolves when the names of Services are answered. */
export async function startDns({ hosts, kubectl }: NamedCluster, log: (line: string) => void): Promise<void> {
  const image = await ensureImage('coredns', { log })
  await Promise.all(hosts.map(host => host.importImage(image)))
  await kubectl(['apply', '-f-'], { input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items: manifests }) })
  await kubectl(['rollout', 'status', 'deployment/coredns', '--namespace=kube-system', '--timeout=55s'])
}

/** Knows Services and nobody else: a test cluster has no way out. */
const corefile = `.:53 {
  errors
  ready :8181
  kubernetes cluster.local in-addr.arpa
}
`

const metadata = { name: 'coredns', namespace: 'kube-system' }
const labels = { 'k8s-app': 'kube-dns' }
const roleName = 'system:coredns'

const manifests = [
  { apiVersion: 'v1', kind: 'ServiceAccount', metadata },
  {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRole',
    metadata: { name: roleName },
    rules: [
      { apiGroups: [''], resources: ['services', 'namespaces'], verbs: ['list', 'watch'] },
      { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: ['list', 'watch'] },
    ],
  },
  {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRoleBinding',
    metadata: { name: roleName },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: roleName },
    subjects: [{ kind: 'ServiceAccount', ...metadata }],
  },
  { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { Corefile: corefile } },
  {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata,
    spec: {
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: {
          serviceAccountName: metadata.name,
          dnsPolicy: 'Default',
          containers: [
            {
              name: 'coredns',
              image: imageName('coredns'),
              imagePullPolicy: 'Never',
              args: ['-conf', '/etc/coredns/Corefile'],
              volumeMounts: [{ name: 'config', mountPath: '/etc/coredns' }],
              readinessProbe: { httpGet: { path: '/ready', port: 8181 }, periodSeconds: 1 },
            },
          ],
          volumes: [{ name: 'config', configMap: { name: metadata.name } }],
        },
      },
    },
  },
  {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { ...metadata, name: 'kube-dns' },
    spec: {
      clusterIP: dnsAddress,
      selector: labels,
      ports: ['UDP', 'TCP'].map(protocol => ({ name: `dns-${protocol.toLowerCase()}`, port: 53, protocol })),
    },
  },
]
