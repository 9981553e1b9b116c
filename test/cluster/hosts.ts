// Real hosts of a cluster: each has its own network, mounts, host name and cgroup, and in there its own containerd and
// kubelet (and kube-proxy, if asked), which find a /run, /var/lib and /var/log of their own at the usual paths. Called by cluster.ts.
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type ApiClient, isHealthy } from './api-client.ts'
import { atExit } from './at-exit.ts'
import { ensureBinaries } from './binaries.ts'
import { type CertificateAuthority, writeIdentity, writePem } from './certificates.ts'
import { createHostCgroup, favourHostCgroup, removeAbandonedCgroups, removeHostCgroup } from './cgroup.ts'
import { type RunOptions, run } from './command.ts'
import { ensureHostPackages } from './debian.ts'
import { ensureImage, imageName } from './images.ts'
import { startKubeProxy } from './kube-proxy.ts'
import { writeKubeconfig } from './kubeconfig.ts'
import { kubeletConfiguration } from './kubelet.ts'
import type { Attachment, Network } from './network.ts'
import { type Server, startServer } from './process.ts'
import { until } from './until.ts'

export interface Host {
  /** Of the Node object. */
  name: string
  address: string
  podRange: string
  containerd: Server
  kubelet: Server
  /** In a cluster with Services. */
  kubeProxy?: Server
  /** Runs a command in the host's network, mounts and host name. Gives stdout; rejects with stderr. */
  run(command: string, args: string[], options?: RunOptions): Promise<string>
  importImage(tarPath: string): Promise<void>
  /** The host and its pods run on, but nothing gets in or out. */
  cutNetwork(): Promise<void>
  restoreNetwork(): Promise<void>
  /** It and its pods get CPU before whatever else runs on the machine. */
  favour(): void
  /** As if its power were cut: all its processes are killed at once, its pods' too. Its Node object stays. */
  stop(): Promise<void>
}

/** What hosts need of their cluster. */
export interface HostedCluster {
  name: string
  dir: string
  network?: Network
  apiserverUrl: string
  authority: CertificateAuthority
  api: ApiClient
}

/** Thrown when this machine cannot run real hosts; the message says why and what to do about it. */
export class HostsImpossible extends Error {
  constructor(because: string) {
    super(because)
    this.name = 'HostsImpossible'
  }
}

/** Starts hosts `host-1` … `host-<count>` (at most 9) and resolves when all are Ready. */
export async function startHosts(
  cluster: HostedCluster,
  count: number,
  { services = false, log = console.error }: { services?: boolean; log?: (line: string) => void } = {},
): Promise<Host[]> {
  const packages = await ensureHostPackages({ log })
  if (!packages.possible) throw new HostsImpossible(packages.because)
  removeAbandonedCgroups()
  const { kubelet } = await ensureBinaries(['kubelet'], { log })
  const equipment: Equipment = {
    kubelet,
    pauseTar: await ensureImage('pause', { log }),
    ...(services && { kubeProxy: (await ensureBinaries(['kube-proxy'], { log }))['kube-proxy'] }),
  }
  const numbers = Array.from({ length: count }, (_, index) => index + 1)
  const starts = await Promise.allSettled(numbers.map(number => startHost(cluster, number, equipment)))
  const hosts = starts.filter(start => start.status === 'fulfilled').map(start => start.value)
  try {
    for (const start of starts) if (start.status === 'rejected') throw start.reason
    await Promise.all(hosts.map(host => isNodeReady(cluster.api, host.name)))
    return hosts
  } catch (error) {
    await Promise.all(hosts.map(host => host.stop()))
    throw error
  }
}

/** Paths of programs and archives that a host is started from. */
interface Equipment {
  kubelet: string
  kubeProxy?: string
  pauseTar: string
}

async function startHost(cluster: HostedCluster, number: number, equipment: Equipment): Promise<Host> {
  if (!cluster.network) throw new Error('the cluster has no network for hosts: it was started with `hosts: 0`')
  const name = `host-${number}`
  const folder = join(cluster.dir, name)
  const undo = new AsyncDisposableStack()
  let stopping: Promise<void> | undefined
  const stop = () => (stopping ??= undo.disposeAsync())
  try {
    const cgroupName = `${cluster.name}-${name}`
    undo.defer(atExit({ atOnce: () => removeHostCgroup(cgroupName) }))
    const namespaces = undo.use(await startNamespaces(name, folder))
    const attachment = await cluster.network.attach(number, pidOf(namespaces))
    undo.defer(() => attachment.detach())

    undo.defer(() => removeHostCgroup(cgroupName))
    const cgroup = createHostCgroup(cgroupName)
    const inside = ['--target', String(pidOf(namespaces)), '--net', '--mount', '--uts', '--']
    const runInside: Host['run'] = (command, args, options) => run('nsenter', [...inside, command, ...args], options)
    const site: HostSite = { name, folder, attachment, cgroupRoot: cgroup.root, inside: [...inside, ...cgroup.enter] }
    const containerd = await startContainerd(site, runInside)
    undo.defer(() => containerd.kill())
    await importImage(runInside, equipment.pauseTar)
    const kubelet = await startKubelet(site, cluster, equipment.kubelet)
    undo.defer(() => kubelet.kill())
    const { kubeProxy: binary } = equipment
    const kubeProxy = binary && (await startKubeProxy({ ...site, address: attachment.address }, { ...cluster, binary }))
    if (kubeProxy) undo.defer(() => kubeProxy.kill())
    return {
      name,
      address: attachment.address,
      podRange: attachment.podRange,
      containerd,
      kubelet,
      ...(kubeProxy && { kubeProxy }),
      run: runInside,
      importImage: tarPath => importImage(runInside, tarPath),
      cutNetwork: attachment.cut,
      restoreNetwork: attachment.restore,
      favour: () => favourHostCgroup(cgroupName),
      stop,
    }
  } catch (error) {
    await stop()
    throw error
  }
}

