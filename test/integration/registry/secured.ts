// A registry as the chart sets it up: certificates by our own authority, mutual TLS, users and roles. The kubelet's part, files
// that follow a Secret, is played here.
import { existsSync, mkdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { systemClock } from '../../../operator/ambient/clock.ts'
import { type Rules, rulesOf } from '../../../operator/certificates/decide.ts'
import { grantAccess } from '../../../operator/certificates/grant-access.ts'
import { type Identity, identities } from '../../../operator/certificates/identities.ts'
import { keepCertificates } from '../../../operator/certificates/keep-certificates.ts'
import { collectProblems } from '../../../operator/certificates/problems.ts'
import {
  connectRegistry,
  type RegistryConnection,
  type RegistryOptions,
} from '../../../operator/registry/connection.ts'
import { etcdClient } from '../../../operator/registry/etcd-client.ts'
import { readTls } from '../../../operator/registry/tls-files.ts'
import type { Logger } from '../../../operator/telemetry/log.ts'
import { ensureBinaries } from '../../cluster/binaries.ts'
import { type Etcd, startEtcd } from '../../cluster/etcd.ts'
import { createClusterFolder, removeFolder } from '../../cluster/folder.ts'
import { createPorts } from '../../cluster/ports.ts'
import { type MemorySecrets, memorySecrets } from '../../unit/certificates/memory-secrets.ts'
import { registry as anyRegistry } from '../../unit/certificates/registry.ts'
import { ambient } from './rig.ts'

export interface SecuredRegistry extends AsyncDisposable {
  readonly etcd: Etcd
  readonly folder: string
  readonly secrets: MemorySecrets
  /** Makes and renews what these rules ask for; nobody's files change yet. */
  keep(rules: Rules): Promise<void>
  /** Sets up users and roles. */
  grant(): Promise<void>
  /** Shows everybody, or one of them, what the Secrets hold now. */
  mount(commonName?: string): void
  tlsOf(commonName: string): { caFile: string; certFile: string; keyFile: string }
  connect(commonName: string, options?: Partial<RegistryOptions> & { log?: Logger }): RegistryConnection
  /** The library's own client, for what our connection has no words for. */
  client(commonName: string): ReturnType<typeof etcdClient>
}

const registry = { ...anyRegistry, registryHosts: ['127.0.0.1', 'localhost'] }

const TRIES_FOR_MS = 20_000

export async function startSecuredRegistry(rules = rulesOf(90, 30)): Promise<SecuredRegistry> {
  const { etcd: binary } = await ensureBinaries(['etcd'], { log: line => console.log(line) })
  const undo = new AsyncDisposableStack()
  const folder = createClusterFolder()
  undo.defer(() => removeFolder(folder))
  const ports = createPorts()
  undo.defer(() => ports.release())
  const secrets = memorySecrets()
  const all = identities(registry)
  const folderOf = (commonName: string): string => join(folder, 'mounts', commonName)

  async function keep(by: Rules) {
    const found = collectProblems()
    const root = await keepCertificates(registry, by, { ...ambient, secrets, problems: found })
    found.throwIfAny()
    return root
  }

  function mount(commonName?: string): void {
    for (const holder of all) if ((commonName ?? holder.commonName) === holder.commonName) mountOne(holder)
  }

  const mountOne = ({ commonName, secret }: Identity): void =>
    writeAsKubelet(folderOf(commonName), secrets.dataOf(secret))

  function tlsOf(commonName: string) {
    const at = folderOf(commonName)
    return { caFile: join(at, 'ca.crt'), certFile: join(at, 'tls.crt'), keyFile: join(at, 'tls.key') }
  }

  try {
    const root = await keep(rules)
    writeAsKubelet(folderOf('root'), { 'ca.crt': root.ca, 'tls.crt': root.certificate, 'tls.key': root.key })
    mount()
    const { caFile: ca, certFile: cert, keyFile: key } = tlsOf('registry')
    const tls = { ca, cert, key }
    const options = { binary, folder, name: 'registry', ports, address: '127.0.0.1', durable: true, tls }
    const etcd = undo.use(await startEtcd(options))
    const endpoints = [etcd.url]
    const access = { endpoints, root, identities: all, waitMs: TRIES_FOR_MS }
    const grant = () => grantAccess(access, ambient, AbortSignal.timeout(2 * TRIES_FOR_MS))
    await grant()
    return {
      etcd,
      folder,
      secrets,
      keep: async by => void (await keep(by)),
      grant,
      mount,
      tlsOf,
      connect(commonName, { log = ambient.log, ...more } = {}) {
        const connection = connectRegistry({ endpoints, tls: tlsOf(commonName), ...more }, { ...ambient, log })
        undo.defer(() => connection.close())
        return connection
      },
      client(commonName) {
        const { caFile, certFile, keyFile } = tlsOf(commonName)
        const client = etcdClient({ endpoints }, readTls({ caFile, certFile, keyFile }), systemClock)
        undo.defer(() => client.close())
        return client
      },
      [Symbol.asyncDispose]: () => undo.disposeAsync(),
    }
  } catch (error) {
    await undo.disposeAsync()
    throw error
  }
}

/** All files change at once: they are links into a folder that is itself a link, which is moved over. */
export function writeAsKubelet(folder: string, data: Readonly<Record<string, string>>): void {
  mkdirSync(folder, { recursive: true })
  const version = `..${process.hrtime.bigint()}`
  mkdirSync(join(folder, version))
  for (const [name, text] of Object.entries(data)) {
    writeFileSync(join(folder, version, name), text, { mode: 0o600 })
  }
  symlinkSync(version, join(folder, '..data_tmp'))
  renameSync(join(folder, '..data_tmp'), join(folder, '..data'))
  for (const name of Object.keys(data)) {
    const link = join(folder, name)
    if (!existsSync(link)) symlinkSync(join('..data', name), link)
  }
}
