// Requests to the API server as they are counted: by verb and resource, whatever the names in them are.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ObjectKey, Uid } from '../../../operator/api/meta.ts'
import { targetOf } from '../../../operator/kube/request-target.ts'
import { resourceClient } from '../../../operator/kube/resource.ts'
import type { Call, KubeTransport, Method } from '../../../operator/kube/transport.ts'

const cases: [Method, string, string][] = [
  ['GET', '/api/v1/nodes?limit=500', 'list nodes'],
  ['GET', '/api/v1/nodes/host-1', 'get nodes'],
  ['GET', '/api/v1/pods?labelSelector=a%3Db&resourceVersion=7&watch=true', 'watch pods'],
  ['GET', '/api/v1/namespaces/media/pods', 'list pods'],
  ['GET', '/api/v1/namespaces/media', 'get namespaces'],
  ['POST', '/api/v1/namespaces/media/pods?dryRun=All', 'create pods'],
  ['DELETE', '/api/v1/namespaces/media/pods/eu-x7', 'delete pods'],
  ['PATCH', '/apis/rtcnode.io/v1alpha1/namespaces/media/rtcnodes/eu-x7/status?fieldManager=a', 'patch rtcnodes/status'],
  ['PATCH', '/apis/rtcnode.io/v1alpha1/namespaces/media/rtcnodepools/eu/scale', 'patch rtcnodepools/scale'],
  ['PATCH', '/apis/rtcnode.io/v1alpha1/rtcnodeclasses/livekit/status', 'patch rtcnodeclasses/status'],
  ['PUT', '/apis/coordination.k8s.io/v1/namespaces/s/leases/rtcnode-operator', 'update leases'],
  ['GET', '/apis/rtcnode.io/v1alpha1/namespaces/namespaces/rtcnodes/namespaces', 'get rtcnodes'],
  ['GET', '/version', 'get other'],
]

for (const [method, path, expected] of cases) {
  test(`${method} ${path} is ${expected}`, () => {
    const { verb, resource } = targetOf(method, path)
    assert.equal(`${verb} ${resource}`, expected)
  })
}

test('whatever objects are called, no name of theirs becomes a label', async () => {
  const seen = new Set<string>()
  const transport = {
    request: ({ method, path }: Call) => {
      const { verb, resource } = targetOf(method, path)
      seen.add(`${verb} ${resource}`)
      return Promise.resolve({ metadata: { resourceVersion: '1' } })
    },
  } as unknown as KubeTransport
  const pods = resourceClient(transport, { apiVersion: 'v1', kind: 'Pod', plural: 'pods', namespaced: true })
  for (const key of ['media/status', 'namespaces/a', 'a/b%2Fc', 'pods/pods'] as ObjectKey[]) {
    await pods.get(key)
    await pods.mergePatch(key, {}, { subresource: 'status' })
    await pods.delete(key, { uid: 'u' as Uid })
  }
  assert.deepEqual([...seen].sort(), ['delete pods', 'get pods', 'patch pods/status'])
})
