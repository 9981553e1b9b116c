// The controller runtime against a real API server: what an in-process double could only pretend.
import assert from 'node:assert/strict'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { later, systemClock } from '../../../operator/ambient/clock.ts'
import { systemRandom } from '../../../operator/ambient/random.ts'
import { type KubeObject, keyOf, objectKey, type Uid } from '../../../operator/api/meta.ts'
import {
  isAlreadyExists,
  isConflict,
  isInvalid,
  isNotFound,
  NotLeaderError,
  TransportError,
} from '../../../operator/kube/errors.ts'
import { eventRecorder, eventType } from '../../../operator/kube/events.ts'
import { expectations } from '../../../operator/kube/expectations.ts'
import { fencedTransport } from '../../../operator/kube/fenced.ts'
import { informer } from '../../../operator/kube/informer.ts'
import { kubeMetrics } from '../../../operator/kube/metrics.ts'
import { type ResourceType, resourceClient } from '../../../operator/kube/resource.ts'
import type { Change } from '../../../operator/kube/store.ts'
import { type KubeTransport, kubeTransport } from '../../../operator/kube/transport.ts'
import { silentLogger } from '../../../operator/telemetry/log.ts'
import { metricRegistry } from '../../../operator/telemetry/metrics.ts'
import { createAuthority, type Identity } from '../../cluster/certificates.ts'
import { type Cluster, startCluster } from '../../cluster/cluster.ts'
import { until } from '../../cluster/until.ts'

interface ConfigMap extends KubeObject {
  readonly data?: Readonly<Record<string, string>>
}
const configMapType: ResourceType<ConfigMap> = {
  apiVersion: 'v1',
  kind: 'ConfigMap',
  plural: 'configmaps',
  namespaced: true,
}

const namespace = 'default'
const registry = metricRegistry()
const ambient = { clock: systemClock, random: systemRandom, log: silentLogger, metrics: kubeMetrics(registry) }
const configMap = (name: string, data: Record<string, string> = {}, labels?: Record<string, string>) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace, ...(labels && { labels }) },
  data,
})

let cluster: Cluster
let transport: KubeTransport
let configMaps: ReturnType<typeof resourceClient<ConfigMap>>

before(async () => {
  cluster = await startCluster()
  transport = await kubeTransport({ ...ambient, kubeconfigPath: cluster.kubeconfigPath, userAgent: 'runtime-test/1' })
  configMaps = resourceClient(transport, configMapType)
})
after(async () => {
  await transport?.close()
  await cluster?.stop()
})

test('an object is created, read, patched and deleted, and what does not exist is undefined', async () => {
  const created = await configMaps.create(configMap('life', { a: '1' }))
  const key = keyOf(created)
  assert.equal((await configMaps.get(key))?.metadata.uid, created.metadata.uid)
  const patched = await configMaps.mergePatch(key, { data: { b: '2' } })
  assert.deepEqual(patched.data, { a: '1', b: '2' })
  assert.equal(await configMaps.delete(key, { uid: created.metadata.uid }), 'deleted')
  assert.equal(await configMaps.get(key), undefined)
  assert.equal(await configMaps.delete(key, { uid: created.metadata.uid }), 'gone')
})

test('a delete meant for an earlier life leaves the object of the same name alone', async () => {
  const living = await configMaps.create(configMap('reborn'))
  assert.equal(await configMaps.delete(keyOf(living), { uid: '00000000-0000-0000-0000-000000000000' as Uid }), 'gone')
  assert.equal((await configMaps.get(keyOf(living)))?.metadata.uid, living.metadata.uid)
})

test('the server says no in its own words, as an error whose kind can be told', async () => {
  await configMaps.create(configMap('once'))
  await assert.rejects(configMaps.create(configMap('once')), isAlreadyExists)
  await assert.rejects(
    configMaps.create(configMap('Not A Name')),
    error => isInvalid(error) && /RFC 1123/.test(error.message),
  )
  await assert.rejects(configMaps.mergePatch(objectKey('absent', namespace), {}), isNotFound)
  const stale = { metadata: { resourceVersion: '1' }, data: {} }
  await assert.rejects(configMaps.mergePatch(objectKey('once', namespace), stale), isConflict)
})

test('apply owns its fields: left out they go, fields of others stay, a foreign field is a conflict unless forced', async () => {
  const key = objectKey('applied', namespace)
  const mine = (data: Record<string, string>) => ({ ...configMap('applied'), data })
  await configMaps.apply(key, mine({ a: '1', b: '1' }), { fieldManager: 'us' })
  await configMaps.apply(key, mine({ c: '1' }), { fieldManager: 'them' })
  assert.deepEqual((await configMaps.apply(key, mine({ a: '1' }), { fieldManager: 'us' })).data, { a: '1', c: '1' })
  await assert.rejects(configMaps.apply(key, mine({ a: '1', c: '2' }), { fieldManager: 'us' }), isConflict)
  const forced = await configMaps.apply(key, mine({ c: '2' }), { fieldManager: 'us', force: true })
  assert.deepEqual(forced.data, { c: '2' })
})

