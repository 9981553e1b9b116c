// What the tests of the plugin need in a cluster: an operator that looks as if the chart had installed it, a person with few rights, a
// host of its own.
import { readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { networkInterfaces } from 'node:os'
import { join } from 'node:path'
import { parse, stringify } from 'yaml'
import { operatorPermissions } from '../../../operator/permissions.ts'
import type { Cluster } from '../../cluster/cluster.ts'
import { writeKubeconfig } from '../../cluster/kubeconfig.ts'
import { fakeNode } from '../../cluster/kwok.ts'
import type { World } from '../harness/world.ts'

type Apply = World['apply']

/** A fake host on which no other pods come. */
export const hostOfItsOwn = (name: string): object =>
  fakeNode({
    name,
    address: '10.201.9.9',
    room: { cpu: '8', memory: '8Gi', pods: '10' },
    taint: { key: 'nobody-else', effect: 'NoSchedule' },
  })

/** A kubeconfig of somebody who has these rights in the namespace, and no others. */
export async function userWith(
  cluster: Cluster,
  apply: Apply,
  namespace: string,
  user: string,
  rules: object[],
): Promise<string> {
  const metadata = { name: user, namespace }
  const group = 'rbac.authorization.k8s.io'
  await apply({ apiVersion: `${group}/v1`, kind: 'Role', metadata, rules })
  await apply({
    apiVersion: `${group}/v1`,
    kind: 'RoleBinding',
    metadata,
    roleRef: { apiGroup: group, kind: 'Role', name: user },
    subjects: [{ apiGroup: group, kind: 'User', name: user }],
  })
  return writeKubeconfig(join(cluster.dir, `${namespace}-${user}.kubeconfig`), {
    server: cluster.apiserverUrl,
    authorityPem: cluster.authority.certificatePem,
    identity: await cluster.authority.issue({ commonName: user }),
  })
}

/** The cluster's own kubeconfig, with another context in it, where nobody is, that is the current one. */
export function kubeconfigOfTwo(cluster: Cluster, name: string): string {
  const config = parse(readFileSync(cluster.kubeconfigPath, 'utf8')) as Record<'clusters' | 'contexts', object[]>
  const clusters = [...config.clusters, { name: 'nowhere', cluster: { server: 'https://127.0.0.1:1' } }]
  const contexts = [...config.contexts, { name: 'nowhere', context: { cluster: 'nowhere', user: 'rtcnode-test' } }]
  const path = join(cluster.dir, `${name}-two.kubeconfig`)
  writeFileSync(path, stringify({ ...config, clusters, contexts, 'current-context': 'nowhere' }), { mode: 0o600 })
  return path
}

/** All that the operator's table says, everywhere. */
export async function grant(apply: Apply, account: string, namespace: string): Promise<void> {
  const group = 'rbac.authorization.k8s.io'
  const name = 'plugin-test-operator'
  const rules = operatorPermissions.map(({ group: apiGroup, resources, verbs, names: resourceNames }) => ({
    apiGroups: [apiGroup],
    resources,
    verbs,
    ...(resourceNames === undefined ? {} : { resourceNames }),
  }))
  await apply({ apiVersion: `${group}/v1`, kind: 'ClusterRole', metadata: { name }, rules })
  await apply({
    apiVersion: `${group}/v1`,
    kind: 'ClusterRoleBinding',
    metadata: { name },
    roleRef: { apiGroup: group, kind: 'ClusterRole', name },
    subjects: [{ kind: 'ServiceAccount', name: account, namespace }],
  })
}

export const addressOfMachine = Object.values(networkInterfaces())
  .flat()
  .find(it => it !== undefined && it.family === 'IPv4' && !it.internal)?.address

/**
 * A pod as the chart makes it, behind which the operator of this world answers, or whoever listens on `port`. No kubelet looks after
 * its host, so it stays as it is told to be here.
 */
export async function operatorAsPod(
  { cluster, apply, operator }: World,
  namespace: string,
  { image, port = metricsPortOf(operator.logPath) }: { image: string; port?: number },
): Promise<void> {
  const name = 'rtcnode-operator-0'
  await apply({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'rtcnode', namespace } })
  await apply({ apiVersion: 'v1', kind: 'Node', metadata: { name: 'host-of-operators' } })
  await apply({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace,
      labels: { 'app.kubernetes.io/name': 'rtcnode-operator', 'app.kubernetes.io/component': 'operator' },
    },
    spec: {
      nodeName: 'host-of-operators',
      serviceAccountName: 'rtcnode',
      tolerations: [{ operator: 'Exists' }],
      containers: [{ name: 'operator', image, ports: [{ name: 'metrics', containerPort: port }] }],
    },
  })
  const podIP = addressOfMachine ?? '10.255.255.1'
  await cluster.api.call('PATCH', `/api/v1/namespaces/${namespace}/pods/${name}/status`, {
    status: {
      phase: 'Running',
      podIP,
      podIPs: [{ ip: podIP }],
      conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: '2026-01-01T00:00:00Z' }],
    },
  })
}

/** Says what an operator says that does not see its registry. */
export async function blindOperator(): Promise<{ port: number } & AsyncDisposable> {
  const server = createServer((request, response) => {
    const isAsked = request.url === '/readyz'
    response
      .writeHead(isAsked ? 503 : 404)
      .end(isAsked ? '[+]caches ok\n[-]registry failed: the registry cannot be seen\nfailed\n' : '')
  })
  await new Promise<void>(resolve => server.listen(0, '0.0.0.0', resolve))
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise(resolve => server.close(resolve))
    },
  }
}

function metricsPortOf(logPath: string): number {
  const line = readFileSync(logPath, 'utf8')
    .split('\n')
    .find(it => it.includes('"metricsPort"'))
  return (JSON.parse(line ?? '{}') as { metricsPort: number }).metricsPort
}
