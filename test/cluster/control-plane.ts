// The API server, controller manager and scheduler of a test cluster, and their identities. Called by cluster.ts.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type ApiClient, createApiClient, isHealthy } from './api-client.ts'
import {
  type CertificateAuthority,
  createAuthority,
  createSigningKey,
  writeIdentity,
  writePem,
} from './certificates.ts'
import { writeKubeconfig } from './kubeconfig.ts'
import type { Ports } from './ports.ts'
import { type Server, startServer } from './process.ts'

/** Where everything that concerns one cluster's control plane is, and who signs for it. */
export interface ControlPlaneSite extends AsyncDisposable {
  folder: string
  /** The API server binds and advertises it. */
  address: string
  ports: Ports
  authority: CertificateAuthority
  apiserverUrl: string
  /** As a cluster administrator. */
  kubeconfigPath: string
  api: ApiClient
  /** Paths of files that several servers share. */
  files: { ca: string; serverCert: string; serverKey: string; tokenPrivateKey: string; tokenPublicKey: string }
}

/** As pods may call the API server. */
const serviceNames = ['', '.default', '.default.svc', '.default.svc.cluster.local'].map(it => `kubernetes${it}`)

export async function prepareSite(folder: string, address: string, ports: Ports): Promise<ControlPlaneSite> {
  const pki = join(folder, 'pki')
  const authority = await createAuthority('rtcnode test cluster')
  const serving = await authority.issue({
    commonName: 'kube-apiserver',
    hosts: [...new Set([address, '127.0.0.1', '10.96.0.1', 'localhost', ...serviceNames])],
  })
  const server = writeIdentity(pki, 'apiserver', serving)
  const tokens = await createSigningKey()
  const apiserverUrl = `https://${address}:${await ports.take()}`
  const admin = await authority.issue({ commonName: 'admin', organizations: ['system:masters'] })
  const access = { server: apiserverUrl, authorityPem: authority.certificatePem, identity: admin }
  const api = createApiClient(access)
  return {
    folder,
    address,
    ports,
    authority,
    apiserverUrl,
    kubeconfigPath: writeKubeconfig(join(folder, 'admin.kubeconfig'), access),
    api,
    files: {
      ca: writePem(pki, 'ca.crt', authority.certificatePem),
      serverCert: server.cert,
      serverKey: server.key,
      tokenPrivateKey: writePem(pki, 'tokens.key', tokens.privatePem),
      tokenPublicKey: writePem(pki, 'tokens.pub', tokens.publicPem),
    },
    [Symbol.asyncDispose]: () => api.close(),
  }
}

export interface ApiserverOptions {
  binary: string
  etcdUrl: string
  /** Hosts with kubelets will join: be found by them, and find them. */
  withHosts: boolean
  highThroughput: boolean
  /** Other API servers may join it as an APIService. */
  aggregates: boolean
  /** Besides those that are on by default. */
  admissionPlugins: readonly string[]
  /** Every write is logged here. */
  auditLogPath?: string
  /** And every read. */
  auditReads?: boolean
}

export async function startApiserver(site: ControlPlaneSite, options: ApiserverOptions): Promise<Server> {
  const { folder, address, files, apiserverUrl, api } = site
  return startServer({
    name: 'kube-apiserver',
    command: options.binary,
    args: [
      `--etcd-servers=${options.etcdUrl}`,
      `--cert-dir=${join(folder, 'pki')}`,
      `--bind-address=${address}`,
      `--secure-port=${new URL(apiserverUrl).port}`,
      `--tls-cert-file=${files.serverCert}`,
      `--tls-private-key-file=${files.serverKey}`,
      `--client-ca-file=${files.ca}`,
      '--service-account-issuer=https://kubernetes.default.svc',
      `--service-account-key-file=${files.tokenPublicKey}`,
      `--service-account-signing-key-file=${files.tokenPrivateKey}`,
      '--service-cluster-ip-range=10.96.0.0/16',
      '--authorization-mode=Node,RBAC',
      '--anonymous-auth=false',
      '--allow-privileged=true',
      ...(options.withHosts ? await hostFlags(site) : ['--endpoint-reconciler-type=none']),
      ...(options.highThroughput ? unthrottled : []),
      ...(options.aggregates ? await aggregatorFlags(site) : []),
      ...(options.admissionPlugins.length > 0 ? [`--enable-admission-plugins=${options.admissionPlugins.join()}`] : []),
      ...(options.auditLogPath ? auditFlags(folder, options.auditLogPath, options.auditReads ?? false) : []),
    ],
    logPath: join(folder, 'kube-apiserver.log'),
    ready: signal => api.answers('/readyz', signal),
  })
}

