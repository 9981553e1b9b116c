// The embedded registry as the chart sets it up: what the templates say and what the program does are two sides of one thing, so
// each is held against the other.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { parse } from 'yaml'
import { splitKey } from '../../../operator/api/meta.ts'
import { identities } from '../../../operator/certificates/identities.ts'
import { argsOf, certificatesJob, configOfJob } from './certificates-job.ts'
import { chart, type Manifest, render, root } from './chart.ts'

const of = (manifests: readonly Manifest[], kind: string, name?: string): Manifest[] =>
  manifests.filter(it => it.kind === kind && (name === undefined || it.metadata.name === name))
const one = (manifests: readonly Manifest[], kind: string, name?: string): Manifest => {
  const [found, ...more] = of(manifests, kind, name)
  assert.ok(found !== undefined && more.length === 0, `${more.length + Number(found !== undefined)} of ${kind} ${name}`)
  return found
}

test('the version of etcd is the one that the tests run', () => {
  const { registry } = parse(readFileSync(join(chart, 'values.yaml'), 'utf8'))
  const modules = readFileSync(join(root, 'test/cluster/modules/etcd/go.mod'), 'utf8')
  const [, version] = /go\.etcd\.io\/etcd\/server\/v3 (v\S+)/.exec(modules) ?? []
  assert.equal(registry.image.tag, version)
})

test('the server is certified for every name that it is called by', async () => {
  const manifests = await render({ registry: { members: 3 } })
  const { registryHosts, registryEndpoints } = configOfJob(manifests)
  const isNamed = (host: string): boolean =>
    registryHosts.some(it => it === host || (it.startsWith('*.') && it.slice(2) === host.slice(host.indexOf('.') + 1)))
  const args = argsOf(one(manifests, 'StatefulSet'))
  const [cluster = ''] = args.flatMap(arg => /^--initial-cluster=(.*)$/.exec(arg)?.[1] ?? [])
  const members = cluster.split(',').map(member => new URL(member.slice(member.indexOf('=') + 1)).hostname)
  assert.equal(members.length, 3)
  for (const host of [...members, ...registryEndpoints.map(url => new URL(url).hostname)])
    assert.ok(isNamed(host), host)
  const { name } = one(manifests, 'StatefulSet').metadata
  assert.deepEqual(
    of(manifests, 'Service')
      .filter(it => it.metadata.name.startsWith(name))
      .map(it => it.metadata.name),
    [name, `${name}-members`],
  )
})

/** Secrets that a Role names, with its namespace: `verbs namespace/name`. */
const rightsOn = (manifests: readonly Manifest[]): string[] =>
  of(manifests, 'Role')
    .filter(it => it.metadata.name.endsWith('-certificates'))
    .flatMap(({ metadata, ...role }) =>
      (role['rules'] as { resources: string[]; resourceNames?: string[]; verbs: string[] }[])
        .filter(({ resources }) => resources.includes('secrets'))
        .flatMap(({ resourceNames = ['*'], verbs }) =>
          resourceNames.map(name => `${verbs.join()} ${metadata.namespace}/${name}`),
        ),
    )

test('the Job may read and write exactly the Secrets that the program keeps', async () => {
  const manifests = await render({ sfu: { namespaces: ['rtc', 'eu'] } })
  const config = configOfJob(manifests)
  const kept = identities(config).map(({ secret }) => secret)
  const wanted = [`${config.namespace}/${config.registryName}-ca`, ...kept].map(key => `get,patch ${key}`)
  const creates = [config.namespace, ...config.sfuNamespaces].map(namespace => `create ${namespace}/*`)
  assert.deepEqual(rightsOn(manifests).toSorted(), [...wanted, ...creates].toSorted())
})

test('when one member becomes three, the users are set up in the new registry, which has no first member yet', async () => {
  const { registryEndpoints } = configOfJob(await render({ registry: { members: 3 } }))
  const member = (index: number) => `https://rtcnode-registry-${index}.rtcnode-registry-members.rtcnode-system.svc:2379`
  assert.deepEqual(registryEndpoints, [member(1), member(2)])
  assert.deepEqual(configOfJob(await render()).registryEndpoints, ['https://rtcnode-registry.rtcnode-system.svc:2379'])
})

