// `rtcnode certificates` against a real API server and a real etcd: from nothing to a registry with rights, twice at once, and
// what it does about other people's Secrets, missing namespaces and a new authority.
import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { later, systemClock } from '../../../operator/ambient/clock.ts'
import { systemRandom } from '../../../operator/ambient/random.ts'
import { certificates } from '../../../operator/certificates/command.ts'
import { CertificatesError } from '../../../operator/certificates/problems.ts'
import { type CertificatesConfig, certificatesSettings } from '../../../operator/certificates/settings.ts'
import { issue } from '../../../operator/certificates/x509.ts'
import { configOf } from '../../../operator/config.ts'
import { etcdClient } from '../../../operator/registry/etcd-client.ts'
import { readTls } from '../../../operator/registry/tls-files.ts'
import { silentLogger } from '../../../operator/telemetry/log.ts'
import { ensureBinaries, sourcesOf } from '../../cluster/binaries.ts'
import { type Cluster, startCluster } from '../../cluster/cluster.ts'
import { run } from '../../cluster/command.ts'
import { startEtcd } from '../../cluster/etcd.ts'
import { writeKubeconfig } from '../../cluster/kubeconfig.ts'
import { createPorts } from '../../cluster/ports.ts'
import { until } from '../../cluster/until.ts'
import { configOfJob } from '../../unit/chart/certificates-job.ts'
import { render } from '../../unit/chart/chart.ts'
import { ensureNamespace } from '../harness/operator.ts'
import { writeAsKubelet } from '../registry/secured.ts'

interface Secret {
  metadata: { resourceVersion: string; ownerReferences?: { kind: string; name: string }[] }
  data: Record<string, string>
}

const within = { withinMs: 60_000 }
const ROLE = 'registry-certificates'
const undo = new AsyncDisposableStack()
let cluster: Cluster
let registryUrl: string
before(
  async () => {
    cluster = undo.use(await startCluster())
    for (const namespace of ['system', 'a', 'b']) {
      await ensureNamespace(cluster, namespace)
      await cluster.kubectl(['-n', namespace, 'create', 'role', ROLE, '--verb=get', '--resource=roles'])
    }
    const ports = createPorts()
    undo.defer(() => ports.release())
    registryUrl = `https://127.0.0.1:${await ports.take()}`
  },
  { timeout: 300_000 },
)
after(() => undo.disposeAsync())

const flags = (more: Record<string, string> = {}): Record<string, string> => ({
  kubeconfig: cluster.kubeconfigPath,
  namespace: 'system',
  registryName: 'registry',
  registryHosts: '127.0.0.1,registry.system.svc',
  registryEndpoints: registryUrl,
  sfuNamespaces: 'a,b',
  ownerRole: ROLE,
  ...more,
})
const config = (more?: Record<string, string>): CertificatesConfig => configOf(certificatesSettings, flags(more), {})
const deps = { clock: systemClock, random: systemRandom, log: silentLogger, version: 'test' }
const certify = (more?: Record<string, string>): Promise<void> =>
  certificates(config(more), deps, AbortSignal.timeout(120_000))

const all = [
  'system/registry-ca',
  'system/registry-server',
  'system/registry-operator',
  'a/rtcnode-registry',
  'b/rtcnode-registry',
]
async function secret(key: string): Promise<Secret> {
  const [namespace = '', name = ''] = key.split('/')
  return JSON.parse(await cluster.kubectl(['-n', namespace, 'get', 'secret', name, '-o', 'json'])) as Secret
}
const versions = async (): Promise<string[]> =>
  Promise.all(all.map(async key => (await secret(key)).metadata.resourceVersion))
const part = ({ data }: Secret, name: string): string => Buffer.from(data[name] ?? '', 'base64').toString()
const partsOf = (it: Secret): Record<string, string> =>
  Object.fromEntries(Object.keys(it.data).map(name => [name, part(it, name)]))

