// Starts an etcd: one for the API server, a second one as the registry. Never the same: what a test does to the registry
// must not hit the cluster's own storage.
import { join } from 'node:path'
import { isHealthy } from './api-client.ts'
import type { Ports } from './ports.ts'
import { type Server, startServer } from './process.ts'

export interface EtcdOptions {
  binary: string
  /** Log file and data live here, under `name`. */
  folder: string
  name: string
  ports: Ports
  /** Address for clients. */
  address: string
  /** With fsync. Without it etcd is several times faster, and what it acknowledged may be lost when it is killed. */
  durable: boolean
  /** What its database may grow to. Default: what etcd says, 2 GiB. */
  quotaMiB?: number
  /** Paths; with them clients must show a certificate of that authority. */
  tls?: { ca: string; cert: string; key: string }
}

export interface Etcd extends Server {
  url: string
  dataFolder: string
}

export async function startEtcd(options: EtcdOptions): Promise<Etcd> {
  const { binary, folder, name, ports, address, durable, quotaMiB, tls } = options
  const url = `${tls ? 'https' : 'http'}://${address}:${await ports.take()}`
  const peerUrl = `http://127.0.0.1:${await ports.take()}`
  const metricsUrl = `http://127.0.0.1:${await ports.take()}`
  const dataFolder = join(folder, name)
  const server = await startServer({
    name,
    command: binary,
    args: [
      `--data-dir=${dataFolder}`,
      '--log-level=warn',
      `--listen-client-urls=${url}`,
      `--advertise-client-urls=${url}`,
      `--listen-peer-urls=${peerUrl}`,
      `--initial-advertise-peer-urls=${peerUrl}`,
      `--initial-cluster=default=${peerUrl}`,
      `--listen-metrics-urls=${metricsUrl}`,
      ...(durable ? [] : ['--unsafe-no-fsync']),
      ...(quotaMiB === undefined ? [] : [`--quota-backend-bytes=${quotaMiB * 2 ** 20}`]),
      ...(tls
        ? [`--trusted-ca-file=${tls.ca}`, `--cert-file=${tls.cert}`, `--key-file=${tls.key}`, '--client-cert-auth']
        : []),
    ],
    logPath: join(folder, `${name}.log`),
    ready: signal => isHealthy(`${metricsUrl}/readyz`, signal),
  })
  return Object.assign(server, { url, dataFolder })
}
