// What is in the registry that Helm installed, read with the certificate of the operator, who may read all. Used by installation.ts.
import { Etcd3 } from 'etcd3'
import { parseRegistration } from '../../operator/registry/parse.ts'
import type { Cluster } from '../cluster/cluster.ts'

export interface InstalledRegistry {
  readonly namespace: string
  /** Of the Service. */
  readonly name: string
  /** Of a member that is ready. */
  readonly address: string | undefined
}

/** Rejects when the registry cannot be reached, or refuses. */
export async function asOperator<T>(
  { kubectl }: Cluster,
  { namespace, name, address }: InstalledRegistry,
  use: (etcd: Etcd3) => Promise<T>,
): Promise<T> {
  if (address === undefined) throw new Error('no member of the registry is ready')
  const secret = await kubectl(['get', 'secret', `${name}-operator`, `--namespace=${namespace}`, '-ojson'])
  const { data } = JSON.parse(secret) as { data: Record<string, string> }
  const file = (key: string) => Buffer.from(data[key] ?? '', 'base64')
  const etcd = new Etcd3({
    hosts: `https://${address}:2379`,
    credentials: { rootCertificate: file('ca.crt'), certChain: file('tls.crt'), privateKey: file('tls.key') },
    grpcOptions: { 'grpc.ssl_target_name_override': `${name}.${namespace}.svc` },
  })
  try {
    return await use(etcd)
  } finally {
    etcd.close()
  }
}

const NODE_KEYS = '/sfu/nodes/'

/** People by `namespace/name` of the node; NaN where the value does not tell. */
export async function sessionsOf(etcd: Etcd3): Promise<Record<string, number>> {
  const values = Object.entries(await etcd.getAll().prefix(NODE_KEYS).buffers())
  return Object.fromEntries(values.map(([key, value]) => [key.slice(NODE_KEYS.length), sessionsIn(value)]))
}

function sessionsIn(value: Buffer): number {
  const parsed = parseRegistration(value)
  return parsed.form === 'full' ? parsed.heartbeat.sessions : Number.NaN
}

/** Writes what is no heartbeat into the place of a node, `namespace/name`. */
export async function putNoHeartbeat(etcd: Etcd3, node: string): Promise<void> {
  await etcd.put(NODE_KEYS + node).value('{}')
}