async function hostFlags({ folder, address, authority }: ControlPlaneSite): Promise<string[]> {
  const client = await authority.issue({ commonName: 'kube-apiserver-kubelet', organizations: ['system:masters'] })
  const { cert, key } = writeIdentity(join(folder, 'pki'), 'apiserver-kubelet', client)
  return [
    `--advertise-address=${address}`,
    `--kubelet-client-certificate=${cert}`,
    `--kubelet-client-key=${key}`,
    // Else `kubectl logs` looks the node's name up in DNS.
    '--kubelet-preferred-address-types=InternalIP',
  ]
}

/** How it shows an API server behind it on whose behalf it asks. */
async function aggregatorFlags({ folder, authority, files }: ControlPlaneSite): Promise<string[]> {
  const commonName = 'front-proxy'
  const { cert, key } = writeIdentity(join(folder, 'pki'), commonName, await authority.issue({ commonName }))
  return [
    `--proxy-client-cert-file=${cert}`,
    `--proxy-client-key-file=${key}`,
    `--requestheader-client-ca-file=${files.ca}`,
    `--requestheader-allowed-names=${commonName}`,
    '--requestheader-username-headers=X-Remote-User',
    '--requestheader-group-headers=X-Remote-Group',
    '--requestheader-extra-headers-prefix=X-Remote-Extra-',
  ]
}

const unthrottled = [
  '--enable-priority-and-fairness=false',
  '--max-requests-inflight=0',
  '--max-mutating-requests-inflight=0',
]

function auditFlags(folder: string, auditLogPath: string, reads: boolean): string[] {
  const policyPath = join(folder, 'audit-policy.json')
  const policy = {
    apiVersion: 'audit.k8s.io/v1',
    kind: 'Policy',
    omitStages: ['RequestReceived'],
    rules: [...(reads ? [] : [{ level: 'None', verbs: ['get', 'list', 'watch'] }]), { level: 'Metadata' }],
  }
  writeFileSync(policyPath, JSON.stringify(policy))
  // In megabytes: a rotated log would lose writes to whoever counts them.
  return [`--audit-policy-file=${policyPath}`, `--audit-log-path=${auditLogPath}`, '--audit-log-maxsize=4096']
}

export interface ControllerManagerOptions {
  binary: string
  /** How often an HPA is looked at. Default: what Kubernetes says, 15. */
  hpaPeriodSeconds?: number
  /** After how long without a word of its kubelet a host counts as lost. Default: what Kubernetes says, 50. */
  hostLostAfterSeconds?: number
}

export async function startControllerManager(
  site: ControlPlaneSite,
  { binary, hpaPeriodSeconds, hostLostAfterSeconds }: ControllerManagerOptions,
): Promise<Server> {
  return startComponent(site, 'kube-controller-manager', binary, [
    `--service-account-private-key-file=${site.files.tokenPrivateKey}`,
    `--root-ca-file=${site.files.ca}`,
    '--use-service-account-credentials',
    ...(hpaPeriodSeconds === undefined ? [] : [`--horizontal-pod-autoscaler-sync-period=${hpaPeriodSeconds}s`]),
    ...(hostLostAfterSeconds === undefined ? [] : [`--node-monitor-grace-period=${hostLostAfterSeconds}s`]),
  ])
}

export async function startScheduler(site: ControlPlaneSite, binary: string): Promise<Server> {
  return startComponent(site, 'kube-scheduler', binary, [])
}

async function startComponent(site: ControlPlaneSite, name: string, binary: string, flags: string[]): Promise<Server> {
  const port = await site.ports.take()
  const kubeconfig = writeKubeconfig(join(site.folder, `${name}.kubeconfig`), {
    server: site.apiserverUrl,
    authorityPem: site.authority.certificatePem,
    identity: await site.authority.issue({ commonName: `system:${name}` }),
  })
  return startServer({
    name,
    command: binary,
    args: [
      `--kubeconfig=${kubeconfig}`,
      '--leader-elect=false',
      '--bind-address=127.0.0.1',
      `--secure-port=${port}`,
      // Their own client limits (20 or 50 a second) would be what every scale test measures.
      '--kube-api-qps=5000',
      '--kube-api-burst=10000',
      ...flags,
    ],
    logPath: join(site.folder, `${name}.log`),
    ready: signal => isHealthy(`https://127.0.0.1:${port}/healthz`, signal),
  })
}
