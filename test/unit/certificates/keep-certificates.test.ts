// Real keys and certificates, in Secrets that are kept in memory: what a run makes, leaves, repairs and refuses.
import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { test } from 'node:test'
import { objectKey } from '../../../operator/api/meta.ts'
import { rulesOf } from '../../../operator/certificates/decide.ts'
import { identities } from '../../../operator/certificates/identities.ts'
import { keepCertificates } from '../../../operator/certificates/keep-certificates.ts'
import { CertificatesError, collectProblems } from '../../../operator/certificates/problems.ts'
import { bundleOf } from '../../../operator/certificates/read.ts'
import { silentLogger } from '../../../operator/telemetry/log.ts'
import { fakeClock } from '../fake-clock.ts'
import { type MemorySecrets, memorySecrets } from './memory-secrets.ts'
import { registry as anyRegistry } from './registry.ts'

const registry = {
  ...anyRegistry,
  registryHosts: ['registry.system.svc', '*.members.system.svc', '127.0.0.1', '::1'],
}
const DAY_MS = 24 * 3_600_000
const caKey = objectKey('registry-ca', 'system')
const serverKey = objectKey('registry-server', 'system')
const operatorKey = objectKey('registry-operator', 'system')
const sfuKey = objectKey('rtcnode-registry', 'a')

function stage(secrets: MemorySecrets = memorySecrets()) {
  const clock = fakeClock()
  const found = collectProblems()
  const keep = (rules = rulesOf(90, 30)) =>
    keepCertificates(registry, rules, { secrets, clock, log: silentLogger, problems: found })
  const certificate = (key = operatorKey) => new X509Certificate(secrets.dataOf(key)['tls.crt'] ?? '')
  return { secrets, clock, keep, found, certificate }
}

test('everybody gets a certificate of one authority, whose key stays in one Secret', async () => {
  const { secrets, keep, certificate, found } = stage()
  const root = await keep()
  found.throwIfAny()
  const [authority] = bundleOf(secrets.dataOf(caKey)['ca.crt'])
  assert.ok(authority?.ca)
  for (const { secret, commonName, hosts } of identities(registry)) {
    const leaf = certificate(secret)
    assert.equal(leaf.subject, `CN=${commonName}`)
    assert.ok(leaf.verify(authority.publicKey) && leaf.checkIssued(authority) && !leaf.ca)
    assert.equal(leaf.checkIP('127.0.0.1') === '127.0.0.1', hosts.length > 0)
    // oxlint-disable-next-line no-magic-numbers -- the object identifiers of server and client authentication
    const [serverAuth, clientAuth] = ['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2']
    assert.deepEqual(leaf.keyUsage, hosts.length > 0 ? [serverAuth, clientAuth] : [clientAuth])
    assert.deepEqual(Object.keys(secrets.dataOf(secret)).toSorted(), ['ca.crt', 'tls.crt', 'tls.key'])
  }
  assert.equal(new X509Certificate(root.certificate).subject, 'CN=root')
  assert.ok(new X509Certificate(root.certificate).validToDate.getTime() < Date.UTC(2026, 0, 2), 'root is for one run')
})

test('a second run writes nothing; two at once agree on one authority', async () => {
  const { secrets, keep, certificate } = stage()
  await Promise.all([keep(), keep(), keep()])
  const [authority, ...others] = bundleOf(secrets.dataOf(caKey)['ca.crt'])
  assert.deepEqual(others, [])
  for (const { secret } of identities(registry)) assert.ok(certificate(secret).verify(authority!.publicKey))
  const { writes } = secrets
  assert.equal(writes, 5, 'each was made once')
  await keep()
  assert.equal(secrets.writes, writes)
})

