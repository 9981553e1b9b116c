// Certificates of the registry change while it is in use: all of them, with their authority, and beyond the end of the old
// ones. And wrong ones, of every kind, say what is wrong and cut nobody off.
import assert from 'node:assert/strict'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Instant, later, systemClock } from '../../../operator/ambient/clock.ts'
import { objectKey } from '../../../operator/api/meta.ts'
import { type Rules, rulesOf } from '../../../operator/certificates/decide.ts'
import { issue, makeAuthority } from '../../../operator/certificates/x509.ts'
import { connectRegistry, type RegistryConnection } from '../../../operator/registry/connection.ts'
import { RegistryError } from '../../../operator/registry/errors.ts'
import { fleetView } from '../../../operator/registry/fleet.ts'
import { intentWriter, watchIntent } from '../../../operator/registry/intents.ts'
import { nodeKey } from '../../../operator/registry/keys.ts'
import { heldLease } from '../../../operator/registry/lease.ts'
import type { KnownIntent } from '../../../operator/registry/registration.ts'
import type { Logger } from '../../../operator/telemetry/log.ts'
import { until } from '../../cluster/until.ts'
import { ambient } from './rig.ts'
import { type SecuredRegistry, startSecuredRegistry, writeAsKubelet } from './secured.ts'

const within = { withinMs: 40_000 }
const node = objectKey('n1', 'a')
/** What is made lives so long from now on; what has less is renewed. */
const lasting = (ms: number): Rules => ({ ...rulesOf(90, 30), certificateMs: ms, renewMs: ms / 2 })
const SHORT_MS = 25_000
const HOUR_MS = 3_600_000

let registry: SecuredRegistry
let stop: AbortController
let running: Promise<unknown>[]
beforeEach(async () => {
  registry = await startSecuredRegistry(lasting(SHORT_MS))
  stop = new AbortController()
  running = []
})
afterEach(async () => {
  stop.abort(new Error('the test is over'))
  await Promise.allSettled(running)
  await registry[Symbol.asyncDispose]()
})

/** An agent that beats, an operator that looks on, and a record of what a bystander would call a loss. */
async function inUse(operatorsLog: Logger = ambient.log) {
  const agents = registry.connect('sfu:a')
  const operators = registry.connect('operator', { log: operatorsLog })
  const lease = heldLease({ ...ambient, connection: agents, ttlSeconds: 10 })
  const losses: string[] = []
  lease.onChange(change => {
    if (change.state === 'lost') losses.push(change.because)
  })
  const intents: KnownIntent[] = []
  const view = fleetView(operators, { ...ambient, staleAfterMs: 9_000, ttlMs: 10_000 })
  running.push(
    lease.run(stop.signal),
    watchIntent({ ...ambient, connection: agents }, node, it => intents.push(it), stop.signal),
    view.run(stop.signal),
    beat(),
    lookOn(),
  )
  async function beat(): Promise<void> {
    for (let seq = 1; !stop.signal.aborted; seq += 1) {
      const heartbeat = { podUID: 'p', bootId: 'b', seq, state: 'serving', sessions: 3 }
      await lease.put(nodeKey('/sfu', node), JSON.stringify(heartbeat)).catch(() => undefined)
      await sleep(500)
    }
  }
  const vanished: string[] = []
  async function lookOn(): Promise<void> {
    await until('seen once', () => view.registration(node).state === 'fresh', within)
    while (!stop.signal.aborted) {
      const { state } = view.registration(node)
      if (state === 'absent' || state === 'rejected') vanished.push(state)
      await sleep(20)
    }
  }
  await until('fresh', () => view.registration(node).state === 'fresh', within)
  const writer = intentWriter(operators)
  const leaseId = lease.id()
  let expect: { revision: number } | 'absent' = 'absent'
  async function tellAndHear(weight: number): Promise<void> {
    expect = await until(
      'an intent is written',
      () => writer.write(node, { podUID: 'p', admission: 'open', weight }, expect),
      within,
    )
    const { revision } = expect
    await until(
      'the agent hears it',
      () => intents.some(it => it.state === 'known' && it.revision === revision),
      within,
    )
  }
  return { agents, operators, view, lease, leaseId, losses, vanished, tellAndHear }
}

const untilUsing = (connection: RegistryConnection, after: Instant): Promise<unknown> =>
  until('the new certificate is in use', () => (connection.clientCertificate()?.notAfter ?? 0) > after, within)

