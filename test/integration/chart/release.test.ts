// The chart and a real API server: it takes each object in every way to install it, an upgrade from an older chart loses
// nothing, and an uninstall leaves what it says. Without hosts: no pod runs here, for that see test/e2e.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { promisify } from 'node:util'
import { parse, stringify } from 'yaml'
import { type Cluster, startCluster } from '../../cluster/cluster.ts'
import { writeKubeconfig } from '../../cluster/kubeconfig.ts'
import { chart, type Manifest, manifestsIn, ofKind, render, root, title, variants, workloadsOf } from '../../unit/chart/chart.ts'

let cluster: Cluster
const folder = mkdtempSync(join(tmpdir(), 'rtcnode-chart-'))
before(async () => {
  cluster = await startCluster()
})
after(async () => {
  await cluster?.stop()
  rmSync(folder, { recursive: true })
})

const namespace = 'rtcnode-system'
const enforce = (level: string) => ({ 'pod-security.kubernetes.io/enforce': level })

test('an older chart with a pool in it is upgraded, and nothing is lost or made anew', async () => {
  await apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace, labels: enforce('restricted') } })
  const older = olderChart()
  await helmRelease('install', older, '--set', 'classes.livekit.enabled=true')
  assert.equal(await poolProperty('strategy'), undefined)
  const born = await uids()
  await apply({ ...pool, spec: { ...pool.spec, replicas: 2 } }, 'rtc')
  const poolBefore = await read('rtcp', 'eu', 'rtc')

  await helmRelease('upgrade', chart, '--reset-then-reuse-values', '--set', 'classes.livekit.drainDeadlineSeconds=60')
  assert.notEqual(await poolProperty('strategy'), undefined, 'the CRD was upgraded')
  assert.deepEqual(await uids(), born, 'CRDs and class live on')
  const poolAfter = await read('rtcp', 'eu', 'rtc')
  assert.equal(poolAfter.metadata.uid, poolBefore.metadata.uid)
  assert.deepEqual({ ...poolAfter.spec, strategy: undefined }, { ...poolBefore.spec, strategy: undefined })
  assert.equal((await read('rtcc', 'livekit')).spec.drain.deadlineSeconds, 60)

  await helmRelease('upgrade', chart, '--reset-then-reuse-values', '--set', 'classes.livekit.drainDeadlineSeconds=90')
  assert.deepEqual(await uids(), born)
  assert.equal((await read('rtcc', 'livekit')).spec.drain.deadlineSeconds, 90)

  await cluster.helm(['rollback', 'rtcnode', '1', '--namespace', namespace])
  assert.deepEqual(await uids(), born, 'back to the older chart')
  assert.equal((await read('rtcp', 'eu', 'rtc')).metadata.uid, poolBefore.metadata.uid)
  await helmRelease('upgrade', chart, '--reset-then-reuse-values')
})

for (const [variant, values] of Object.entries(variants)) {
  test(`the API server takes every object: ${variant}`, async () => {
    const manifests = await render(values, { args: ['--api-versions', 'rtcnode.io/v1alpha1/RTCNodeClass'] })
    const missing = ['eu', 'us'].map(name => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } }))
    await applyAll(missing)
    const told = await applyAll(manifests, '--dry-run=server')
    assert.equal(told.trim().split('\n').length, manifests.length)
  })

  test(`where Pod Security is restricted, every pod may run: ${variant}`, async () => {
    const pods = workloadsOf(await render(values)).map(({ of, spec }, index) => {
      // Whom it runs as and how important it is, the cluster need not know for this.
      const { serviceAccountName: _account, priorityClassName: _class, ...rest } = spec
      const metadata = { name: `pod-${index}`, namespace, annotations: { of } }
      return { apiVersion: 'v1', kind: 'Pod', metadata, spec: { restartPolicy: 'Never', ...rest } }
    })
    await applyAll(pods, '--dry-run=server')
  })
}

