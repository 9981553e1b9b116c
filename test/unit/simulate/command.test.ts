// `rtcnode simulate` as people call it.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { simulate } from '../../../operator/simulate/command.ts'
import { hill } from './small.ts'

const root = join(import.meta.dirname, '../../..')
const autoscaler = join(root, 'examples/autoscaler.yaml')

function inFolder<T>(work: (folder: string) => T): T {
  const folder = mkdtempSync(join(tmpdir(), 'rtcnode-simulate-'))
  try {
    return work(folder)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

test('a trace gives a table of all policies and one page that loads nothing', () =>
  inFolder(folder => {
    const [trace, out] = [join(folder, 'trace.csv'), join(folder, 'report.html')]
    writeFileSync(trace, ['time,participants', ...hill.map(row => `${row.at / 1_000},${row.participants}`)].join('\n'))
    const printed: string[] = []
    simulate({ trace, autoscaler, out }, line => printed.push(line))
    const text = printed.join('\n')
    for (const policy of ['RTCAutoscaler', 'KEDA, ', 'HPA on CPU', 'HPA on sessions', 'minimum, clairvoyant']) {
      assert.match(text, new RegExp(`^${policy}`, 'm'))
    }
    const page = readFileSync(out, 'utf8')
    assert.equal(page.match(/<svg/g)?.length, 4)
    assert.doesNotMatch(page, /<script|<link|<img|\bsrc=|\bhref="http|@import|url\(http/)
    assert.doesNotMatch(page, /NaN|undefined/)
  }))

test('an autoscaler that is paused, or recommends only, is simulated as if it acted', () =>
  inFolder(folder => {
    const [trace, held] = [join(folder, 'trace.csv'), join(folder, 'held.yaml')]
    writeFileSync(
      trace,
      ['time,participants', ...hill.map(row => `${row.at / 1_000},${3 * row.participants}`)].join('\n'),
    )
    const manifest = readFileSync(autoscaler, 'utf8')
    const tableFor = (text: string): string => {
      writeFileSync(held, text)
      const printed: string[] = []
      simulate({ trace, autoscaler: held }, line => printed.push(line))
      return printed.join('\n')
    }
    const acting = tableFor(manifest)
    assert.match(acting, /^RTCAutoscaler +\S+ % +\d+ +\d+ .* [1-9]\d* +\d+$/m, 'it changes the size')
    assert.equal(tableFor(`${manifest}  paused: true\n  mode: Recommend\n`), acting)
  }))

for (const [what, flags, message] of [
  ['nothing to replay', [], /--trace is missing; give a file, or --workload W1/],
  ['no autoscaler', ['--trace', 'examples/trace.csv'], /--autoscaler is missing/],
  [
    'no such file',
    ['--trace', 'nowhere.csv', '--autoscaler', autoscaler],
    /nowhere\.csv: --trace cannot be read: .*ENOENT.*check the path/,
  ],
  ['an unknown workload', ['--workload', 'W9'], /--workload is “W9”; choose one of W1, /],
  ['both', ['--workload', 'W1', '--trace', 'examples/trace.csv'], /leave one out/],
  ['a seed that is none', ['--workload', 'W1', '--seed', 'x'], /--seed is “x”; write a whole number/],
  ['a model that is none', ['--workload', 'W1', '--class-model', 'package.json'], /package\.json: \S+ is “undefined”/],
] as const) {
  test(`ends with 2 and says what to do: ${what}`, () => {
    const { status, stderr, stdout } = spawnSync(process.execPath, ['operator/main.ts', 'simulate', ...flags], {
      cwd: root,
      encoding: 'utf8',
    })
    assert.match(stderr, message)
    assert.equal(status, 2)
    assert.equal(stdout, '')
  })
}