test('60 of 90 days later all are renewed, with new keys and the same authority', async () => {
  const { secrets, clock, keep, certificate } = stage()
  await keep()
  const before = {
    ca: secrets.dataOf(caKey),
    operator: secrets.dataOf(operatorKey),
    serial: certificate().serialNumber,
  }
  clock.freezeFor(60.5 * DAY_MS)
  await keep()
  assert.deepEqual(secrets.dataOf(caKey), before.ca)
  assert.notEqual(certificate().serialNumber, before.serial)
  assert.notEqual(secrets.dataOf(operatorKey)['tls.key'], before.operator['tls.key'])
  assert.ok(certificate().validToDate.getTime() - clock.wall() >= 89 * DAY_MS)
})

test('an authority that comes to its end: trusted beside the next one first, then the next one signs, then it is forgotten', async () => {
  const { secrets, clock, keep, certificate } = stage()
  await keep()
  const [first] = bundleOf(secrets.dataOf(caKey)['ca.crt'])
  const trustedBy = (key = sfuKey) => bundleOf(secrets.dataOf(key)['ca.crt']).map(it => it.fingerprint256)
  clock.freezeFor(3_300 * DAY_MS)
  await keep()
  assert.equal(trustedBy().length, 2)
  assert.ok(certificate(sfuKey).verify(first!.publicKey), 'the first still signs')
  clock.freezeFor(DAY_MS)
  await keep()
  assert.equal(trustedBy().length, 2)
  assert.ok(!certificate(sfuKey).verify(first!.publicKey), 'the next one signs')
  assert.equal(secrets.dataOf(caKey)['next.key'], undefined)
  clock.freezeFor(400 * DAY_MS)
  await keep()
  assert.equal(trustedBy().length, 1)
  assert.ok(!trustedBy().includes(first!.fingerprint256))
})

const broken: [name: string, entries: Record<string, string | null>][] = [
  ['no key', { 'tls.key': null }],
  ['garbage for a key', { 'tls.key': 'garbage' }],
  ['garbage for a certificate', { 'tls.crt': '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n' }],
  ['nothing at all', { 'ca.crt': null, 'tls.crt': null, 'tls.key': null }],
  ['garbage for those to be trusted', { 'ca.crt': 'garbage' }],
]
for (const [name, entries] of broken) {
  test(`a Secret of ours that was broken is mended: ${name}`, async () => {
    const { secrets, keep, certificate } = stage()
    await keep()
    secrets.set(operatorKey, entries)
    await keep()
    const [authority] = bundleOf(secrets.dataOf(caKey)['ca.crt'])
    assert.ok(certificate().verify(authority!.publicKey))
    assert.equal(secrets.dataOf(operatorKey)['ca.crt'], secrets.dataOf(serverKey)['ca.crt'])
  })
}

test('the key of the authority is lost: a new one at once, and the former stays trusted', async () => {
  const { secrets, keep, certificate } = stage()
  await keep()
  const [first] = bundleOf(secrets.dataOf(caKey)['ca.crt'])
  secrets.set(caKey, { 'tls.key': 'lost' })
  await keep()
  const trusted = bundleOf(secrets.dataOf(operatorKey)['ca.crt'])
  assert.equal(trusted.length, 2)
  assert.ok(trusted.some(it => it.fingerprint256 === first!.fingerprint256))
  assert.ok(!certificate().verify(first!.publicKey))
})

test("somebody else's Secret is not touched, named, and keeps nobody from theirs", async () => {
  const { secrets, keep, found, certificate } = stage()
  secrets.giveAway(sfuKey)
  await keep()
  assert.deepEqual(secrets.dataOf(sfuKey), {})
  assert.equal(certificate(objectKey('rtcnode-registry', 'b')).subject, 'CN=sfu:b')
  assert.throws(() => found.throwIfAny(), {
    name: 'CertificatesError',
    message: 'Secret a/rtcnode-registry was made by somebody else: delete or rename it, it is not overwritten',
  })
})

test("somebody else's authority: nothing is done at all", async () => {
  const { secrets, keep } = stage()
  secrets.giveAway(caKey)
  await assert.rejects(keep(), CertificatesError)
  assert.equal(secrets.writes, 0)
})
