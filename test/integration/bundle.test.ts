// The program as it is shipped: one file that runs where there is no node_modules folder.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { promisify } from 'node:util'
import { allCrdsYaml } from '../../operator/crds.ts'
import { bundle } from '../../scripts/bundle.ts'

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
  const autoscaler = join(import.meta.dirname, '../../examples/autoscaler.yaml')
  const { stdout } = await rtcnode('simulate', '--trace', trace, '--autoscaler', autoscaler, '--out', out)
  assert.match(stdout, /^RTCAutoscaler +\d/m)
  assert.equal(readFileSync(out, 'utf8').match(/<svg/g)?.length, 4)
})

test('an agent without configuration names what is missing', async () => {
  await assert.rejects(rtcnode('agent'), /RTCNODE_NAME.*expected/)
})
