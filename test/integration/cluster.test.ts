// The promises of the test cluster itself: every other integration test leans on them.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { createInterface } from 'node:readline'
import { after, before, test } from 'node:test'
import { Etcd3 } from 'etcd3'
import { type Cluster, startCluster } from '../cluster/cluster.ts'
import { createClusterFolder, isAlive, removeFolder } from '../cluster/folder.ts'
import { until } from '../cluster/until.ts'

let cluster: Cluster
before(async () => {
  cluster = await startCluster({ kwokNodes: 2, registryTls: true, auditLog: true })
})
after(() => cluster.stop())

test('20 pods of a ReplicaSet become ready on fake nodes, native sidecars included', async () => {
  await apply({
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: { name: 'fleet' },
    spec: {
      replicas: 20,
      selector: { matchLabels: { app: 'fleet' } },
      template: { metadata: { labels: { app: 'fleet' } }, spec: podSpec() },
    },
  })
  const fleet = '/apis/apps/v1/namespaces/default/replicasets/fleet'
  await until('20 ready', async () => (await get<ReplicaSet>(fleet)).status.readyReplicas === 20, {
    withinMs: 60_000,
  })
  const { items } = await get<{ items: Pod[] }>('/api/v1/namespaces/default/pods?labelSelector=app%3Dfleet')
  const addresses = items.map(pod => pod.status.podIP)
  assert.equal(new Set(addresses).size, 20)
  for (const { status } of items) {
    const [sidecar, setUp] = status.initContainerStatuses
    assert.ok(sidecar?.ready && sidecar.started && sidecar.state.running, 'the sidecar runs')
    assert.ok(setUp?.state.terminated, 'the plain init container has ended')
  }
})

test('a deleted pod stays until its SFU has exited, or else until its grace period is over', async () => {
  await createPod('exits', { grace: 600 })
  await createPod('hangs', { grace: 3 })
  const deadlines = await Promise.all(
    ['exits', 'hangs'].map(async name => {
      const deleted = (await cluster.api.call('DELETE', pods(name))) as Pod
      return Date.parse(deleted.metadata.deletionTimestamp ?? '')
    }),
  )
  await until('hangs gone', async () => !(await exists('hangs')), { withinMs: 20_000 })
  assert.ok(Date.now() >= (deadlines[1] ?? Number.NaN), 'the grace period was not cut')
  assert.ok(await exists('exits'), 'a pod with grace left and a living SFU is still there')

  await cluster.api.call('PATCH', pods('exits'), { metadata: { annotations: { 'sfu.rtcnode.io/exited': 'true' } } })
  await until('exits gone', async () => !(await exists('exits')), { withinMs: 20_000 })
  assert.ok(Date.now() < (deadlines[0] ?? Number.NaN))
})

test('faults are labels: a pod that is never ready, one that crashes, a node that is lost', async () => {
  await createPod('slow', { fault: 'never-ready' })
  await createPod('broken', { fault: 'crash' })
  await until('broken failed', async () => (await pod('broken')).status.phase === 'Failed', { withinMs: 20_000 })
  await until('slow runs', async () => (await pod('slow')).status.phase === 'Running', { withinMs: 20_000 })
  assert.equal(readiness(await pod('slow')), 'False')

  await cluster.api.call('PATCH', '/api/v1/nodes/kwok-1', { metadata: { labels: { 'rtcnode.io/fault': 'dead' } } })
  const lost = [{ type: 'Ready', status: 'Unknown', reason: 'NodeStatusUnknown' }]
  await cluster.api.call('PATCH', '/api/v1/nodes/kwok-1/status', { status: { conditions: lost } })
  await until(
    'taint',
    async () => (await cluster.kubectl(['get', 'node', 'kwok-1', '-oyaml'])).includes('unreachable'),
    {
      withinMs: 20_000,
      everyMs: 200,
    },
  )
})

test('the registry asks for a client certificate, and wiped it has no keys', async () => {
  const { endpoints, tls } = cluster.registry
  assert.ok(tls)
  const read = (path: string) => readFileSync(path)
  const credentials = { rootCertificate: read(tls.ca), certChain: read(tls.cert), privateKey: read(tls.key) }
  const client = new Etcd3({ hosts: endpoints, credentials })
  const stranger = new Etcd3({ hosts: endpoints, credentials: { rootCertificate: read(tls.ca) }, grpcOptions: {} })
  try {
    await client.put('/sfu/flags/freeze').value('1')
    await assert.rejects(stranger.get('/sfu/flags/freeze').exec())
    await cluster.registry.wipe()
    const wiped = await until('the registry back', () => client.getAll().exec(), { withinMs: 20_000 })
    assert.deepEqual([wiped.kvs, wiped.header.revision], [[], '1'])
  } finally {
    client.close()
    stranger.close()
  }
})

test('every write to the API server is in the audit log, reads are not', async () => {
  await cluster.kubectl(['create', 'configmap', 'audited'])
  await cluster.kubectl(['get', 'configmap', 'audited'])
  const path = cluster.auditLogPath ?? assert.fail()
  const entries = await until(
    'the write logged',
    () => {
      const lines = readFileSync(path, 'utf8').split('\n')
      const found = lines.filter(line => line.includes('"name":"audited"'))
      return found.length > 0 && found
    },
    { withinMs: 10_000 },
  )
  assert.deepEqual(
    entries.map(line => JSON.parse(line).verb),
    ['create'],
  )
})