test('two at once, before there is an etcd: one authority, a certificate for each, and users as soon as it answers', async () => {
  const both = Promise.allSettled([certify(), certify()])
  for (const key of all) await until(key, () => secret(key), within)
  const folder = join(cluster.dir, 'registry-identity')
  writeAsKubelet(folder, partsOf(await secret('system/registry-server')))
  const { etcd: binary } = await ensureBinaries(['etcd'], { log: line => console.log(line) })
  const tls = { ca: join(folder, 'ca.crt'), cert: join(folder, 'tls.crt'), key: join(folder, 'tls.key') }
  const port = Number(new URL(registryUrl).port)
  const spare = createPorts()
  undo.defer(() => spare.release())
  let taken = 0
  const ports = { take: async () => ((taken += 1) === 1 ? port : spare.take()), release: async () => undefined }
  const options = { binary, folder: cluster.dir, name: 'secured', ports, address: '127.0.0.1', durable: false, tls }
  undo.use(await startEtcd(options))
  for (const outcome of await both)
    assert.equal(outcome.status, 'fulfilled', String((outcome as { reason?: unknown }).reason))

  const authority = new X509Certificate(part(await secret('system/registry-ca'), 'tls.crt'))
  for (const key of all.slice(1)) {
    const found = await secret(key)
    assert.ok(new X509Certificate(part(found, 'tls.crt')).verify(authority.publicKey), key)
    assert.equal(part(found, 'ca.crt'), part(await secret('system/registry-ca'), 'ca.crt'))
    assert.deepEqual(
      found.metadata.ownerReferences?.map(({ kind, name }) => `${kind} ${name}`),
      [`Role ${ROLE}`],
    )
  }
  await assert.rejects(putAs('a/rtcnode-registry', '/sfu/nodes/b/n1'), /permission denied/)
  await putAs('a/rtcnode-registry', '/sfu/nodes/a/n1')
})

async function putAs(key: string, registryKey: string): Promise<void> {
  const folder = join(cluster.dir, 'identities', key)
  writeAsKubelet(folder, partsOf(await secret(key)))
  const files = readTls({
    caFile: join(folder, 'ca.crt'),
    certFile: join(folder, 'tls.crt'),
    keyFile: join(folder, 'tls.key'),
  })
  const client = etcdClient({ endpoints: [registryUrl] }, files, systemClock)
  try {
    await client.put(registryKey).value('x')
  } finally {
    client.close()
  }
}

test('where all is well a run changes nothing; by the command line too', async () => {
  const versionsBefore = await versions()
  const spelled = Object.entries(flags()).map(
    ([name, value]) => `--${name.replaceAll(/[A-Z]/g, letter => `-${letter.toLowerCase()}`)}=${value}`,
  )
  const program = join(import.meta.dirname, '../../../operator/main.ts')
  const said = await run(process.execPath, [program, 'certificates', ...spelled], { timeoutSeconds: 60 })
  assert.match(said, /all certificates and users are as they should be/)
  assert.deepEqual(await versions(), versionsBefore)
})

test("other people's Secrets and missing namespaces are named, and everybody else is served", async () => {
  await ensureNamespace(cluster, 'taken')
  await ensureNamespace(cluster, 'late')
  await cluster.kubectl(['-n', 'taken', 'create', 'secret', 'generic', 'rtcnode-registry', '--from-literal=mine=yes'])
  await assert.rejects(certify({ sfuNamespaces: 'a,b,taken,nowhere,late' }), (error: unknown) => {
    assert.ok(error instanceof CertificatesError)
    const [first = '', second = '', ...more] = error.problems
    assert.match(first, /^Secret taken\/rtcnode-registry was made by somebody else: delete or rename it/)
    assert.match(second, /namespaces "nowhere" not found/)
    assert.deepEqual(more, [])
    return true
  })
  assert.deepEqual(partsOf(await secret('taken/rtcnode-registry')), { mine: 'yes' })
  await putAs('late/rtcnode-registry', '/sfu/nodes/late/n1')
})

test('another registry in the same namespace does not take over a Secret', async () => {
  await assert.rejects(
    certify({ registryName: 'other', sfuNamespaces: 'a', waitSeconds: '0' }),
    /Secret a\/rtcnode-registry belongs to the registry system\/registry/,
  )
})

