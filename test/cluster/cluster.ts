// A whole Kubernetes for one test file, demo or bench: control plane, registry, and fake nodes or real hosts as asked.
// Everything is this cluster's own (folder, ports, certificates, network), so that any number can run side by side.
import { basename, join } from 'node:path'
import type { ApiClient } from './api-client.ts'
import { atExit } from './at-exit.ts'
import { ensureBinaries } from './binaries.ts'
import type { CertificateAuthority } from './certificates.ts'
import { run } from './command.ts'
import { prepareSite, startApiserver, startControllerManager, startScheduler } from './control-plane.ts'
import { startEtcd } from './etcd.ts'
import { createClusterFolder, removeFolder } from './folder.ts'
import type { Host } from './hosts.ts'
import { createFakeNodes, startKwok } from './kwok.ts'
import type { Network } from './network.ts'
import { createPorts } from './ports.ts'
import type { Server } from './process.ts'
import { type Registry, startRegistry } from './registry.ts'
import { until } from './until.ts'

export interface ClusterOptions {
  /** Real hosts with kubelet and containerd, default 0. Need root and a few Debian packages (debian.ts). */
  hosts?: number
  /** Services lead to their pods and are found by name, on real hosts: kube-proxy on each, and CoreDNS. */
  services?: boolean
  /** Fake nodes of 64 CPUs, 256 GiB and 1,000 pods, default 0. Pods need a toleration of `kwok.x-k8s.io/node`. */
  kwokNodes?: number
  /** Takes the API server's own limits off, for benches. */
  highThroughput?: boolean
  /** An API of metrics may join (keda.ts), and HPAs are looked at each `hpaPeriodSeconds`. */
  autoscaling?: boolean
  /** Default 1, for tests. Everywhere else it is 15. */
  hpaPeriodSeconds?: number
  /** After how long without a word of its kubelet a host counts as lost; default 50, as everywhere. */
  hostLostAfterSeconds?: number
  /** Both etcds with fsync, for tests that kill one. */
  durable?: boolean
  /** What the database of the registry may grow to, for tests that fill it. */
  registryQuotaMiB?: number
  /** The registry speaks only mutual TLS. */
  registryTls?: boolean
  /** Logs every write to the API server into `auditLogPath`, one JSON object a line; `reads too`: all that is asked of it. */
  auditLog?: boolean | 'reads too'
  /** The API server, and it alone, is of the oldest Kubernetes that is supported. */
  oldestApiserver?: boolean
  /** Admission plugins of the API server, besides those that are on by default. */
  admissionPlugins?: readonly string[]
  /** Told what takes long; default: standard error. */
  log?: (line: string) => void
}

export interface Cluster extends AsyncDisposable {
  /** Unique on this machine: `rtcnode-<pid of the owner>-<random>`. */
  name: string
  dir: string
  /** Of a cluster administrator. */
  kubeconfigPath: string
  apiserverUrl: string
  /** Signs whatever else needs a client identity. */
  authority: CertificateAuthority
  api: ApiClient
  apiserver: Server
  etcd: Server
  controllerManager: Server
  scheduler: Server
  kwok?: Server
  /** An etcd of its own, never the cluster's. */
  registry: Registry
  network?: Network
  hosts: Host[]
  auditLogPath?: string
  /** Gives stdout; rejects with stderr. Bounded by 60 s. */
  kubectl(args: string[], options?: { input?: string }): Promise<string>
  /** As kubectl, as the same administrator. Bounded by 120 s unless told otherwise. */
  helm(args: string[], options?: { input?: string; timeoutSeconds?: number }): Promise<string>
  /** Stops everything, newest first, and removes the folder. Calling it again waits for the same end. */
  stop(): Promise<void>
}

const controlPlaneBinaries = ['etcd', 'kube-controller-manager', 'kube-scheduler', 'kubectl'] as const

/** Resolves when pods can be created in the namespace `default`, and all fake nodes and hosts are ready. */
export async function startCluster(options: ClusterOptions = {}): Promise<Cluster> {
  // The stack undoes, newest first, whatever was begun: at `stop`, and when a later step of the start fails.
  const undo = new AsyncDisposableStack()
  try {
    return await start(options, undo)
  } catch (error) {
    await undo.disposeAsync()
    throw error
  }
}

