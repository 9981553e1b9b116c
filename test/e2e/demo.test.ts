// `make demo` as CI plays it: nobody at the terminal. It must end well, say so in its last line, and leave nothing behind.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { test } from 'node:test'
import { ensureHostPackages } from '../cluster/debian.ts'
import { leftBehind } from '../cluster/left-behind.ts'
import { until } from '../cluster/until.ts'

const hosts = await ensureHostPackages({ log: console.error })
// Under CI a missing host is a failure of the test, never a reason to leave it out.
const skip = hosts.possible || process.env['CI'] === 'true' ? false : hosts.because

test('on real hosts, people who may stay are never cut, and nothing is left', { skip }, async () => {
  const demo = startDemo()
  assert.equal(await demo.exitCode, 0, demo.output())
  assert.match(demo.output(), /two hosts with kubelet and containerd/)
  endsWell(demo)
})

test('without real hosts the same story is played on simulated SFUs', async () => {
  const demo = startDemo(['--simulated'])
  assert.equal(await demo.exitCode, 0, demo.output())
  assert.match(demo.output(), /a simulated SFU in each pod/)
  endsWell(demo)
})

for (const moment of [/^1 /m, /^4 /m]) {
  test(`interrupted in act ${moment.source[1]} it leaves nothing either`, { skip }, async () => {
    const demo = startDemo()
    await until('the act', () => moment.test(demo.output()), { withinMs: 240_000 })
    demo.interrupt()
    assert.equal(await demo.exitCode, 130, demo.output())
    assert.deepEqual(leftBehind(demo.pid), [])
    assert.doesNotMatch(demo.output(), /FAILED|✗/)
  })
}

interface Demo {
  readonly pid: number
  readonly exitCode: Promise<number | null>
  output(): string
  interrupt(): void
}

function startDemo(flags: readonly string[] = []): Demo {
  const child = spawn(process.execPath, [join(import.meta.dirname, '../demo/demo.ts'), ...flags], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, KEEP: '' },
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', chunk => (output += String(chunk)))
  return {
    pid: child.pid ?? assert.fail('the demo did not start'),
    exitCode: once(child, 'close').then(([code]) => code as number | null),
    output: () => output,
    interrupt: () => void child.kill('SIGINT'),
  }
}

function endsWell(demo: Demo): void {
  const verdict = demo.output().trimEnd().split('\n').at(-1) ?? ''
  assert.match(
    verdict,
    /^PASSED · 3 nodes Running in \d.* · 10 joined, 7 left by themselves, 3 moved at the deadline · 0 cut /,
  )
  assert.deepEqual(leftBehind(demo.pid), [])
}