test('an apply that changes nothing leaves the version as it is', async () => {
  const key = objectKey('quiet', namespace)
  const first = await configMaps.apply(key, configMap('quiet', { a: '1' }), { fieldManager: 'us' })
  const second = await configMaps.apply(key, configMap('quiet', { a: '1' }), { fieldManager: 'us' })
  assert.equal(second.metadata.resourceVersion, first.metadata.resourceVersion)
})

test('a dry run is judged by the server and keeps nothing', async () => {
  await configMaps.create(configMap('dry'), { dryRun: true })
  assert.equal(await configMaps.get(objectKey('dry', namespace)), undefined)
})

test('without leadership reads and dry runs pass and no write reaches the server', async () => {
  const fenced = resourceClient(
    fencedTransport(transport, () => false),
    configMapType,
  )
  const key = objectKey('fenced', namespace)
  await assert.rejects(fenced.create(configMap('fenced')), NotLeaderError)
  await assert.rejects(fenced.mergePatch(key, {}), NotLeaderError)
  await assert.rejects(fenced.delete(key, { uid: 'x' as Uid }), NotLeaderError)
  await fenced.create(configMap('fenced'), { dryRun: true })
  assert.equal(await fenced.get(key), undefined)
})

test('2,000 requests at once open no more connections than the pool has', async () => {
  let opened = 0
  const onConnected = (): void => void opened++
  subscribe('undici:client:connected', onConnected)
  const fresh = await kubeTransport({ ...ambient, kubeconfigPath: cluster.kubeconfigPath, userAgent: 'runtime-test/1' })
  try {
    const client = resourceClient(fresh, configMapType)
    const key = objectKey('kube-root-ca.crt', namespace)
    const answers = await Promise.all(Array.from({ length: 2_000 }, () => client.get(key, { deadlineMs: 60_000 })))
    assert.ok(answers.every(it => it?.metadata.name === 'kube-root-ca.crt'))
    assert.ok(opened <= 32, `${opened} connections`)
  } finally {
    unsubscribe('undici:client:connected', onConnected)
    await fresh.close()
  }
})

test('the server clock agrees with the server to about a second', async () => {
  await configMaps.list({ namespace, limit: 1 })
  const now = transport.serverClock.now() as number
  // The API server of this test runs on this machine, so its clock is ours.
  assert.ok(Math.abs(now - systemClock.wall()) < 1_500)
})

test('an informer lists in pages, follows every change, and knows when its own writes have arrived', async () => {
  const labels = { of: 'informer' }
  await Promise.all(Array.from({ length: 520 }, (_, i) => configMaps.create(configMap(`many-${i}`, {}, labels))))
  const stop = new AbortController()
  const cache = informer(configMaps, {
    ...ambient,
    namespace,
    labelSelector: 'of=informer',
    indexes: { byData: it => Object.keys(it.data ?? {}) },
  })
  const changes: Change<ConfigMap>[] = []
  const running = cache.run(stop.signal)
  await cache.whenSynced(AbortSignal.timeout(20_000))
  assert.equal(cache.size, 520)
  cache.onChange((change, { initial }) => {
    if (!initial) changes.push(change)
  })

  const written = expectations({ ConfigMap: cache })
  const key = objectKey('many-7', namespace)
  const changed = await configMaps.mergePatch(key, { data: { marked: 'yes' } })
  written.wrote({ by: key, kind: 'ConfigMap', key, resourceVersion: changed.metadata.resourceVersion })
  await until('the write to reach the cache', () => written.caughtUp(key), { withinMs: 10_000, everyMs: 1 })
  assert.deepEqual(cache.get(key)?.data, { marked: 'yes' })
  assert.deepEqual(cache.byIndex('byData', 'marked').map(keyOf), [key])

  await configMaps.delete(key, { uid: changed.metadata.uid })
  written.deleted({ by: key, kind: 'ConfigMap', key, uid: changed.metadata.uid })
  await until('the deletion to reach the cache', () => written.caughtUp(key), { withinMs: 10_000, everyMs: 1 })
  assert.equal(cache.get(key), undefined)
  assert.deepEqual(cache.byIndex('byData', 'marked'), [])
  const ofKey = changes.filter(it => it.key === key).map(it => `${it.old ? 'old' : ''}${it.new ? 'new' : ''}`)
  assert.deepEqual(ofKey, ['oldnew', 'old'])

  const held = cache.get(objectKey('many-8', namespace)) as ConfigMap
  assert.ok(Object.isFrozen(held.metadata.labels))
  assert.ok(!('managedFields' in held.metadata))
  assert.ok(cache.staleForMs() < 60_000)
  stop.abort()
  await running
})

