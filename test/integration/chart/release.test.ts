// The chart and a real API server: it takes each object in every way to install it, an upgrade from an older chart loses
// nothing, and an uninstall leaves what it says. Without hosts: of its pods only Helm's hooks run here. For the rest, test/e2e.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { type Cluster, startCluster } from '../../cluster/cluster.ts'
import { writeKubeconfig } from '../../cluster/kubeconfig.ts'
import {
  chart,
  type Manifest,
  manifestsIn,
  render,
  title,
  variants,
  type Workload,
  workloadsOf,
} from '../../unit/chart/chart.ts'
import { formerChart, strategyIn } from '../../unit/chart/former-chart.ts'
import { type HookPods, runHookPods } from './hook-pods.ts'

let cluster: Cluster
let hookPods: HookPods
const folder = mkdtempSync(join(tmpdir(), 'rtcnode-chart-'))
before(async () => {
  cluster = await startCluster()
  hookPods = runHookPods(cluster, namespace, folder)
})
after(async () => {
  await hookPods?.stop()
  await cluster?.stop()
  rmSync(folder, { recursive: true })
})

const namespace = 'rtcnode-system'
const enforce = (level: string) => ({ 'pod-security.kubernetes.io/enforce': level })

test('from a former chart to this one and back, with a pool in it: nothing is lost or made anew', async () => {
  await apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace, labels: enforce('restricted') } })
  await helmRelease('install', formerChart(folder), '--set', 'classes.livekit.enabled=true')
  assert.equal(await canPin(), false)
  const born = await uids()
  await apply({ ...pool, spec: { ...pool.spec, replicas: 2 } }, 'rtc')
  const poolBefore = await read('rtcp', 'eu', 'rtc')

  for (const seconds of [60, 90]) {
    await helmRelease('upgrade', chart, '--set', `classes.livekit.drainDeadlineSeconds=${seconds}`)
    assert.equal(await canPin(), true, 'the CRD was upgraded')
    assert.deepEqual(await uids(), born, 'CRDs and class live on')
    assert.equal((await read('rtcc', 'livekit')).spec.drain.deadlineSeconds, seconds)
    const { metadata, spec } = await read('rtcp', 'eu', 'rtc')
    assert.equal(metadata.uid, poolBefore.metadata.uid)
    assert.deepEqual(spec, poolBefore.spec)
  }

  await cluster.helm(['rollback', 'rtcnode', '1', '--namespace', namespace])
  assert.equal(await canPin(), false, 'back to the former chart')
  assert.deepEqual(await uids(), born)
  assert.equal((await read('rtcp', 'eu', 'rtc')).metadata.uid, poolBefore.metadata.uid)
})

for (const [variant, values] of Object.entries(variants)) {
  test(`the API server takes every object, and every pod where Pod Security is restricted: ${variant}`, async () => {
    const missing = ['eu', 'us'].map(name => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } }))
    await applyAll(missing)
    const served = ['--api-versions', 'rtcnode.io/v1alpha1/RTCNodeClass']
    const manifests = await render(values, { release: 'another', args: served })
    const objects = [...manifests, ...workloadsOf(manifests).map(podOf)]
    const told = await applyAll(objects, '--dry-run=server')
    assert.equal(told.trim().split('\n').length, objects.length)
  })
}

test('a second release lives beside the first in namespaces of its own, and may not take the CRDs from it', async () => {
  const own = ['--namespace', 'media-system', '--timeout', '100s']
  const values = ['--set', 'watchNamespaces={live},sfu.namespaces={live}']
  const install = (...args: string[]) =>
    cluster.helm(['install', 'media', chart, '--create-namespace', ...own, ...values, ...args])
  await assert.rejects(install(), /CustomResourceDefinition "\S+" in namespace "" exists and cannot be imported/)
  await install('--set', 'crds.install=false', '--replace')
  await read('deployment', 'media-rtcnode', 'media-system')
  await cluster.helm(['uninstall', 'media', '--no-hooks', ...own])
  await read('deployment', 'rtcnode', namespace)
})

test('who may not install it is told which right is missing', async () => {
  await cluster.kubectl(['create', 'namespace', 'shop'])
  await cluster.kubectl(['create', 'rolebinding', 'anna', '--clusterrole=admin', '--user=anna', '-n', 'shop'])
  const identity = await cluster.authority.issue({ commonName: 'anna' })
  const access = { server: cluster.apiserverUrl, authorityPem: cluster.authority.certificatePem, identity }
  const kubeconfig = writeKubeconfig(join(folder, 'anna.kubeconfig'), access)
  await assert.rejects(
    cluster.helm(['install', 'shop', chart, '--namespace', 'shop', '--kubeconfig', kubeconfig]),
    /forbidden: User "anna" cannot \w+ resource "\w+" in API group "[\w.]*" at the cluster scope/,
  )
})

