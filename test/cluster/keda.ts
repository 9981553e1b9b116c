// KEDA beside a running cluster. Its operator makes an HPA of every ScaledObject; its adapter is the API of external metrics
// that the HPA controller asks. For tests in which a load scales a pool.
import { join } from 'node:path'
import { isHealthy } from './api-client.ts'
import { ensureBinaries, sourcesOf } from './binaries.ts'
import { writeIdentity, writePem } from './certificates.ts'
import type { Cluster } from './cluster.ts'
import { applyCrds } from './crds.ts'
import { createPorts } from './ports.ts'
import { type Server, startServer } from './process.ts'
import { until } from './until.ts'

export interface Keda extends AsyncDisposable {
  operator: Server
  adapter: Server
}

export const kedaBinaries = ['keda-operator', 'keda-adapter'] as const

const apiVersionPath = '/apis/external.metrics.k8s.io/v1beta1'
const service = { namespace: 'keda', name: 'keda-metrics-apiserver' }

/** Resolves when the cluster, which must have been started with `autoscaling`, answers for external metrics. */
export async function startKeda(cluster: Cluster, { log = console.error } = {}): Promise<Keda> {
  await using undo = new AsyncDisposableStack()
  const binaries = await ensureBinaries(kedaBinaries, { log })
  const crds = join(await sourcesOf('keda-operator', 'github.com/kedacore/keda/v2'), 'config/crd/bases')
  await applyCrds(cluster, crds)

  const ports = createPorts()
  undo.defer(() => ports.release())
  const certificates = await writeCertificates(cluster)
  const metricsService = `127.0.0.1:${await ports.take()}`
  const env = {
    KUBECONFIG: cluster.kubeconfigPath,
    WATCH_NAMESPACE: '',
    POD_NAMESPACE: service.namespace,
    KEDA_CLUSTER_OBJECT_NAMESPACE: service.namespace,
  }

  const probes = `127.0.0.1:${await ports.take()}`
  const operator = undo.use(
    await startServer({
      name: 'keda-operator',
      command: binaries['keda-operator'],
      args: [
        `--health-probe-bind-address=${probes}`,
        `--metrics-service-bind-address=${metricsService}`,
        `--cert-dir=${certificates.folder}`,
        '--enable-prometheus-metrics=false',
        '--zap-encoder=console',
      ],
      env,
      logPath: join(cluster.dir, 'keda-operator.log'),
      ready: signal => isHealthy(`http://${probes}/readyz`, signal),
    }),
  )

  const port = await ports.take()
  const adapter = undo.use(
    await startServer({
      name: 'keda-adapter',
      command: binaries['keda-adapter'],
      args: [
        `--lister-kubeconfig=${cluster.kubeconfigPath}`,
        `--authentication-kubeconfig=${cluster.kubeconfigPath}`,
        `--authorization-kubeconfig=${cluster.kubeconfigPath}`,
        '--bind-address=127.0.0.1',
        `--secure-port=${port}`,
        `--cert-dir=${certificates.folder}`,
        `--tls-cert-file=${certificates.cert}`,
        `--tls-private-key-file=${certificates.key}`,
        `--metrics-service-address=${metricsService}`,
        // Its own /metrics, which nobody reads, cannot be turned off.
        '--port=0',
        '--zap-encoder=console',
      ],
      env,
      logPath: join(cluster.dir, 'keda-adapter.log'),
      ready: signal => isHealthy(`https://127.0.0.1:${port}/healthz`, signal),
    }),
  )

  await cluster.kubectl(['apply', '-f-'], { input: JSON.stringify(registration(cluster, port)) })
  await until('the API of external metrics', signal => cluster.api.answers(apiVersionPath, signal), {
    withinMs: 60_000,
  })
  const running = undo.move()
  return { operator, adapter, [Symbol.asyncDispose]: () => running.disposeAsync() }
}

/** One identity for all: the adapter is KEDA's server to the cluster and its client to the operator. */
async function writeCertificates({ authority, dir }: Cluster): Promise<{ folder: string; cert: string; key: string }> {
  const folder = join(dir, 'keda-pki')
  writePem(folder, 'ca.crt', authority.certificatePem)
  const hosts = ['127.0.0.1', `${service.name}.${service.namespace}.svc`]
  return { folder, ...writeIdentity(folder, 'tls', await authority.issue({ commonName: 'keda', hosts })) }
}

/** A Service by name, because endpoints may not be on loopback. */
const registration = ({ authority }: Cluster, port: number): object => ({
  apiVersion: 'v1',
  kind: 'List',
  items: [
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: service.namespace } },
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: service,
      spec: { type: 'ExternalName', externalName: 'localhost' },
    },
    {
      apiVersion: 'apiregistration.k8s.io/v1',
      kind: 'APIService',
      metadata: { name: 'v1beta1.external.metrics.k8s.io' },
      spec: {
        group: 'external.metrics.k8s.io',
        version: 'v1beta1',
        service: { ...service, port },
        caBundle: Buffer.from(authority.certificatePem).toString('base64'),
        groupPriorityMinimum: 100,
        versionPriority: 100,
      },
    },
  ],
})