test('a namespace that is no more an SFU namespace has no user any more', async () => {
  await putAs('b/rtcnode-registry', '/sfu/nodes/b/n1')
  await certify({ sfuNamespaces: 'a' })
  await assert.rejects(putAs('b/rtcnode-registry', '/sfu/nodes/b/n1'), /permission denied|user name not found/)
  await certify()
  await putAs('b/rtcnode-registry', '/sfu/nodes/b/n1')
})

test("cert-manager takes the chart's Certificates, and what it makes of them is handed on", async () => {
  const sources = await sourcesOf('etcd', 'github.com/cert-manager/cert-manager@v1.21.2')
  for (const kind of ['issuers', 'certificates']) {
    await cluster.kubectl(['apply', '--server-side', '-f', join(sources, `deploy/crds/cert-manager.io_${kind}.yaml`)])
    await until(
      `${kind} are served`,
      () => cluster.kubectl(['get', `${kind}.cert-manager.io`, '-o', 'name']).then(() => true),
      within,
    )
  }
  const values = {
    fullnameOverride: 'x',
    registry: { certManager: { enabled: true } },
    sfu: { namespaces: ['a', 'b'] },
  }
  const manifests = await render(values, { namespace: 'system' })
  const theirs = manifests.filter(({ apiVersion }) => apiVersion === 'cert-manager.io/v1')
  assert.equal(theirs.length, 2 + 1 + 5, 'two issuers, an authority, five holders')
  const input = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: theirs })
  await cluster.kubectl(['apply', '--validate=strict', '-f-'], { input })

  const authority = partsOf(await secret('system/registry-ca'))
  const signer = { certificate: authority['tls.crt'] ?? '', key: authority['tls.key'] ?? '' }
  const now = systemClock.wall()
  for (const { spec } of theirs.filter(it => it.kind === 'Certificate' && it['spec'].isCA !== true) as unknown as {
    spec: { commonName: string; secretName: string }
  }[]) {
    const holder = {
      commonName: spec.commonName,
      hosts: [],
      notBefore: later(now, -60_000),
      notAfter: later(now, 3_600_000),
    }
    const made = await issue(signer, holder)
    const name = spec.secretName.replace(/^x-registry/, 'by-cert-manager')
    const data = { 'ca.crt': authority['ca.crt'], 'tls.crt': made.certificate, 'tls.key': made.key }
    const stringData = { metadata: { name, namespace: 'system' }, type: 'kubernetes.io/tls', stringData: data }
    await cluster.kubectl(['apply', '-f-'], {
      input: JSON.stringify({ apiVersion: 'v1', kind: 'Secret', ...stringData }),
    })
  }
  const settings = { issuer: 'cert-manager', registryName: 'by-cert-manager', sfuSecret: 'by-cert-manager' }
  await certify(settings)
  assert.equal(
    part(await secret('a/by-cert-manager'), 'tls.key'),
    part(await secret('system/by-cert-manager-sfu-a'), 'tls.key'),
  )
  await putAs('a/by-cert-manager', '/sfu/nodes/a/n1')
  await assert.rejects(putAs('a/by-cert-manager', '/sfu/nodes/b/n1'), /permission denied/)
})

