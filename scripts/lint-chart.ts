// `make lint-chart`: the chart's objects as kube-score judges them. What it finds and we leave as it is stands below with its
// reason; anything else fails, and so does a reason that is needed no more. kube-linter and polaris, which judge much the same, are
// not asked: their modules could not be had from the Go module proxy (403), and a judge that cannot be built from its source at a
// pinned version is none that a clone can rely on. What they see and kube-score does not (selectors without pods, names of objects
// that are not there, mounts of the host), test/unit/chart/render.test.ts and Pod Security "restricted" judge.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { ensureBinaries } from '../test/cluster/binaries.ts'
import { run } from '../test/cluster/command.ts'

/** By the name of the check. */
const reasons: Readonly<Record<string, string>> = {
  'container-resources':
    'no CPU limit: a leader that is throttled loses its Lease, an etcd that is throttled loses heartbeats; memory is limited',
  'container-image-pull-policy':
    'images are named by version or digest, so IfNotPresent gets the same ones, also while the image registry is away; values can say Always',
  'container-ephemeral-storage-request-and-limit':
    'the root is read-only and no volume is written but the sized one of etcd; what is left are logs, which the kubelet rotates',
  'deployment-has-host-podantiaffinity':
    'topologySpreadConstraints keep the replicas on different hosts and in different zones',
}

/** As its JSON has it, of which this much is read. */
interface Scored {
  object_name: string
  checks: {
    check: { id: string }
    /** 10 when there is nothing to say. */
    grade: number
    skipped: boolean
    comments: { path: string; summary: string }[] | null
  }[]
}

const { helm, 'kube-score': kubeScore } = await ensureBinaries(['helm', 'kube-score'], { log: console.error })
const chart = join(import.meta.dirname, '../charts/rtcnode-operator')
const rendered = await run(helm, ['template', 'rtcnode', chart, '--namespace', 'rtcnode-system'])
// It exits with 1 when it finds something.
const { stdout, stderr } = spawnSync(kubeScore, ['score', '--output-format', 'json', '-'], {
  input: rendered,
  encoding: 'utf8',
  timeout: 60_000,
  maxBuffer: 2 ** 26,
})
if (!stdout.startsWith('[')) throw new Error(`kube-score: ${stderr}${stdout}`)

const findings = (JSON.parse(stdout) as Scored[]).flatMap(({ object_name: object, checks }) =>
  checks
    .filter(({ grade, skipped }) => grade < 10 && !skipped)
    .map(({ check: { id }, comments }) => ({
      id,
      object,
      says: (comments ?? []).map(({ summary }) => summary).join(', '),
    })),
)
const unexplained = findings.filter(({ id }) => reasons[id] === undefined)
const stale = Object.keys(reasons).filter(check => !findings.some(({ id }) => id === check))
for (const { id, object, says } of unexplained) console.error(`${object}: ${id}: ${says}`)
for (const check of stale) console.error(`nothing is found by ${check} any more: take its reason out`)
console.log(`kube-score: ${findings.length} findings, ${unexplained.length} without a written reason`)
if (unexplained.length + stale.length > 0) process.exitCode = 1