test('kubectl says why it failed', async () => {
  await assert.rejects(cluster.kubectl(['get', 'pod', 'nobody']), /pods "nobody" not found/)
})

test('a server comes back at its port after a crash, and answers nothing while it is frozen', async () => {
  const { apiserver } = cluster
  const formerPid = apiserver.pid
  await apiserver.kill()
  assert.equal(apiserver.pid, undefined)
  await assert.rejects(cluster.api.answers('/readyz', AbortSignal.timeout(5_000)))
  await apiserver.start()
  assert.notEqual(apiserver.pid, formerPid)
  assert.ok(await cluster.api.answers('/readyz', AbortSignal.timeout(5_000)))

  apiserver.pause()
  await assert.rejects(cluster.api.answers('/readyz', AbortSignal.timeout(500)), { name: 'TimeoutError' })
  apiserver.resume()
  await until('answers again', signal => cluster.api.answers('/readyz', signal), { withinMs: 20_000 })
})

test('two clusters side by side share nothing, and nothing is left of one that was stopped', async () => {
  const other = await startCluster({ kwokNodes: 1 })
  try {
    await other.kubectl(['create', 'namespace', 'elsewhere'])
    await assert.rejects(cluster.kubectl(['get', 'namespace', 'elsewhere']), /not found/)
    assert.notDeepEqual(other.registry.endpoints, cluster.registry.endpoints)
    assert.ok(processesOf(other.dir).length >= 6)
  } finally {
    await other.stop()
  }
  assert.deepEqual(processesOf(other.dir), [])
  assert.equal(existsSync(other.dir), false)
  assert.ok(await cluster.api.answers('/readyz', AbortSignal.timeout(5_000)), 'the first one lives on')
})

test('an owner that is interrupted takes its cluster down, folder and all', async () => {
  const owner = await startOwner()
  owner.process.kill('SIGINT')
  await once(owner.process, 'exit')
  assert.deepEqual(processesOf(owner.dir), [])
  assert.equal(existsSync(owner.dir), false)
})

test('an owner that is killed leaves no server, and the next cluster removes its folder', async () => {
  const owner = await startOwner()
  const servers = processesOf(owner.dir)
  assert.ok(servers.length >= 5)
  owner.process.kill('SIGKILL')
  await once(owner.process, 'exit')
  await until('all servers gone', () => !servers.some(isAlive), { withinMs: 10_000 })

  // That of another test beside this one may have been the next already.
  removeFolder(createClusterFolder())
  await until('its folder gone', () => !existsSync(owner.dir), { withinMs: 10_000 })
})

interface ReplicaSet {
  status: { readyReplicas?: number }
}

interface Pod {
  metadata: { deletionTimestamp?: string }
  status: {
    phase: string
    podIP?: string
    conditions: { type: string; status: string }[]
    initContainerStatuses: { ready: boolean; started: boolean; state: { running?: object; terminated?: object } }[]
  }
}

const apply = (object: object) => cluster.kubectl(['apply', '-f-'], { input: JSON.stringify(object) })
const get = <T>(path: string) => cluster.api.call('GET', path) as Promise<T>
const pods = (name: string) => `/api/v1/namespaces/default/pods/${name}`
const pod = (name: string) => get<Pod>(pods(name))
const readiness = ({ status }: Pod) => status.conditions.find(condition => condition.type === 'Ready')?.status

async function exists(name: string): Promise<boolean> {
  return (await cluster.kubectl(['get', 'pod', name, '--ignore-not-found', '-oname'])) !== ''
}

const podSpec = (grace = 30) => ({
  terminationGracePeriodSeconds: grace,
  tolerations: [{ key: 'kwok.x-k8s.io/node', operator: 'Exists' }],
  initContainers: [
    { name: 'agent', image: 'agent', restartPolicy: 'Always' },
    { name: 'set-up', image: 'set-up' },
  ],
  containers: [{ name: 'sfu', image: 'sfu' }],
})

/** Creates a pod and waits until it is Running, or Failed for one that crashes. */
async function createPod(name: string, { grace, fault }: { grace?: number; fault?: string }): Promise<void> {
  const labels = fault ? { 'rtcnode.io/fault': fault } : {}
  await apply({ apiVersion: 'v1', kind: 'Pod', metadata: { name, labels }, spec: podSpec(grace) })
  await until(`${name} started`, async () => (await pod(name)).status.phase !== 'Pending', { withinMs: 20_000 })
}

/** A cluster that belongs to another process; resolves when it is up. */
async function startOwner() {
  const owner = spawn(process.execPath, [join(import.meta.dirname, '../cluster/cli.ts'), 'up'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  for await (const line of createInterface(owner.stdout)) {
    const dir = /^export KUBECONFIG=(.*)\/[^/]+$/.exec(line)?.[1]
    if (dir) return { process: owner, dir }
  }
  return assert.fail('the owner ended before its cluster was up')
}

/** Ids of the processes with this folder's name in their command line. */
function processesOf(folder: string): number[] {
  const mentions = (pid: string) => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(basename(folder))
    } catch {
      return false
    }
  }
  return readdirSync('/proc')
    .filter(entry => /^\d+$/.test(entry) && mentions(entry))
    .map(Number)
}