const modes = { own: {}, 'cert-manager': { registry: { certManager: { enabled: true } } } }
for (const [issuer, values] of Object.entries(modes)) {
  test(`under the rights that the chart gives the Job it does all of its work, the authority: ${issuer}`, async () => {
    const home = `home-of-${issuer}`
    const sfus = `sfus-of-${issuer}`
    for (const namespace of [home, sfus]) await ensureNamespace(cluster, namespace)
    const manifests = await render({ ...values, sfu: { namespaces: [sfus] } }, { namespace: home })
    const rights = manifests.filter(
      ({ kind, metadata }) => ['Role', 'RoleBinding'].includes(kind) && metadata.name.endsWith('-certificates'),
    )
    const set = manifests.filter(({ kind }) => kind === 'StatefulSet')
    const input = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: [...rights, ...set] })
    await cluster.kubectl(['apply', '-f-'], { input })
    const asJob = configOfJob(manifests, {
      kubeconfig: await kubeconfigOf(`system:serviceaccount:${home}:rtcnode-certificates`),
      registryEndpoints: 'https://127.0.0.1:1',
      waitSeconds: '0',
    })
    if (issuer === 'cert-manager') {
      for (const name of ['server', 'root', `sfu-${sfus}`]) {
        const from = await secret('system/by-cert-manager-sfu-a')
        const metadata = { name: `${asJob.registryName}-${name}`, namespace: home }
        const copy = { apiVersion: 'v1', kind: 'Secret', metadata, data: from.data }
        await cluster.kubectl(['apply', '-f-'], { input: JSON.stringify(copy) })
      }
    }
    // Twice: once to make, once to find.
    for (let time = 0; time < 2; time += 1) {
      await assert.rejects(certificates(asJob, deps, AbortSignal.timeout(60_000)), (error: unknown) => {
        assert.ok(error instanceof CertificatesError)
        assert.equal(error.problems.length, 1, error.message)
        assert.match(error.message, /the users of the registry are not set up: nothing listens/)
        return true
      })
    }
    const made = await secret(`${sfus}/${asJob.sfuSecret}`)
    assert.deepEqual(
      made.metadata.ownerReferences?.map(({ kind }) => kind),
      ['Role'],
    )
    const marked = await cluster.kubectl(['-n', home, 'get', 'statefulset', asJob.registryName, '-o', 'yaml'])
    assert.match(marked, /rtcnode\.io\/trusted-authorities: [0-9a-f]{16}/)
  })
}

/** Of somebody who goes by this name. */
async function kubeconfigOf(user: string): Promise<string> {
  const identity = await cluster.authority.issue({ commonName: user, organizations: ['system:serviceaccounts'] })
  const path = join(cluster.dir, `${user.replaceAll(':', '-')}.kubeconfig`)
  return writeKubeconfig(path, {
    server: cluster.apiserverUrl,
    authorityPem: cluster.authority.certificatePem,
    identity,
  })
}

test('a new authority has the members of the registry replaced, the first one has not', async () => {
  const statefulSet = {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: { name: 'registry', namespace: 'system' },
    spec: {
      replicas: 0,
      serviceName: 'registry',
      selector: { matchLabels: { app: 'registry' } },
      template: { metadata: { labels: { app: 'registry' } }, spec: { containers: [{ name: 'etcd', image: 'etcd' }] } },
    },
  }
  await cluster.kubectl(['apply', '-f-'], { input: JSON.stringify(statefulSet) })
  const generation = async (): Promise<string> =>
    cluster.kubectl(['-n', 'system', 'get', 'statefulset', 'registry', '-o', 'jsonpath={.metadata.generation}'])
  await certify()
  await certify()
  assert.equal(await generation(), '1')
  await cluster.kubectl(['-n', 'system', 'patch', 'secret', 'registry-ca', '-p', '{"data":{"tls.key":"bG9zdA=="}}'])
  // The etcd of this test is not restarted, and does not know the new authority.
  await assert.rejects(certify({ waitSeconds: '1' }), /the users of the registry are not set up: .*hangs up/)
  assert.equal(await generation(), '2')
  assert.equal(
    part(await secret('a/rtcnode-registry'), 'ca.crt').match(/BEGIN/g)?.length,
    2,
    'the former stays trusted',
  )
})

test('a registry that is not there: says what it waited for', async () => {
  await assert.rejects(
    certify({ registryEndpoints: 'https://127.0.0.1:1', waitSeconds: '0' }),
    /the users of the registry are not set up: nothing listens at https:\/\/127\.0\.0\.1:1/,
  )
})

test('the Secrets of a namespace go with its Role', async () => {
  await cluster.kubectl(['-n', 'b', 'delete', 'role', ROLE])
  await until(
    'the Secret is gone',
    async () => (await secret('b/rtcnode-registry').catch(() => undefined)) === undefined,
    within,
  )
})
