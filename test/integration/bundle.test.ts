// The program as it is shipped: one file that runs where there is no node_modules folder.
import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { createInterface } from 'node:readline'
import { after, before, test } from 'node:test'
import { promisify } from 'node:util'
import { allCrdsYaml } from '../../operator/crds.ts'
import { bundle } from '../../scripts/bundle.ts'

const root = join(import.meta.dirname, '../..')
const folder = mkdtempSync(join(tmpdir(), 'rtcnode-bundle-test-'))
const program = join(folder, 'rtcnode.js')
before(async () => {
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}')
  await bundle(program)
})
after(() => rmSync(folder, { recursive: true }))

const rtcnode = (...args: string[]) =>
  promisify(execFile)(process.execPath, [program, ...args], { cwd: folder, env: {}, timeout: 30_000 })

test('it says what it can do, and where it was asked for something else', async () => {
  const { stdout } = await rtcnode('--help')
  for (const command of ['run', 'agent', 'certificates', 'crds', 'simulate'])
    assert.match(stdout, new RegExp(`^  ${command}\\b`, 'm'))
  await assert.rejects(rtcnode('fly'), /unknown command 'fly'/)
})

test('it prints the CRDs', async () => {
  assert.equal((await rtcnode('crds')).stdout, allCrdsYaml())
})

test('it simulates, and draws where there is no browser', async () => {
  const [trace, out] = [join(folder, 'trace.csv'), join(folder, 'page.html')]
  const rows = Array.from({ length: 25 }, (_, row) => `${1_767_603_600 + 300 * row},${50 + 10 * row}`)
  writeFileSync(trace, ['time,participants', ...rows].join('\n'))
  const autoscaler = join(root, 'examples/autoscaler.yaml')
  const { stdout } = await rtcnode('simulate', '--trace', trace, '--autoscaler', autoscaler, '--out', out)
  assert.match(stdout, /^RTCAutoscaler +\d/m)
  assert.equal(readFileSync(out, 'utf8').match(/<svg/g)?.length, 4)
})

test('of what the Dockerfile copies, its command makes the same file', async () => {
  const there = join(folder, 'src')
  const dockerfile = readFileSync(join(root, 'Dockerfile'), 'utf8')
  for (const [, from = '', to = ''] of dockerfile.matchAll(/^COPY (?!--)(.+) (\S+)$/gm)) {
    for (const path of from.split(' '))
      cpSync(join(root, path), join(there, to, to.endsWith('/') ? basename(path) : ''), { recursive: true })
  }
  symlinkSync(join(root, 'node_modules'), join(there, 'node_modules'))
  const [, script = ''] = /^RUN node (\S+)/m.exec(dockerfile) ?? []
  await promisify(execFile)(process.execPath, [script], { cwd: there, timeout: 300_000 })
  assert.ok(readFileSync(join(there, 'dist/rtcnode.js')).equals(readFileSync(program)))
})

test('an agent without configuration names what is missing', async () => {
  await assert.rejects(rtcnode('agent'), /RTCNODE_NAME.*expected/)
})

test('the operator runs nothing of the libraries for traces, unless there is an endpoint', async () => {
  assert.equal(await runsTraceLibrary(), false)
  assert.equal(await runsTraceLibrary('--traces-endpoint=http://127.0.0.1:1'), true)
})

/** Whether V8 ran the part of the file that the exporter is in, while an operator began that reaches nobody. */
async function runsTraceLibrary(...flags: string[]): Promise<boolean> {
  const [kubeconfig, coverage] = [join(folder, 'kubeconfig'), mkdtempSync(join(folder, 'coverage-'))]
  const nowhere = {
    clusters: [{ name: 'none', cluster: { server: 'https://127.0.0.1:1' } }],
    users: [{ name: 'nobody', user: { token: 'none' } }],
    contexts: [{ name: 'none', context: { cluster: 'none', user: 'nobody' } }],
    'current-context': 'none',
  }
  writeFileSync(kubeconfig, JSON.stringify(nowhere))
  const places = [`--kubeconfig=${kubeconfig}`, '--registry-endpoints=http://127.0.0.1:1', '--metrics-port=0']
  const operator = spawn(process.execPath, [program, 'run', ...places, '--metrics-address=127.0.0.1', ...flags], {
    env: { NODE_V8_COVERAGE: coverage },
    stdio: ['ignore', 'pipe', 'inherit'],
    signal: AbortSignal.timeout(60_000),
  })
  const ended = once(operator, 'exit')
  for await (const line of createInterface(operator.stdout)) if (line.includes('"msg":"started"')) operator.kill()
  await ended
  const [report = ''] = readdirSync(coverage)
  const { result } = JSON.parse(readFileSync(join(coverage, report), 'utf8')) as CoverageReport
  const at = readFileSync(program, 'utf8').indexOf('OTel-OTLP-Exporter-JavaScript')
  assert.ok(at > 0, 'the exporter is in the file')
  const around = result
    .filter(({ url }) => url.endsWith('/rtcnode.js'))
    .flatMap(({ functions }) => functions.flatMap(({ ranges }) => ranges))
    .filter(({ startOffset, endOffset }) => startOffset <= at && at < endOffset)
    .toSorted((a, b) => a.endOffset - a.startOffset - (b.endOffset - b.startOffset))
  return (around[0]?.count ?? 0) > 0
}

interface CoverageReport {
  readonly result: readonly {
    readonly url: string
    readonly functions: readonly {
      readonly ranges: readonly { readonly startOffset: number; readonly endOffset: number; readonly count: number }[]
    }[]
  }[]
}