test('all certificates and their authority change, the old ones expire: same lease, no gap, intents arrive', async () => {
  const { agents, operators, view, lease, leaseId, losses, vanished, tellAndHear } = await inUse()
  const oldEnd = operators.clientCertificate()?.notAfter ?? assert.fail('it shows one')
  await tellAndHear(0.9)

  await registry.keep(lasting(HOUR_MS))
  registry.mount()
  await Promise.all([untilUsing(agents, oldEnd), untilUsing(operators, oldEnd)])
  await tellAndHear(0.8)

  await until('the old ones have expired', () => systemClock.wall() > later(oldEnd, 1_000), within)
  // Whoever still held to the old ones would not get in again now.
  await registry.etcd.restart()
  await until('fresh again', () => view.registration(node).state === 'fresh', within)
  await tellAndHear(0.7)

  const nextAuthority: Rules = {
    ...lasting(2 * HOUR_MS),
    renewAuthorityMs: 3_651 * 24 * HOUR_MS,
    overlapMs: 3 * HOUR_MS,
  }
  await registry.keep(nextAuthority)
  registry.mount()
  await until(
    'both authorities are shown',
    () => registry.secrets.dataOf(objectKey('rtcnode-registry', 'a'))['ca.crt']?.match(/BEGIN/g)?.length === 2,
    within,
  )
  await registry.etcd.restart()
  const lastEnd = operators.clientCertificate()?.notAfter ?? assert.fail('it shows one')
  await registry.keep({ ...nextAuthority, renewAuthorityMs: 0, overlapMs: 0 })
  registry.mount()
  await Promise.all([untilUsing(agents, lastEnd), untilUsing(operators, lastEnd)])
  await tellAndHear(0.6)

  assert.equal(lease.id(), leaseId, 'the lease it began with')
  assert.deepEqual(losses, [])
  assert.deepEqual(vanished, [])
})

test('wrong files are not taken up: who is connected stays so, is told what is wrong once, and takes the right ones', async () => {
  await registry.keep(lasting(HOUR_MS))
  registry.mount()
  const complaints: string[] = []
  const log: Logger = {
    ...ambient.log,
    warn: (line, fields) => void complaints.push(`${line}: ${String(fields?.['error'])}`),
  }
  const { operators, view, losses, vanished, tellAndHear } = await inUse(log)
  const end = operators.clientCertificate()?.notAfter ?? assert.fail('it shows one')
  const right = registry.secrets.dataOf(objectKey('registry-operator', 'system'))
  const at = join(registry.folder, 'mounts', 'operator')
  const states = new Set<string>()
  view.onHealthChange(() => states.add(view.health().state))

  const wrong: [name: string, data: Record<string, string>, words: RegExp][] = [
    ['expired', { ...right, ...(await ours('operator', -HOUR_MS, -60_000)) }, /our certificate .* has expired at/],
    ['of another authority', { ...right, ...(await strangers()) }, /registry hangs up while we greet each other/],
    [
      'trusting another authority',
      { ...right, 'ca.crt': (await strangers())['tls.crt'] },
      /not issued by the authority in/,
    ],
    ['half a set', { ...right, 'tls.key': (await strangers())['tls.key'] }, /key/i],
  ]
  for (const [name, data, words] of wrong) {
    const before = complaints.length
    writeAsKubelet(at, data)
    await until(name, () => complaints.length > before, within)
    assert.match(complaints.at(-1) ?? '', words, name)
    await tellAndHear(Math.random())
  }
  // One more look at the last ones, at least.
  const before = complaints.length
  await sleep(7_000)
  assert.equal(complaints.length, before, 'said once')
  assert.equal(operators.clientCertificate()?.notAfter, end)

  await registry.keep(lasting(3 * HOUR_MS))
  registry.mount('operator')
  await untilUsing(operators, end)
  await tellAndHear(0.5)
  assert.deepEqual(
    [...states].filter(state => state === 'unsynced'),
    [],
  )
  assert.deepEqual(losses, [])
  assert.deepEqual(vanished, [])
})

test('who cannot get in is told why', async () => {
  const tls = registry.tlsOf('operator')
  const { url } = registry.etcd
  const { port } = new URL(url)
  const file = (name: string, pem: string): string => {
    writeFileSync(join(registry.folder, name), pem)
    return join(registry.folder, name)
  }
  const { 'tls.crt': strangersCert, 'tls.key': strangersKey } = await strangers()
  const { 'tls.crt': lateCert, 'tls.key': lateKey } = await ours('operator', -HOUR_MS, -60_000)
  const { 'tls.crt': earlyCert, 'tls.key': earlyKey } = await ours('operator', HOUR_MS, 2 * HOUR_MS)
  const strange = { certFile: file('s.crt', strangersCert), keyFile: file('s.key', strangersKey) }
  const cases: [options: Parameters<typeof connectRegistry>[0], words: RegExp][] = [
    [
      { endpoints: [url], tls: { ...tls, certFile: file('l.crt', lateCert), keyFile: file('l.key', lateKey) } },
      /our certificate .*l\.crt has expired at 20/,
    ],
    [
      { endpoints: [url], tls: { ...tls, certFile: file('e.crt', earlyCert), keyFile: file('e.key', earlyKey) } },
      /is valid from 20.* compare the clocks/,
    ],
    [{ endpoints: [url], tls: { ...tls, caFile: strange.certFile } }, /was not issued by the authority in .*s\.crt/],
    [
      { endpoints: [url], tls: { ...tls, ...strange } },
      /hangs up while we greet each other: we show .*s\.crt, issued to “operator”/,
    ],
    [{ endpoints: [url], tls: { caFile: tls.caFile } }, /hangs up while we greet each other: we show no certificate/],
    [{ endpoints: [url.replace('https', 'http')] }, /hangs up while we greet each other: .* speaks only TLS/],
    [{ endpoints: ['https://127.0.0.1:1'], tls }, /nothing listens at https:\/\/127\.0\.0\.1:1/],
    [
      { endpoints: ['https://no-such-host.invalid:2379'], tls },
      /there is no such host as in https:\/\/no-such-host\.invalid/,
    ],
    [{ endpoints: [`https://127.0.0.2:${port}`], tls }, /nothing listens at|is for another address than/],
  ]
  for (const [options, words] of cases) await isTold(options, words)
})