test('an uninstall is refused while there is a pool, tells what to do, and can be taken back', async () => {
  await assert.rejects(uninstall(), /rtcnode-uninstall-check/)
  const [said = ''] = hookPods.output.slice(-1)
  assert.match(said, /Still there: 1 RTCNodePool \(rtc\/eu\)\./)
  const commands = [...said.matchAll(/^ {2}(\w+) (.+)$/gm)].map(([, program = '', args = '']) => ({
    program,
    args: args.split(' '),
  }))
  assert.deepEqual(
    commands.map(({ program, args }) => `${program} ${args[0]}`),
    ['kubectl delete', 'helm rollback', 'helm uninstall'],
  )
  await read('deployment', 'rtcnode', namespace)

  const [deletion = [], rollback = []] = commands.map(({ args }) => args)
  await cluster.helm(rollback)
  await helmRelease('upgrade', chart)
  await cluster.kubectl(deletion)
  assert.equal(await cluster.kubectl(['get', 'rtcp', '-A', '-oname']), '')
})

test('an uninstall leaves CRDs, classes and the namespaces of SFUs, and nothing else', async () => {
  const manifests = manifestsIn(await cluster.helm(['get', 'manifest', 'rtcnode', '--namespace', namespace]))
  await uninstall()
  const found = await cluster.kubectl(['get', '--ignore-not-found', '-ojson', '-f-'], { input: listOf(manifests) })
  const { items: left } = JSON.parse(found) as { items: Manifest[] }
  const documented = manifests.filter(({ kind }) =>
    ['CustomResourceDefinition', 'Namespace', 'RTCNodeClass'].includes(kind),
  )
  assert.deepEqual(left.map(title).sort(), documented.map(title).sort())
  assert.ok(documented.some(({ metadata }) => metadata.name === 'livekit'))
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

const canPin = async (): Promise<boolean> =>
  'pinnedRevision' in strategyIn(await read('crd', 'rtcnodepools.rtcnode.io'))

async function uids(): Promise<Record<string, string>> {
  const crds = ['rtcnodes', 'rtcnodepools', 'rtcautoscalers', 'rtcnodeclasses'].map(name => [
    'crd',
    `${name}.rtcnode.io`,
  ])
  const objects = await Promise.all([...crds, ['rtcc', 'livekit']].map(([kind = '', name = '']) => read(kind, name)))
  return Object.fromEntries(objects.map(({ kind, metadata }) => [`${kind} ${metadata.name}`, metadata.uid]))
}

const helmRelease = (command: 'install' | 'upgrade', path: string, ...args: string[]): Promise<string> => {
  const keep = command === 'upgrade' ? ['--reset-then-reuse-values'] : []
  return cluster.helm([command, 'rtcnode', path, '--namespace', namespace, '--timeout', '100s', ...keep, ...args])
}

const uninstall = (): Promise<string> =>
  cluster.helm(['uninstall', 'rtcnode', '--namespace', namespace, '--timeout', '100s'])

// oxlint-disable-next-line typescript/no-explicit-any -- objects of the API, of which each test reads a few fields
const read = async (kind: string, name: string, of?: string): Promise<any> =>
  JSON.parse(await cluster.kubectl(['get', kind, name, '-ojson', ...(of === undefined ? [] : ['-n', of])]))

/** Whom it runs as and how important it is, the cluster need not know for this. */
function podOf({ of, spec }: Workload, index: number): object {
  const { serviceAccountName: _account, priorityClassName: _class, ...rest } = spec
  const metadata = { name: `pod-${index}`, namespace, annotations: { of } }
  return { apiVersion: 'v1', kind: 'Pod', metadata, spec: { restartPolicy: 'Never', ...rest } }
}

const apply = (object: object, of = 'default'): Promise<string> =>
  cluster.kubectl(['apply', '-n', of, '-f', '-'], { input: JSON.stringify(object) })

const applyAll = (objects: readonly object[], ...args: string[]): Promise<string> =>
  cluster.kubectl(['apply', ...args, '-f-'], { input: listOf(objects) })

const listOf = (items: readonly object[]): string => JSON.stringify({ apiVersion: 'v1', kind: 'List', items })
