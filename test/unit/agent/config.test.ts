// The agent's environment: what is enough, and that whatever is wrong names itself, its value and the remedy.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { AgentConfigError, parseAgentConfig } from '../../../operator/agent/config.ts'
import { parseAnnotations, placeReader } from '../../../operator/agent/place.ts'

const enough = {
  RTCNODE_NAME: 'sfu-1',
  RTCNODE_NAMESPACE: 'calls',
  RTCNODE_UID: 'uid-node',
  POD_UID: 'uid-pod',
  RTCNODE_ADAPTER: 'livekit',
  RTCNODE_REGISTRY_ENDPOINTS: 'http://etcd-0:2379, http://etcd-1:2379',
  LIVEKIT_KEYS: 'demo: demo-secret',
}

function errorOf(change: Record<string, string | undefined>): AgentConfigError {
  try {
    parseAgentConfig({ ...enough, ...change })
  } catch (error) {
    assert.ok(error instanceof AgentConfigError)
    return error
  }
  assert.fail('the configuration was accepted')
}

test('the least that the operator sets is enough, and the rest has its defaults', () => {
  assert.deepEqual(parseAgentConfig({ ...enough, PATH: '/bin', POD_IP: '' }), {
    node: 'calls/sfu-1',
    nodeUID: 'uid-node',
    podUID: 'uid-pod',
    listen: { address: '0.0.0.0', port: 9_870 },
    adapter: 'livekit',
    sfu: {
      url: 'http://127.0.0.1:7880',
      metricsUrl: 'http://127.0.0.1:6789/metrics',
      livekitKey: { id: 'demo', secret: 'demo-secret' },
    },
    registry: { endpoints: ['http://etcd-0:2379', 'http://etcd-1:2379'], prefix: '/sfu' },
    heartbeatSeconds: 3,
    leaseTtlSeconds: 10,
    graceSeconds: 30,
    logLevel: 'info',
  })
})

const wrong: [variable: string, value: string | undefined, says: RegExp][] = [
  ['RTCNODE_NAME', undefined, /^RTCNODE_NAME is not set: expected the name of the RTCNode$/],
  ['POD_UID', '', /^POD_UID is not set: expected metadata\.uid of this pod/],
  ['POD_IP', 'localhost', /^POD_IP is "localhost": expected the address/],
  ['RTCNODE_ADAPTER', 'zoom', /^RTCNODE_ADAPTER is "zoom": expected one of: livekit$/],
  ['RTCNODE_SFU_URL', 'ftp://sfu', /^RTCNODE_SFU_URL is "ftp:\/\/sfu": expected an http/],
  ['RTCNODE_SFU_CPU_MILLICORES', '0', /^RTCNODE_SFU_CPU_MILLICORES is "0": expected thousandths of a CPU core/],
  ['RTCNODE_REGISTRY_ENDPOINTS', 'etcd:2379', /^RTCNODE_REGISTRY_ENDPOINTS is "etcd:2379": expected URLs of etcd/],
  ['RTCNODE_REGISTRY_PREFIX', 'sfu', /^RTCNODE_REGISTRY_PREFIX is "sfu": expected a path/],
  ['RTCNODE_REGISTRY_KEY_FILE', '/key.pem', /RTCNODE_REGISTRY_CERT_FILE goes with RTCNODE_REGISTRY_KEY_FILE/],
  ['RTCNODE_HEARTBEAT_SECONDS', '2.5', /^RTCNODE_HEARTBEAT_SECONDS is "2\.5": expected whole seconds from 1 to 60$/],
  ['RTCNODE_HEARTBEAT_SECONDS', '9', /^RTCNODE_LEASE_TTL_SECONDS is 10: expected at least twice .* which is 9$/],
  ['RTCNODE_AGENT_PORT', '70000', /^RTCNODE_AGENT_PORT is "70000": expected a port number$/],
  ['RTCNODE_LOG_LEVEL', 'loud', /^RTCNODE_LOG_LEVEL is "loud": expected one of: debug, info, warn, error$/],
  ['LIVEKIT_KEYS', undefined, /^LIVEKIT_KEYS is not set: expected "key: secret"/],
]
for (const [variable, value, says] of wrong) {
  test(`${variable}=${value} names itself and the remedy`, () =>
    assert.match(errorOf({ [variable]: value }).message, says))
}

test('all that is wrong is told at once', () => {
  const error = errorOf({ RTCNODE_NAME: undefined, RTCNODE_GRACE_SECONDS: 'long', RTCNODE_AGENT_PORT: 'http' })
  assert.deepEqual(error.variables, ['RTCNODE_NAME', 'RTCNODE_AGENT_PORT', 'RTCNODE_GRACE_SECONDS'])
})

test('a secret is never shown', () => {
  assert.doesNotMatch(errorOf({ LIVEKIT_KEYS: 'hunter2hunter2' }).message, /hunter2/)
})

test('address and region are read from the pod annotations until both are known', () => {
  const folder = mkdtempSync(join(tmpdir(), 'rtcnode-place-'))
  try {
    const place = placeReader({ region: 'eu-west', podInfoDir: folder })
    assert.deepEqual(place(), { region: 'eu-west' })
    const annotations =
      'kubernetes.io/config.seen="2026-01-01"\nrtcnode.io/address="192.0.2.7"\nrtcnode.io/region="mars"'
    writeFileSync(join(folder, 'annotations'), annotations)
    assert.deepEqual(place(), { address: '192.0.2.7', region: 'eu-west' })
    rmSync(join(folder, 'annotations'))
    assert.deepEqual(place(), { address: '192.0.2.7', region: 'eu-west' })
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('an annotation is unquoted, and one that spans lines does not disturb the next', () => {
  const parsed = parseAnnotations('a="say \\"hi\\""\nb="x\\ny"\nrtcnode.io/region="r"\n')
  assert.deepEqual(
    [...parsed],
    [
      ['a', 'say "hi"'],
      ['b', 'x\ny'],
      ['rtcnode.io/region', 'r'],
    ],
  )
})