test("who meets a registry with a wrong certificate is told what is wrong with the registry's", async () => {
  const tls = registry.tlsOf('operator')
  const options = { endpoints: [registry.etcd.url], tls }
  const server = registry.secrets.dataOf(objectKey('registry-server', 'system'))
  const at = join(registry.folder, 'mounts', 'registry')
  // etcd reads it anew for everybody who comes.
  writeAsKubelet(at, { ...server, ...(await ours('registry', -HOUR_MS, -60_000, ['127.0.0.1'])) })
  await isTold(options, /the certificate of the registry has expired and must be renewed/)
  writeAsKubelet(at, { ...server, ...(await ours('registry', -HOUR_MS, HOUR_MS, ['elsewhere.example.com'])) })
  await isTold(options, /the certificate of the registry is for another address than https:\/\/127/)
  writeAsKubelet(at, { ...server, ...(await ours('operator', -HOUR_MS, HOUR_MS)) })
  await isTold(options, /what answers at https:.* is not the registry: it shows the certificate of a client/)
})

test('the volume is lost: heartbeats and intents come back by themselves, rights with the next run', async () => {
  const { operators, view, tellAndHear } = await inUse()
  await registry.etcd.kill()
  rmSync(registry.etcd.dataFolder, { recursive: true })
  await registry.etcd.start()
  const beats = () => {
    const seen = view.registration(node)
    return seen.state === 'fresh' && seen.ageMs < 3_000
  }
  const key = Buffer.from(nodeKey('/sfu', node))
  await until('its key is there again', async () => (await operators.range({ key })).kvs.length > 0, within)
  await until('it beats again', beats, within)
  await tellAndHear(0.4)
  const thief = registry.connect('sfu:b')
  const steal = () => thief.put({ key, value: Buffer.from('x') })
  await registry.grant()
  await assert.rejects(steal(), /has no right to do this/)
  await until('it still beats', beats, within)
})

/** In the error of a call, and in the health of a view. */
async function isTold(options: Parameters<typeof connectRegistry>[0], words: RegExp): Promise<void> {
  const connection = connectRegistry(options, ambient)
  await assert.rejects(connection.range({ key: Buffer.from('/sfu/flags/x') }), (error: unknown) => {
    assert.ok(error instanceof RegistryError)
    assert.match(error.message, words)
    return true
  })
  const view = fleetView(connection, ambient)
  const ending = new AbortController()
  const viewing = view.run(ending.signal)
  const failed = () => view.health().because !== undefined && view.health()
  const { because = '' } = await until('the view says it too', failed, within)
  assert.match(because, words)
  ending.abort(new Error('seen'))
  await viewing
  connection.close()
}

/** Signed by the registry's own authority. */
async function ours(commonName: string, fromMs: number, untilMs: number, hosts: readonly string[] = []) {
  const { 'tls.crt': certificate = '', 'tls.key': key = '' } = registry.secrets.dataOf(
    objectKey('registry-ca', 'system'),
  )
  const now = systemClock.wall()
  const validity = { notBefore: later(now, fromMs), notAfter: later(now, untilMs) }
  const made = await issue({ certificate, key }, { commonName, hosts, ...validity })
  return { 'tls.crt': made.certificate, 'tls.key': made.key }
}

/** Of an authority that the registry does not know. */
async function strangers() {
  const now = systemClock.wall()
  const validity = { notBefore: later(now, -HOUR_MS), notAfter: later(now, HOUR_MS) }
  const made = await issue(await makeAuthority('a stranger', validity), {
    commonName: 'operator',
    hosts: [],
    ...validity,
  })
  return { 'tls.crt': made.certificate, 'tls.key': made.key }
}
