// A cluster where nobody is anybody: the operator runs as its ServiceAccount, with the rights and under the policies of the chart,
// as the real Helm renders them. For the tests of what it may do, and of what others may do to it.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { stringify } from 'yaml'
import type { Place } from '../../../operator/permissions.ts'
import { ApiRefused } from '../../cluster/api-client.ts'
import type { Cluster } from '../../cluster/cluster.ts'
import { until } from '../../cluster/until.ts'
import { ofKind, render } from '../../unit/chart/chart.ts'
import { shortLease } from '../faults/proxied-operator.ts'
import { ensureNamespace, type Operator, startOperator } from '../harness/operator.ts'

export const ownNamespace = 'rtcnode-system'
export const sfuNamespace = 'rtc'
export const operatorUser = `system:serviceaccount:${ownNamespace}:rtcnode`
/** Begins the name of everything the chart makes that has no namespace. */
export const clusterName = `${ownNamespace}-rtcnode`

/** How the chart is installed: to look after all namespaces, or after some. */
export interface Mode {
  readonly values: object
  /** What the chart then tells the operator. */
  readonly flags: readonly string[]
  /** Where the rows of the table hold; undefined: everywhere. */
  readonly namespaces: Readonly<Record<Place, readonly string[] | undefined>>
  /** Path of the role with what holds in `watched`. */
  readonly role: string
}

const roles = '/apis/rbac.authorization.k8s.io/v1'
const alike = { cluster: undefined, sfu: [sfuNamespace], own: [ownNamespace] }

export const allNamespaces: Mode = {
  values: {},
  flags: [],
  namespaces: { ...alike, watched: undefined, default: ['default'] },
  role: `${roles}/clusterroles/${clusterName}`,
}

export const someNamespaces: Mode = {
  values: { watchNamespaces: [sfuNamespace] },
  flags: [`--watch-namespaces=${sfuNamespace}`],
  namespaces: { ...alike, watched: [sfuNamespace], default: ['default'] },
  role: `${roles}/namespaces/${sfuNamespace}/roles/${clusterName}-watched`,
}

/** Of the chart; the operator itself is a process of the test. */
const kinds = ['Namespace', 'ServiceAccount', 'Role', 'RoleBinding', 'ClusterRole', 'ClusterRoleBinding']
const policies = ['PriorityClass', 'ValidatingAdmissionPolicy', 'ValidatingAdmissionPolicyBinding']

/** Resolves when the policies are in force. */
export async function installRights(cluster: Cluster, { values } = allNamespaces): Promise<void> {
  await ensureNamespace(cluster, ownNamespace)
  // The class of the simulated SFUs has an agent of this image.
  const manifests = await render({ ...values, image: { repository: 'sim' } })
  const items = ofKind(manifests, ...kinds, ...policies).filter(
    ({ metadata }) => metadata.annotations?.['helm.sh/hook'] === undefined,
  )
  await cluster.kubectl(['apply', '-f-'], { input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items }) })
  await until('the policies to be in force', () => isRefused(cluster), { withinMs: 60_000, everyMs: 200 })
}

async function isRefused({ api }: Cluster): Promise<boolean> {
  const spec = { hostPID: true, containers: [{ name: 'c', image: 'sim' }] }
  const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'probe', namespace: sfuNamespace }, spec }
  try {
    await api.call('POST', `/api/v1/namespaces/${sfuNamespace}/pods?dryRun=All`, pod)
    return false
  } catch (error) {
    return error instanceof ApiRefused && error.message.includes('hostPID')
  }
}

/** Of somebody with the token of the operator's ServiceAccount. */
export async function operatorKubeconfig(cluster: Cluster): Promise<string> {
  const request = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: { expirationSeconds: 3_600 } }
  const path = `/api/v1/namespaces/${ownNamespace}/serviceaccounts/rtcnode/token`
  const { status } = (await cluster.api.call('POST', path, request)) as { status: { token: string } }
  const authority = Buffer.from(cluster.authority.certificatePem).toString('base64')
  const name = 'rtcnode'
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name, cluster: { server: cluster.apiserverUrl, 'certificate-authority-data': authority } }],
    users: [{ name, user: { token: status.token } }],
    contexts: [{ name, context: { cluster: name, user: name } }],
    'current-context': name,
  }
  const kubeconfigPath = join(cluster.dir, 'service-account.kubeconfig')
  writeFileSync(kubeconfigPath, stringify(config), { mode: 0o600 })
  return kubeconfigPath
}

/** Needs installRights. */
export const startSecuredOperator = (
  cluster: Cluster,
  kubeconfigPath: string,
  identity: string,
  { flags } = allNamespaces,
): Promise<Operator> =>
  startOperator(cluster, {
    identity,
    kubeconfigPath,
    flags: [
      ...shortLease,
      `--trial-namespace=${sfuNamespace}`,
      `--headroom-priority-class=${clusterName}-headroom`,
      ...flags,
    ],
  })
