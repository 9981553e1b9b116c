// The registry of the tests: an etcd of its own, plain or with mutual TLS, that a test may kill, freeze and wipe.
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { createAuthority, writeIdentity, writePem } from './certificates.ts'
import { type EtcdOptions, startEtcd } from './etcd.ts'
import type { Server } from './process.ts'

export interface Registry extends AsyncDisposable {
  server: Server
  endpoints: string[]
  /** Paths of the authority and of a client identity, when the registry asks for one. */
  tls?: TlsPaths
  /** Starts anew with no data: keys and leases are gone, and revisions begin again at 1. */
  wipe(): Promise<void>
}

export interface TlsPaths {
  ca: string
  cert: string
  key: string
}

export type RegistryOptions = Omit<EtcdOptions, 'name' | 'tls'> & { mutualTls: boolean }

export async function startRegistry({ mutualTls, ...etcd }: RegistryOptions): Promise<Registry> {
  const tls = mutualTls ? await createTls(join(etcd.folder, 'registry-pki'), etcd.address) : undefined
  const server = await startEtcd({ ...etcd, name: 'registry', ...(tls && { tls: tls.server }) })
  return {
    server,
    endpoints: [server.url],
    ...(tls && { tls: tls.client }),
    async wipe() {
      await server.stop()
      await rm(server.dataFolder, { recursive: true, force: true })
      await server.start()
    },
    [Symbol.asyncDispose]: () => server.stop(),
  }
}

async function createTls(folder: string, address: string): Promise<{ server: TlsPaths; client: TlsPaths }> {
  const authority = await createAuthority('rtcnode test registry')
  const ca = writePem(folder, 'ca.crt', authority.certificatePem)
  const server = await authority.issue({ commonName: 'registry', hosts: [address, '127.0.0.1', 'localhost'] })
  const client = await authority.issue({ commonName: 'rtcnode' })
  return {
    server: { ca, ...writeIdentity(folder, 'server', server) },
    client: { ca, ...writeIdentity(folder, 'client', client) },
  }
}