interface HostSite {
  name: string
  folder: string
  attachment: Attachment
  cgroupRoot: string
  /** Arguments of nsenter that put the command after them into the host. */
  inside: string[]
}

/** What a kubelet changes in the kernel it runs on. A test must not leave a machine that panics on each oops, so a host sees
 *  files of its own there. */
const kernelSettings = [
  'vm/overcommit_memory',
  'vm/panic_on_oom',
  'kernel/panic',
  'kernel/panic_on_oops',
  'kernel/keys/root_maxkeys',
  'kernel/keys/root_maxbytes',
]

/** A process that does nothing but hold the host's namespaces: with its last process, their mounts and links are gone. */
function startNamespaces(name: string, folder: string): Promise<Server> {
  for (const owned of ['var-lib', 'var-log', 'cni', 'sysctl']) mkdirSync(join(folder, owned), { recursive: true })
  const script = `
    set -e
    hostname "$1"
    mount --make-rshared /
    mount -t tmpfs -o mode=755 tmpfs /run
    mount --bind "$2/var-lib" /var/lib
    mount --bind "$2/var-log" /var/log
    echo 1 > /proc/sys/net/ipv4/ip_forward
    for setting in $3; do
      file="$2/sysctl/$(echo $setting | tr / .)"
      cat /proc/sys/$setting > "$file"
      mount --bind "$file" /proc/sys/$setting
    done
    touch "$2/made"
    exec sleep infinity`
  const namespaces = ['--net', '--mount', '--uts', '--propagation', 'private']
  return startServer({
    name,
    command: 'unshare',
    args: [...namespaces, '--', 'sh', '-c', script, 'host', name, folder, kernelSettings.join(' ')],
    logPath: join(folder, 'namespaces.log'),
    ready: async () => existsSync(join(folder, 'made')),
  })
}

function startContainerd({ folder, inside }: HostSite, runInside: Host['run']): Promise<Server> {
  const cni = writeFile(
    join(folder, 'containerd.toml'),
    `version = 2
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "${imageName('pause')}"
  # Lowering a score takes CAP_SYS_RESOURCE, which root in a container often lacks; every pod would fail for it.
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "${join(folder, 'cni')}"
`,
  )
  return startServer({
    name: 'containerd',
    command: 'nsenter',
    args: [...inside, 'containerd', '--config', cni],
    logPath: join(folder, 'containerd.log'),
    ready: async signal => Boolean(await runInside('ctr', ['--timeout', '2s', 'version'], { signal })),
  })
}

async function importImage(runInside: Host['run'], tarPath: string): Promise<void> {
  await runInside('ctr', ['--namespace', 'k8s.io', 'images', 'import', tarPath], { timeoutSeconds: 120 })
}

async function startKubelet(
  { name, folder, attachment, cgroupRoot, inside }: HostSite,
  { authority, apiserverUrl }: HostedCluster,
  binary: string,
): Promise<Server> {
  const { address, podRange } = attachment
  const identity = await authority.issue({
    commonName: `system:node:${name}`,
    organizations: ['system:nodes'],
    hosts: [address],
  })
  const access = { server: apiserverUrl, authorityPem: authority.certificatePem, identity }
  const kubeconfig = writeKubeconfig(join(folder, 'kubelet.kubeconfig'), access)
  const config = kubeletConfiguration({
    address,
    cgroupRoot,
    authorityPath: writePem(folder, 'ca.crt', authority.certificatePem),
    resolvConf: writeFile(join(folder, 'resolv.conf'), ''),
    ...writeIdentity(folder, 'kubelet', identity),
  })
  writeFile(join(folder, 'cni', '10-pods.conflist'), JSON.stringify(podNetwork(podRange)))
  const zone = `region-a-${name.endsWith('1') ? 'a' : 'b'}`
  return startServer({
    name: 'kubelet',
    command: 'nsenter',
    args: [
      ...inside,
      binary,
      `--config=${writeFile(join(folder, 'kubelet.json'), JSON.stringify(config))}`,
      `--kubeconfig=${kubeconfig}`,
      `--hostname-override=${name}`,
      `--node-ip=${address}`,
      `--node-labels=topology.kubernetes.io/region=region-a,topology.kubernetes.io/zone=${zone}`,
    ],
    logPath: join(folder, 'kubelet.log'),
    ready: signal => isHealthy(`http://${address}:10248/healthz`, signal),
  })
}

/** A CNI configuration: pods on a bridge of their host, with host ports. */
const podNetwork = (subnet: string) => ({
  cniVersion: '0.4.0',
  name: 'pods',
  plugins: [
    {
      type: 'bridge',
      bridge: 'cni0',
      isGateway: true,
      hairpinMode: true,
      ipam: { type: 'host-local', ranges: [[{ subnet }]], routes: [{ dst: '0.0.0.0/0' }] },
    },
    { type: 'portmap', capabilities: { portMappings: true }, snat: false },
  ],
})

async function isNodeReady(api: ApiClient, name: string): Promise<void> {
  await until(
    `${name} Ready`,
    async signal => {
      const node = (await api.call('GET', `/api/v1/nodes/${name}`, undefined, signal)) as NodeObject
      return node.status.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false
    },
    { withinMs: 90_000, everyMs: 200 },
  )
}

interface NodeObject {
  status: { conditions?: { type: string; status: string }[] }
}

function pidOf(server: Server): number {
  if (server.pid === undefined) throw new Error(`${server.name} is down`)
  return server.pid
}

function writeFile(path: string, content: string): string {
  writeFileSync(path, content)
  return path
}