test('the release may live where its SFUs do', async () => {
  const manifests = await render({ sfu: { namespaces: ['rtcnode-system', 'eu'] } })
  const roles = of(manifests, 'Role').filter(it => it.metadata.name.endsWith('-certificates'))
  assert.deepEqual(
    roles.map(({ metadata }) => metadata.namespace),
    ['rtcnode-system', 'eu'],
  )
  assert.ok(rightsOn(manifests).includes('get,patch rtcnode-system/rtcnode-registry'))
})

test('the Job is another one when its pod changes, and the same when it does not', async () => {
  const name = async (values: object): Promise<string> => certificatesJob(await render(values)).metadata.name
  const usual = await name({})
  assert.equal(await name({ operator: { replicas: 3 } }), usual)
  assert.notEqual(await name({ image: { tag: '9.9.9' } }), usual)
  assert.notEqual(await name({ sfu: { namespaces: ['rtc', 'eu'] } }), usual)
})

test('with cert-manager: a Certificate for each, the key of the authority is not ours, SFU namespaces are handed theirs', async () => {
  const manifests = await render({ sfu: { namespaces: ['rtc', 'eu'] }, registry: { certManager: { enabled: true } } })
  const config = configOfJob(manifests)
  assert.equal(config.issuer, 'cert-manager')
  const made = of(manifests, 'Certificate').map(it => `${it['spec'].secretName} ${it['spec'].commonName}`)
  const own = identities(config).map(({ secret, commonName }) => {
    const { namespace, name } = splitKey(secret)
    return `${namespace === config.namespace ? name : `${config.registryName}-sfu-${namespace}`} ${commonName}`
  })
  const { registryName } = config
  assert.deepEqual(
    made.toSorted(),
    [...own, `${registryName}-ca ${registryName}`, `${registryName}-root root`].toSorted(),
  )
  const server = one(manifests, 'Certificate', `${registryName}-server`)['spec']
  assert.deepEqual(new Set([...server.dnsNames, ...server.ipAddresses]), new Set(config.registryHosts))
  assert.ok(!rightsOn(manifests).some(right => right.endsWith('-ca')))
  for (const { metadata } of of(manifests, 'Certificate')) assert.equal(metadata.namespace, config.namespace)
})

test("with cert-manager and somebody's own issuer there is no authority of ours", async () => {
  const issuerRef = { name: 'vault', kind: 'ClusterIssuer' }
  const manifests = await render({ registry: { certManager: { enabled: true, issuerRef } } })
  assert.deepEqual(of(manifests, 'Issuer'), [])
  for (const it of of(manifests, 'Certificate')) {
    assert.deepEqual(it['spec'].issuerRef, { ...issuerRef, group: 'cert-manager.io' })
  }
})

test('with an etcd of yours there is none of ours, and nobody makes certificates', async () => {
  const external = { endpoints: ['https://etcd.example.com:2379'], secretName: 'etcd-client' }
  const manifests = await render({ registry: { external } })
  for (const kind of ['StatefulSet', 'CronJob', 'Certificate']) assert.deepEqual(of(manifests, kind), [])
  assert.ok(!manifests.some(it => it.metadata.name.includes('certificates')))
})

test('the volume may be the cluster’s default, a named one, or none', async () => {
  const specOf = async (storage: object) => one(await render({ registry: { storage } }), 'StatefulSet')['spec']
  const [usual] = (await specOf({})).volumeClaimTemplates
  assert.equal(usual.spec.storageClassName, undefined)
  const [named] = (await specOf({ className: 'fast', size: '9Gi' })).volumeClaimTemplates
  assert.deepEqual([named.spec.storageClassName, named.spec.resources.requests.storage], ['fast', '9Gi'])
  const none = await specOf({ enabled: false })
  assert.equal(none.volumeClaimTemplates, undefined)
  assert.ok(none.template.spec.volumes.some((it: { emptyDir?: object }) => it.emptyDir))
})
