// A registry with mutual TLS: who may in, and certificates that are renewed while everything runs.
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { connectRegistry, type RegistryOptions } from '../../../operator/registry/connection.ts'
import { RegistryError } from '../../../operator/registry/errors.ts'
import { fleetView } from '../../../operator/registry/fleet.ts'
import { nodeKey } from '../../../operator/registry/keys.ts'
import type { Logger } from '../../../operator/telemetry/log.ts'
import { ensureBinaries } from '../../cluster/binaries.ts'
import { type CertificateAuthority, createAuthority, writeIdentity, writePem } from '../../cluster/certificates.ts'
import { type Etcd, startEtcd } from '../../cluster/etcd.ts'
import { createClusterFolder, removeFolder } from '../../cluster/folder.ts'
import { createPorts } from '../../cluster/ports.ts'
import { until } from '../../cluster/until.ts'
import { ambient, node } from './rig.ts'

const ports = createPorts()
const folder = createClusterFolder()
const within = { withinMs: 20_000 }
let authority: CertificateAuthority
let etcd: Etcd

before(async () => {
  const { etcd: binary } = await ensureBinaries(['etcd'], { log: line => console.log(line) })
  authority = await createAuthority('the registry')
  const ca = writePem(folder, 'ca.crt', authority.certificatePem)
  const server = await authority.issue({ commonName: 'registry', hosts: ['127.0.0.1'] })
  const tls = { ca, ...writeIdentity(folder, 'server', server) }
  etcd = await startEtcd({ binary, folder, name: 'tls', ports, address: '127.0.0.1', durable: false, tls })
})
after(async () => {
  await etcd.stop()
  await ports.release()
  removeFolder(folder)
})

test('shown in with a certificate of the authority; without one, of another, or in plain text not', async () => {
  const stranger = await createAuthority('a stranger')
  const foreign = writeIdentity(folder, 'foreign', await stranger.issue({ commonName: 'operator' }))
  const caFile = join(folder, 'ca.crt')
  const doors: [opens: boolean, options: Partial<RegistryOptions>][] = [
    [true, { tls: await issued('operator') }],
    [false, { tls: { caFile } }],
    [false, { tls: { caFile, certFile: foreign.cert, keyFile: foreign.key } }],
    [
      false,
      { tls: { ...(await issued('trusting')), caFile: writePem(folder, 'other-ca.crt', stranger.certificatePem) } },
    ],
    [false, {}],
    [false, { endpoints: [etcd.url.replace('https', 'http')] }],
  ]
  for (const [opens, options] of doors) {
    const connection = connectRegistry({ endpoints: [etcd.url], ...options }, ambient)
    const put = connection.put({ key: Buffer.from('/sfu/x'), value: Buffer.from('1') })
    if (opens) await put
    else await assert.rejects(put, RegistryError)
    connection.close()
  }
})

test('renewed certificates are taken up; half-written ones change nothing; the view does not go blind', async () => {
  const files = await issued('renewed')
  const logged: string[] = []
  const log: Logger = { ...ambient.log, info: line => logged.push(line), warn: line => logged.push(line) }
  const connection = connectRegistry({ endpoints: [etcd.url], tls: files }, { ...ambient, log })
  const stop = new AbortController()
  const view = fleetView(connection, ambient)
  const states = new Set<string>()
  const running = view.run(stop.signal)
  await until('synced', () => view.health().state === 'synced', within)
  view.onHealthChange(() => states.add(view.health().state))

  const next = await authority.issue({ commonName: 'operator' })
  writeFileSync(files.certFile, next.certificatePem)
  await until('refused', () => logged.some(line => /cannot be used/.test(line)), within)
  await beat(1)
  await until('still seen', () => view.health().keys === 1, within)

  writeFileSync(files.keyFile, next.keyPem)
  await until('taken up', () => logged.some(line => /changed/.test(line)), within)
  await beat(2)
  await until('seen by the new client', () => seqSeen() === 2, within)
  assert.ok(!states.has('unsynced'))
  stop.abort(new Error('the test is over'))
  await running
  connection.close()

  async function beat(seq: number): Promise<void> {
    const { id } = await connection.grantLease(60)
    const value = JSON.stringify({ podUID: 'p', bootId: 'b', seq, state: 'serving', sessions: 0 })
    await connection.put({ key: Buffer.from(nodeKey('/sfu', node('a'))), value: Buffer.from(value), lease: id })
  }
  function seqSeen(): number | undefined {
    const seen = view.registration(node('a'))
    return seen.state === 'fresh' ? seen.heartbeat.seq : undefined
  }
})

async function issued(name: string): Promise<{ caFile: string; certFile: string; keyFile: string }> {
  const { cert, key } = writeIdentity(folder, name, await authority.issue({ commonName: 'operator' }))
  return { caFile: join(folder, 'ca.crt'), certFile: cert, keyFile: key }
}