test('an informer outlives its API server: killed and restarted, it ends with what is true then', async () => {
  const labels = { of: 'outage' }
  const first = await configMaps.create(configMap('outage-1', {}, labels))
  const stop = new AbortController()
  const cache = informer(configMaps, { ...ambient, namespace, labelSelector: 'of=outage' })
  const running = cache.run(stop.signal)
  await cache.whenSynced(AbortSignal.timeout(20_000))
  await cluster.apiserver.restart()
  await configMaps.delete(keyOf(first), { uid: first.metadata.uid })
  await configMaps.create(configMap('outage-2', {}, labels))
  await until('the cache to be true again', () => cache.size === 1 && cache.get(objectKey('outage-2', namespace)), {
    withinMs: 60_000,
  })
  stop.abort()
  await running
})

test('the same event over and over is one Event with a count, and a flood about one object is cut', async () => {
  const events = resourceClient(transport, eventType)
  const recorder = eventRecorder({ ...ambient, client: events, controller: 'rtcnode.io/test', instance: 'test-0' })
  const about = await configMaps.create(configMap('eventful'))
  const happening = { type: 'Warning', reason: 'Tested', action: 'Test', note: 'it happened' } as const
  for (let i = 0; i < 5; i++) recorder.record(about, happening)
  await until('the first event', async () => (await eventsAbout('eventful')).length > 0, { withinMs: 10_000 })
  for (let i = 0; i < 5; i++) recorder.record(about, happening)
  for (let i = 0; i < 100; i++) recorder.record(about, { ...happening, note: `note ${i}` })
  await recorder.close(10_000)

  const written = await eventsAbout('eventful')
  const repeated = written.find(it => it.note === 'it happened')
  assert.equal(repeated?.series?.count, 10)
  assert.equal(written.length, 1 + 15, 'ten repeats and fifteen others make the burst of 25')

  async function eventsAbout(name: string) {
    const { items } = await events.list({ namespace })
    return items.filter(it => it.metadata.name.startsWith(`${name}.`))
  }
})

test('certificates that are replaced on disk are used for the next calls, and a wrong one is cured by the right one', async () => {
  const issue = (commonName: string) => cluster.authority.issue({ commonName })
  const [first, second, other] = await Promise.all([issue('first'), issue('second'), createAuthority('other')])
  const file = (name: string): string => join(cluster.dir, `rotated-${name}`)
  const write = (ca: string, { certificatePem, keyPem }: Identity): void => {
    writeFileSync(file('ca'), ca)
    writeFileSync(file('cert'), certificatePem)
    writeFileSync(file('key'), keyPem)
  }
  const user = { 'client-certificate': file('cert'), 'client-key': file('key') }
  const config = {
    clusters: [{ name: 'c', cluster: { server: cluster.apiserverUrl, 'certificate-authority': file('ca') } }],
    users: [{ name: 'u', user }],
    contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
    'current-context': 'x',
  }
  writeFileSync(file('config'), JSON.stringify(config))
  write(other.certificatePem, first)
  let leapMs = 0
  const clock = { ...systemClock, monotonic: () => later(systemClock.monotonic(), leapMs) }
  const rotating = await kubeTransport({ ...ambient, clock, kubeconfigPath: file('config'), userAgent: 'test/1' })
  try {
    const whoAmI = async (): Promise<string> => {
      const review = { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' }
      const path = '/apis/authentication.k8s.io/v1/selfsubjectreviews'
      const answer = await rotating.request<{ status: { userInfo: { username: string } } }>({
        method: 'POST',
        path,
        body: review,
      })
      return answer.status.userInfo.username
    }
    await assert.rejects(whoAmI(), TransportError)
    write(cluster.authority.certificatePem, first)
    assert.equal(await whoAmI(), 'first', 'a refused certificate is read again without waiting')
    write(cluster.authority.certificatePem, second)
    assert.equal(await whoAmI(), 'first', 'files are not read for every call')
    leapMs = 6_000
    assert.equal(await whoAmI(), 'second')
  } finally {
    await rotating.close()
  }
})

test('requests are counted by code and method under the name of stock dashboards', async () => {
  const text = await registry.metrics()
  assert.match(text, /^rest_client_requests_total\{code="201",method="POST",host="127\.0\.0\.1:\d+"\} \d+$/m)
  assert.match(text, /^rest_client_requests_total\{code="404",method="GET",host=/m)
  assert.match(text, /^rest_client_request_duration_seconds_bucket\{le="0.1",verb="GET",host=/m)
})
