// What keeps a place on a host for a node to come.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { placeFor } from '../../../operator/cluster/headroom/balloon.ts'
import { aPool } from '../pool/objects.ts'
import { pause1, podSpec } from './headroom-build.ts'

test('what keeps a place asks a host for all that a node asks for, and holds nothing back', () => {
  const sfu = {
    name: 'sfu',
    image: 'sfu:1',
    command: ['x'],
    env: [{ name: 'A', value: 'b' }],
    volumeMounts: [{ name: 'v', mountPath: '/v' }],
    resources: { requests: { cpu: '2' }, limits: { 'nvidia.com/gpu': '1' } },
  }
  const spec = podSpec({
    network: { mode: 'HostNetwork', ports: [{ name: 'rtc', port: 7_882, protocol: 'UDP' }] },
    podSpec: {
      nodeSelector: { disk: 'fast' },
      tolerations: [{ key: 'sfu', operator: 'Exists' }],
      volumes: [{ name: 'v', emptyDir: {} }],
      initContainers: [{ name: 'once', image: 'once:1', resources: { requests: { cpu: '9' } } }],
      containers: [sfu],
    },
  })
  const place = placeFor(aPool(), spec, pause1)
  assert.deepEqual(place.spec['tolerations'], [{ key: 'sfu', operator: 'Exists' }])
  const { nodeSelector, hostNetwork, priorityClassName, terminationGracePeriodSeconds, volumes } = place.spec
  assert.deepEqual(
    { nodeSelector, hostNetwork, priorityClassName, terminationGracePeriodSeconds, volumes },
    {
      nodeSelector: { disk: 'fast' },
      hostNetwork: true,
      priorityClassName: 'rtcnode-headroom',
      terminationGracePeriodSeconds: 0,
      volumes: undefined,
    },
  )
  const [agent, own] = place.spec['containers'] as Record<string, unknown>[]
  assert.deepEqual([agent?.['name'], own?.['name'], own?.['image']], ['rtcnode-agent', 'sfu', 'pause:1'])
  assert.deepEqual(own?.['resources'], sfu.resources)
  assert.deepEqual(own?.['ports'], [{ name: 'rtc', containerPort: 7_882, protocol: 'UDP', hostPort: 7_882 }])
  for (const field of ['command', 'env', 'volumeMounts', 'lifecycle']) assert.equal(own?.[field], undefined, field)
  assert.equal((place.spec['containers'] as []).length, 2, 'what runs once before the others is no load')
})
