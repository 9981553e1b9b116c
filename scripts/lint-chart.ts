// `make lint-chart`: the chart's objects as kube-linter, kube-score and Polaris judge them. What they find and we leave as it is
// stands below with its reason; anything else fails, and so does a reason that is needed no more.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type BinaryName, ensureBinaries } from '../test/cluster/binaries.ts'
import { run } from '../test/cluster/command.ts'

const root = join(import.meta.dirname, '..')

interface Finding {
  /** As the tool names it. */
  readonly check: string
  /** `Deployment/rtcnode`. */
  readonly object: string
  readonly says: string
}

/** Why a check is left as it is, for the objects whose `Kind/name` begins so; the empty text for all. */
type Reasons = Readonly<Record<string, readonly (readonly [objects: string, reason: string])[]>>

interface Auditor {
  readonly binary: BinaryName
  readonly args: readonly string[]
  findings(output: unknown): Finding[]
  readonly reasons: Reasons
}

interface KubeLinterReport {
  Check: string
  Diagnostic: { Message: string }
  Object: { K8sObject: { Name: string; GroupVersionKind: { Kind: string } } }
}
interface KubeScoreObject {
  type_meta: { kind: string }
  object_meta: { name: string }
  checks: {
    check: { id: string }
    grade: number
    skipped: boolean
    comments: { path: string; summary: string }[] | null
  }[]
}
type PolarisResults = Record<string, { ID: string; Message: string; Success: boolean; Severity: string }>
interface PolarisObject {
  Kind: string
  Name: string
  Results?: PolarisResults
  PodResult?: { Results?: PolarisResults; ContainerResults?: { Results: PolarisResults }[] }
}

const auditors: Readonly<Record<string, Auditor>> = {
  'kube-linter': {
    binary: 'kube-linter',
    args: ['lint', '--format', 'json'],
    findings: output =>
      ((output as { Reports: KubeLinterReport[] | null }).Reports ?? []).map(
        ({ Check, Diagnostic, Object: { K8sObject } }) => ({
          check: Check,
          object: `${K8sObject.GroupVersionKind.Kind}/${K8sObject.Name}`,
          says: Diagnostic.Message,
        }),
      ),
    reasons: {},
  },
  'kube-score': {
    binary: 'kube-score',
    args: ['score', '--output-format', 'json'],
    findings: output =>
      (output as KubeScoreObject[]).flatMap(({ type_meta, object_meta, checks }) =>
        checks
          .filter(({ skipped, grade }) => !skipped && grade < 10)
          .map(({ check, comments }) => ({
            check: check.id,
            object: `${type_meta.kind}/${object_meta.name}`,
            says: (comments ?? []).map(({ path, summary }) => `${path} ${summary}`.trim()).join('; '),
          })),
      ),
    reasons: {},
  },
  polaris: {
    binary: 'polaris',
    args: ['audit', '--format', 'json', '--audit-path'],
    findings: output =>
      (output as { Results: PolarisObject[] }).Results.flatMap(({ Kind, Name, Results, PodResult }) =>
        [Results, PodResult?.Results, ...(PodResult?.ContainerResults ?? []).map(it => it.Results)]
          .flatMap(results => Object.values(results ?? {}))
          .filter(({ Success }) => !Success)
          .map(({ ID, Message }) => ({ check: ID, object: `${Kind}/${Name}`, says: Message })),
      ),
    reasons: {},
  },
}

/** Lines about what is wrong; none when all is well. */
async function audit(name: string, { binary, args, findings, reasons }: Auditor, file: string): Promise<string[]> {
  const programs = await ensureBinaries([binary], { log: console.error })
  // They exit with an error when they find something; what they found is on standard output all the same.
  const { stdout, stderr } = spawnSync(programs[binary], [...args, file], {
    encoding: 'utf8',
    timeout: 60_000,
    maxBuffer: 2 ** 26,
  })
  if (stdout === '') throw new Error(`${name} says nothing: ${stderr}`)
  const found = findings(JSON.parse(stdout))
  const needed = new Set<string>()
  const unexplained = found.filter(({ check, object }) => {
    const reason = reasons[check]?.find(([objects]) => object.startsWith(objects))
    if (reason !== undefined) needed.add(`${check} ${reason[0]}`)
    return reason === undefined
  })
  const stale = Object.entries(reasons)
    .flatMap(([check, rows]) => rows.map(([objects]) => `${check} ${objects}`))
    .filter(row => !needed.has(row))
  console.log(`${name}: ${found.length} findings, ${unexplained.length} without a written reason`)
  return [
    ...unexplained.map(({ check, object, says }) => `${name}: ${check}: ${object}: ${says}`),
    ...stale.map(row => `${name}: a reason is written for “${row}”, and nothing is found there any more: take it out`),
  ]
}

const folder = mkdtempSync(join(tmpdir(), 'rtcnode-lint-chart-'))
try {
  const { helm } = await ensureBinaries(['helm'], { log: console.error })
  const file = join(folder, 'rendered.yaml')
  const chart = join(root, 'charts/rtcnode-operator')
  writeFileSync(file, await run(helm, ['template', 'rtcnode', chart, '--namespace', 'rtcnode-system']))
  const problems: string[] = []
  for (const [name, auditor] of Object.entries(auditors)) problems.push(...(await audit(name, auditor, file)))
  for (const problem of problems) console.error(problem)
  if (problems.length > 0) process.exitCode = 1
} finally {
  rmSync(folder, { recursive: true })
}