async function start(options: ClusterOptions, undo: AsyncDisposableStack): Promise<Cluster> {
  const { hosts = 0, kwokNodes = 0, services = false, durable = false, highThroughput = false } = options
  const { autoscaling = false, hpaPeriodSeconds = 1, log = console.error } = options
  const apiserverName = options.oldestApiserver === true ? 'kube-apiserver-oldest' : 'kube-apiserver'
  const names = [...controlPlaneBinaries, apiserverName, ...(kwokNodes > 0 ? (['kwok'] as const) : [])] as const
  const binaries = await ensureBinaries(names, { log })

  let stopping: Promise<void> | undefined
  const stop = () => (stopping ??= undo.disposeAsync())
  const folder = createClusterFolder()
  undo.defer(() => removeFolder(folder))
  undo.defer(atExit({ gracefully: stop, atOnce: () => removeFolder(folder) }))
  const ports = createPorts()
  undo.defer(() => ports.release())
  const network = hosts > 0 ? await (await import('./network.ts')).createNetwork(basename(folder)) : undefined
  undo.defer(() => network?.stop())

  // From here on in the order of the reverse of stopping: an API server without its etcd does not end when told to.
  const started = <T extends AsyncDisposable>(starting: Promise<T>): Promise<T> => starting.then(it => undo.use(it))
  const address = network?.gateway ?? '127.0.0.1'
  const etcdOptions = { folder, ports, durable, binary: binaries.etcd }
  const [etcd, registry, site] = await together([
    started(startEtcd({ ...etcdOptions, name: 'etcd', address: '127.0.0.1' })),
    started(
      startRegistry({
        ...etcdOptions,
        address,
        mutualTls: options.registryTls ?? false,
        ...(options.registryQuotaMiB !== undefined && { quotaMiB: options.registryQuotaMiB }),
      }),
    ),
    started(prepareSite(folder, address, ports)),
  ])
  const { api, apiserverUrl, authority, kubeconfigPath } = site
  const auditLogPath = options.auditLog ? join(folder, 'audit.log') : undefined
  const apiserver = await started(
    startApiserver(site, {
      binary: binaries[apiserverName],
      etcdUrl: etcd.url,
      withHosts: hosts > 0,
      highThroughput,
      aggregates: autoscaling,
      admissionPlugins: options.admissionPlugins ?? [],
      ...(auditLogPath && { auditLogPath, auditReads: options.auditLog === 'reads too' }),
    }),
  )
  const [controllerManager, scheduler, kwok] = await together([
    started(
      startControllerManager(site, {
        binary: binaries['kube-controller-manager'],
        ...(autoscaling && { hpaPeriodSeconds }),
        ...(options.hostLostAfterSeconds && { hostLostAfterSeconds: options.hostLostAfterSeconds }),
      }),
    ),
    started(startScheduler(site, binaries['kube-scheduler'])),
    kwokNodes > 0 ? started(startKwok({ binary: binaries.kwok, folder, kubeconfigPath, ports })) : undefined,
  ])
  await until('the service account of the default namespace', () => api.call('GET', defaultServiceAccount), {
    withinMs: 60_000,
  })
  if (kwokNodes > 0) await createFakeNodes(api, kwokNodes)

  const cluster: Cluster = {
    name: basename(folder),
    dir: folder,
    kubeconfigPath,
    apiserverUrl,
    authority,
    api,
    apiserver,
    etcd,
    controllerManager,
    scheduler,
    ...(kwok && { kwok }),
    registry,
    ...(network && { network }),
    hosts: [],
    ...(auditLogPath && { auditLogPath }),
    kubectl: (args, { input } = {}) => {
      const env = { KUBECONFIG: kubeconfigPath, KUBECACHEDIR: join(folder, 'kubectl-cache'), KUBERC: 'off' }
      return run(binaries.kubectl, args, { env, timeoutSeconds: 60, ...(input !== undefined && { input }) })
    },
    async helm(args, { input, timeoutSeconds = 120 } = {}) {
      const { helm } = await ensureBinaries(['helm'], { log })
      const homes = ['CACHE', 'CONFIG', 'DATA'].map(kind => [`HELM_${kind}_HOME`, join(folder, 'helm')])
      const env = { KUBECONFIG: kubeconfigPath, ...Object.fromEntries(homes) }
      return run(helm, args, { env, timeoutSeconds, ...(input !== undefined && { input }) })
    },
    stop,
    [Symbol.asyncDispose]: stop,
  }
  if (hosts > 0) {
    const { startHosts } = await import('./hosts.ts')
    cluster.hosts.push(...(await startHosts(cluster, hosts, { services, log })))
    undo.defer(async () => void (await Promise.all(cluster.hosts.map(host => host.stop()))))
    if (services) await (await import('./dns.ts')).startDns(cluster, log)
  }
  return cluster
}

const defaultServiceAccount = '/api/v1/namespaces/default/serviceaccounts/default'

/** Promise.all that fails only when all have settled: what is still starting must not be missed by the undoing. */
async function together<T extends readonly unknown[]>(starts: T): Promise<{ -readonly [K in keyof T]: Awaited<T[K]> }> {
  await Promise.allSettled(starts)
  return Promise.all(starts)
}
