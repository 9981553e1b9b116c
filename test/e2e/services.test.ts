// The promises of a cluster with Services, as every real one is: pods find them by name and reach who is behind them on every
// host, the API server is one of them, and Helm installs charts. Needs root and a few Debian packages, which it installs.
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { startCluster } from '../cluster/cluster.ts'
import { ensureHostPackages } from '../cluster/debian.ts'
import { ensureImage, imageName } from '../cluster/images.ts'
import { leftBehind } from '../cluster/left-behind.ts'

const log = (line: string) => console.error(line)
const hosts = await ensureHostPackages({ log })
// Under CI a missing host is a failure of the tests, never a reason to leave them out.
const skip = hosts.possible || process.env['CI'] === 'true' ? false : hosts.because

test('a chart that Helm installs finds its pods on both hosts, and the API server, by the names of their Services', {
  skip,
}, async () => {
  const chart = writeChart()
  try {
    await using cluster = await startCluster({ hosts: 2, services: true, log })
    const archive = await ensureImage('operator', { log }) // for its Node
    await Promise.all(cluster.hosts.map(host => host.importImage(archive)))

    await assert.rejects(cluster.helm(['install', 'trial', join(chart, 'nowhere')]), /nowhere/)
    const release = ['trial', '--namespace=trial', '--wait', '--timeout=90s']
    await cluster.helm([
      'install',
      ...release,
      chart,
      '--create-namespace',
      '--wait-for-jobs',
      `--set=image=${imageName('operator')}`,
    ])
    const told = await cluster.kubectl(['logs', 'job/asker', '--namespace=trial'])
    assert.deepEqual(JSON.parse(told), { web: ['host-1', 'host-2'], apiServer: 'v1.36.3' })

    await cluster.helm(['uninstall', ...release])
    const left = await cluster.kubectl(['get', 'daemonsets,services,jobs', '--namespace=trial', '--output=name'])
    assert.equal(left, '')
  } finally {
    rmSync(chart, { recursive: true })
  }
  assert.deepEqual(leftBehind(process.pid), [])
})

/** A web server on each host, and a Job that asks until it has heard of both, and then the API server for its version. */
function writeChart(): string {
  const folder = mkdtempSync(join(tmpdir(), 'trial-chart-'))
  mkdirSync(join(folder, 'templates'))
  writeFileSync(join(folder, 'Chart.yaml'), JSON.stringify({ apiVersion: 'v2', name: 'trial', version: '0.1.0' }))
  writeFileSync(join(folder, 'templates/all.yaml'), manifests.map(it => JSON.stringify(it)).join('\n---\n'))
  return folder
}

const container = (script: string) => ({
  name: 'node',
  image: '{{ .Values.image }}',
  imagePullPolicy: 'Never',
  command: ['node', '--input-type=module', '--eval', script],
  env: [
    { name: 'HOST', valueFrom: { fieldRef: { fieldPath: 'spec.nodeName' } } },
    { name: 'NODE_EXTRA_CA_CERTS', value: '/var/run/secrets/kubernetes.io/serviceaccount/ca.crt' },
  ],
})

const serve = `
  import { createServer } from 'node:http'
  process.on('SIGTERM', () => process.exit())
  createServer((_request, answer) => answer.end(process.env.HOST)).listen(8080)`

const ask = `
  import { readFileSync } from 'node:fs'
  import { get } from 'node:http'
  import { text } from 'node:stream/consumers'
  import { setTimeout } from 'node:timers/promises'
  const web = () => new Promise((resolve, reject) => get('http://web', { agent: false }, resolve).on('error', reject))
  const heard = new Set()
  while (heard.size < 2) {
    await web().then(text).then(host => heard.add(host), () => setTimeout(100))
  }
  const authorization = 'Bearer ' + readFileSync('/var/run/secrets/kubernetes.io/serviceaccount/token', 'utf8')
  const answer = await fetch('https://kubernetes.default.svc/version', { headers: { authorization } })
  console.log(JSON.stringify({ web: [...heard].sort(), apiServer: (await answer.json()).gitVersion }))`

const web = { app: 'web' }
const manifests = [
  {
    apiVersion: 'apps/v1',
    kind: 'DaemonSet',
    metadata: { name: 'web' },
    spec: {
      selector: { matchLabels: web },
      template: {
        metadata: { labels: web },
        spec: {
          containers: [{ ...container(serve), readinessProbe: { tcpSocket: { port: 8080 }, periodSeconds: 1 } }],
        },
      },
    },
  },
  {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'web' },
    spec: { selector: web, ports: [{ port: 80, targetPort: 8080 }] },
  },
  {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name: 'asker' },
    spec: {
      backoffLimit: 5,
      activeDeadlineSeconds: 60,
      template: { spec: { restartPolicy: 'OnFailure', containers: [container(ask)] } },
    },
  },
]
