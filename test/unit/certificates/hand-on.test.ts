// Certificates that cert-manager makes: each SFU namespace is handed its own, again when it is renewed, and nothing else.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { objectKey } from '../../../operator/api/meta.ts'
import { handOnCertificates } from '../../../operator/certificates/hand-on.ts'
import { CertificatesError, collectProblems } from '../../../operator/certificates/problems.ts'
import { silentLogger } from '../../../operator/telemetry/log.ts'
import { memorySecrets } from './memory-secrets.ts'
import { registry } from './registry.ts'

const complete = (who: string) => ({ 'ca.crt': 'ca', 'tls.crt': `certificate of ${who}`, 'tls.key': `key of ${who}` })
const madeFor = (who: string) => objectKey(`registry-${who}`, 'system')
const handedTo = (namespace: string) => objectKey('rtcnode-registry', namespace)

function stage() {
  const secrets = memorySecrets()
  for (const who of ['root', 'sfu-a', 'sfu-b']) secrets.set(madeFor(who), complete(who))
  const problems = collectProblems()
  return { secrets, problems, handOn: () => handOnCertificates(registry, { secrets, log: silentLogger, problems }) }
}

test('each namespace is handed its own, and root is read', async () => {
  const { secrets, problems, handOn } = stage()
  // With what cert-manager puts beside, which is nobody else's business.
  secrets.set(madeFor('sfu-a'), { 'tls-combined.pem': 'all in one' })
  assert.deepEqual(await handOn(), { ca: 'ca', certificate: 'certificate of root', key: 'key of root' })
  problems.throwIfAny()
  for (const namespace of registry.sfuNamespaces)
    assert.deepEqual(secrets.dataOf(handedTo(namespace)), complete(`sfu-${namespace}`))
})

test('a second time nothing is written; a renewed one is handed on', async () => {
  const { secrets, handOn } = stage()
  await handOn()
  await handOn()
  assert.equal(secrets.writes, 2)
  secrets.set(madeFor('sfu-b'), { 'tls.crt': 'renewed', 'tls.key': 'another key' })
  await handOn()
  assert.equal(secrets.writes, 3)
  assert.equal(secrets.dataOf(handedTo('b'))['tls.key'], 'another key')
})

test('one that cert-manager has not made yet, and one that is somebody else’s, are named; the others are handed on', async () => {
  const { secrets, problems, handOn } = stage()
  secrets.set(madeFor('sfu-a'), { 'tls.key': null })
  secrets.giveAway(handedTo('b'))
  secrets.set(madeFor('sfu-c'), complete('sfu-c'))
  await handOnCertificates({ ...registry, sfuNamespaces: ['a', 'b', 'c'] }, { secrets, log: silentLogger, problems })
  assert.deepEqual(secrets.dataOf(handedTo('c')), complete('sfu-c'))
  assert.throws(() => problems.throwIfAny(), {
    problems: [
      'Secret system/registry-sfu-a has no tls.key: look at the Certificate of that name, cert-manager makes it',
      'Secret b/rtcnode-registry was made by somebody else: delete or rename it, it is not overwritten',
    ],
  })
  secrets.set(madeFor('root'), { 'tls.crt': null })
  await assert.rejects(handOn(), CertificatesError)
})
