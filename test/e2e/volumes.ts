// Volumes for the registry of an installation, folders of the hosts: what a StorageClass would make. A claim that went leaves its
// volume used up, as "Retain" has it, so there are some for every member that a test makes anew. Used by installation.ts.
import assert from 'node:assert/strict'
import type { Pod } from '../../operator/api/core.ts'
import type { Cluster } from '../cluster/cluster.ts'

const ON_EACH_HOST = 6
const pathOf = (index: number): string => `/var/lib/registry/${index}`

export async function makeVolumes({ hosts, kubectl }: Cluster): Promise<void> {
  const indexes = Array.from({ length: ON_EACH_HOST }, (_, index) => index)
  await Promise.all(hosts.map(({ run }) => run('mkdir', ['-p', ...indexes.map(pathOf)])))
  const items = hosts.flatMap(({ name }) => indexes.map(index => volumeOn(name, index)))
  await kubectl(['apply', '-f-'], { input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items }) })
}

/** Everything on the volume of a pod of the registry is gone; the pod stays. */
export async function emptyVolumeOf({ metadata, spec }: Pod, { hosts, kubectl }: Cluster): Promise<void> {
  const claim = ['get', 'pvc', `data-${metadata.name}`, `--namespace=${metadata.namespace}`]
  const volume = await kubectl([...claim, '--output=jsonpath={.spec.volumeName}'])
  const path = await kubectl(['get', 'pv', volume, '--output=jsonpath={.spec.local.path}'])
  const host = hosts.find(({ name }) => name === spec.nodeName)
  assert.ok(host && path.startsWith('/var/lib/registry/'), `${metadata.name} has ${path} on ${spec.nodeName}`)
  await host.run('find', [path, '-mindepth', '1', '-delete'])
}

const volumeOn = (host: string, index: number) => ({
  apiVersion: 'v1',
  kind: 'PersistentVolume',
  metadata: { name: `volume-${index}-of-${host}` },
  spec: {
    capacity: { storage: '100Gi' },
    accessModes: ['ReadWriteOnce'],
    local: { path: pathOf(index) },
    nodeAffinity: {
      required: {
        nodeSelectorTerms: [{ matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: [host] }] }],
      },
    },
  },
})