test('the question before an uninstall needs no more than its own rights, and is answered by what is there', async () => {
  const hooks = (await render()).filter(({ metadata }) => metadata.annotations?.['helm.sh/hook'] === 'pre-delete')
  await applyAll(ofKind(hooks, 'ServiceAccount', 'ClusterRole', 'ClusterRoleBinding'))
  const identity = await cluster.authority.issue({
    commonName: `system:serviceaccount:${namespace}:rtcnode-uninstall-check`,
  })
  const access = { server: cluster.apiserverUrl, authorityPem: cluster.authority.certificatePem, identity }
  const kubeconfig = writeKubeconfig(join(folder, 'uninstall-check.kubeconfig'), access)
  const check = (...args: string[]): Promise<{ stdout: string }> => {
    const command = [join(root, 'operator/main.ts'), 'uninstall-check', '--kubeconfig', kubeconfig, ...args]
    return promisify(execFile)(process.execPath, command, { timeout: 30_000 })
  }

  await assert.rejects(check(), (error: Error & { code?: number; stdout?: string }) => {
    assert.equal(error.code, 3, error.message)
    assert.match(error.stdout ?? '', /Still there: 1 RTCNodePool \(rtc\/eu\)\.[^]*kubectl delete rtca,rtcp,rtcn --all -n rtc/)
    return true
  })
  assert.match((await check('--namespaces', 'eu,us')).stdout, /nothing is left/)

  await cluster.kubectl(['delete', 'rtca,rtcp,rtcn', '--all', '-n', 'rtc'])
  assert.match((await check()).stdout, /nothing is left/)
  for (const hook of hooks) await cluster.kubectl(['delete', '--ignore-not-found', hook.kind, hook.metadata.name, ...within(hook)])
})

test('an uninstall leaves CRDs, classes and the namespaces of SFUs, and nothing else', async () => {
  const manifests = manifestsIn(await cluster.helm(['get', 'manifest', 'rtcnode', '--namespace', namespace]))
  // Its hook is a pod, and there is no host to run it.
  await cluster.helm(['uninstall', 'rtcnode', '--namespace', namespace, '--no-hooks'])
  const left: string[] = []
  for (const manifest of manifests) {
    const { kind, metadata } = manifest
    const found = await cluster.kubectl(['get', kind, metadata.name, '--ignore-not-found', '-oname', ...within(manifest)])
    if (found !== '') left.push(title(manifest))
  }
  const documented = manifests.filter(it =>
    ['CustomResourceDefinition', 'Namespace', 'RTCNodeClass'].includes(it.kind),
  )
  assert.deepEqual(left.sort(), documented.map(title).sort())
  assert.ok(left.includes('RTCNodeClass livekit') && left.includes('Namespace rtc'))
})

const pool = {
  apiVersion: 'rtcnode.io/v1alpha1',
  kind: 'RTCNodePool',
  metadata: { name: 'eu' },
  spec: {
    selector: { matchLabels: { app: 'sfu' } },
    template: { metadata: { labels: { app: 'sfu' } }, spec: { className: 'livekit' } },
  },
}

/** The version before this one, as it were: its pools know no strategy. */
function olderChart(): string {
  const path = join(folder, 'older')
  cpSync(chart, path, { recursive: true })
  const file = join(path, 'files/crds/rtcnode.io_rtcnodepools.yaml')
  const crd = parse(readFileSync(file, 'utf8'))
  delete crd.spec.versions[0].schema.openAPIV3Schema.properties.spec.properties.strategy
  writeFileSync(file, stringify(crd))
  return path
}

const poolProperty = async (name: string): Promise<unknown> =>
  (await read('crd', 'rtcnodepools.rtcnode.io')).spec.versions[0].schema.openAPIV3Schema.properties.spec.properties[name]

async function uids(): Promise<Record<string, string>> {
  const crds = ['rtcnodes', 'rtcnodepools', 'rtcautoscalers', 'rtcnodeclasses'].map(name => ['crd', `${name}.rtcnode.io`])
  const objects = await Promise.all([...crds, ['rtcc', 'livekit']].map(([kind = '', name = '']) => read(kind, name)))
  return Object.fromEntries(objects.map(({ kind, metadata }) => [`${kind} ${metadata.name}`, metadata.uid]))
}

const helmRelease = (command: 'install' | 'upgrade', path: string, ...args: string[]): Promise<string> =>
  cluster.helm([command, 'rtcnode', path, '--namespace', namespace, ...args])

// oxlint-disable-next-line typescript/no-explicit-any -- objects of the API, of which each test reads a few fields
const read = async (kind: string, name: string, of?: string): Promise<any> =>
  JSON.parse(await cluster.kubectl(['get', kind, name, '-ojson', ...(of === undefined ? [] : ['-n', of])]))

const within = ({ metadata }: Manifest): string[] => (metadata.namespace === undefined ? [] : ['-n', metadata.namespace])

const apply = (object: object, of = 'default'): Promise<string> =>
  cluster.kubectl(['apply', '-n', of, '-f', '-'], { input: JSON.stringify(object) })

const applyAll = (objects: readonly object[], ...args: string[]): Promise<string> =>
  cluster.kubectl(['apply', ...args, '-f', '-'], {
    input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects }),
  })
