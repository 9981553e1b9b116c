// The adapter with traces does what the adapter does: no more, no less, and with the same errors.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { SfuAdapter } from '../../../operator/agent/adapter.ts'
import { parseAgentConfig } from '../../../operator/agent/config.ts'
import { tracedAdapter } from '../../../operator/agent/traced-adapter.ts'
import { seededRandom } from '../../../operator/ambient/seeded-random.ts'
import { noTraces } from '../../../operator/telemetry/traces.ts'

const { signal } = new AbortController()
const random = seededRandom()
const plain: SfuAdapter = {
  name: 'plain',
  read: async () => ({ bootId: 'b', sessions: 2, load: {} }),
  evict: async () => ({ moved: 2 }),
}

test('what an SFU cannot do, it cannot do with traces either', async () => {
  const traced = tracedAdapter(plain, { traces: noTraces, random }, () => ({}))
  assert.deepEqual(Object.keys(traced).toSorted(), ['evict', 'name', 'read'])
  assert.deepEqual(await traced.read(signal), { bootId: 'b', sessions: 2, load: {} })
  assert.deepEqual(await traced.evict(signal), { moved: 2 })
})

test('each thing that is done is a trace with the call in it, and fails as it does without', async () => {
  const told: string[] = []
  const traces: typeof noTraces = {
    reconcile: ({ name, attributes }, work) => {
      told.push(`${name} ${JSON.stringify(attributes)}`)
      return work(() => {})
    },
    call: (name, attributes, work) => {
      told.push(`- ${name} ${JSON.stringify(attributes)}`)
      return work(more => void told.push(`  ${JSON.stringify(more)}`))
    },
    close: async () => {},
  }
  const refused = new Error('refused')
  const able: SfuAdapter = {
    ...plain,
    closeAdmission: async () => {},
    openAdmission: () => Promise.reject(refused),
    notifyDrain: async notice => assert.equal(notice.reason, 'Deleted'),
  }
  let revision = 0
  const traced = tracedAdapter(able, { traces, random }, () => ({ revision: (revision += 1) }))
  await traced.read(signal)
  await traced.closeAdmission?.(signal)
  await traced.notifyDrain?.({ reason: 'Deleted' }, signal)
  await traced.evict(signal)
  await assert.rejects(async () => traced.openAdmission?.(signal), refused)
  const call = (what: string): string => `- sfu ${what} {"rtcnode.adapter":"plain"}`
  assert.deepEqual(told, [
    'agent close-admission {"revision":1}',
    call('close-admission'),
    'agent notify-drain {"revision":2}',
    call('notify-drain'),
    'agent evict {"revision":3}',
    call('evict'),
    '  {"rtcnode.moved":2}',
    'agent open-admission {"revision":4}',
    call('open-admission'),
  ])
})

test('the endpoint is told by the environment, and must be a URL', () => {
  const environment = {
    RTCNODE_NAME: 'n',
    RTCNODE_NAMESPACE: 'ns',
    RTCNODE_UID: 'u',
    POD_UID: 'p',
    RTCNODE_REGISTRY_ENDPOINTS: 'http://etcd:2379',
  }
  const withEndpoint = (endpoint: string) =>
    parseAgentConfig({
      ...environment,
      RTCNODE_ADAPTER: 'livekit',
      LIVEKIT_KEYS: 'a: b',
      RTCNODE_TRACES_ENDPOINT: endpoint,
    })
  assert.equal(withEndpoint('http://collector:4318').tracesEndpoint, 'http://collector:4318')
  assert.equal('tracesEndpoint' in withEndpoint(''), false)
  assert.throws(() => withEndpoint('collector'), /RTCNODE_TRACES_ENDPOINT is "collector": expected an http/)
})
