// What the commands are told about certificates: whatever cannot work is said before anything is begun.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { certificatesInconsistencies, certificatesSettings } from '../../../operator/certificates/settings.ts'
import { ConfigError, configOf, runConfig } from '../../../operator/config.ts'

const enough = { registryHosts: 'registry', registryEndpoints: 'https://registry:2379', sfuNamespaces: 'a, b' }
const configured = (flags: Record<string, string>) =>
  configOf(certificatesSettings, { ...enough, ...flags }, {}, certificatesInconsistencies)

test('hosts, endpoints and namespaces are enough', () => {
  const { sfuNamespaces, issuer, certificateDays, renewDays } = configured({})
  assert.deepEqual([sfuNamespaces, issuer, certificateDays, renewDays], [['a', 'b'], 'own', 90, 30])
})

test('all that is missing is named at once', () => {
  assert.throws(
    () => configOf(certificatesSettings, {}, {}),
    (error: unknown) => {
      assert.ok(error instanceof ConfigError)
      assert.deepEqual(
        error.problems.map(problem => problem.split(' ')[0]),
        ['--registry-hosts', '--registry-endpoints', '--sfu-namespaces'],
      )
      return true
    },
  )
})

test('certificates that would be renewed at every look are refused', () => {
  assert.throws(
    () => configured({ certificateDays: '30' }),
    /--renew-days is 30: make it less than --certificate-days \(30\)/,
  )
})

test('agents are not given a certificate for a registry without encryption', () => {
  const flags = { registryEndpoints: 'http://etcd:2379', agentRegistrySecret: 'rtcnode-registry' }
  assert.throws(() => runConfig(flags, {}), /--agent-registry-secret goes with https/)
  assert.equal(
    runConfig({ ...flags, agentRegistryEndpoints: 'https://etcd:2379' }, {}).agentRegistrySecret,
    'rtcnode-registry',
  )
  assert.throws(
    () => runConfig({ ...flags, agentRegistrySecret: 'No Secret' }, {}),
    /--agent-registry-secret .* use a name/,
  )
})
