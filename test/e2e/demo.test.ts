// `make demo` as CI plays it: nobody at the terminal. It must end well, say so in its last line, and leave nothing behind.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { suite, type TestContext, test } from 'node:test'
import { run } from '../cluster/command.ts'
import { ensureHostPackages } from '../cluster/debian.ts'
import { leftBehind } from '../cluster/left-behind.ts'
import { until } from '../cluster/until.ts'

const hosts = await ensureHostPackages({ log: console.error })
// Under CI a missing host is a failure of the test, never a reason to leave it out.
const skip = hosts.possible || process.env['CI'] === 'true' ? false : hosts.because

test('on real hosts, people who may stay are never cut, and nothing is left', { skip }, async t => {
  const demo = startDemo(t)
  assert.equal(await demo.exitCode, 0, demo.output())
  assert.match(demo.output(), /two hosts with kubelet and containerd/)
  endsWell(demo)
})

suite('without real hosts', { concurrency: true }, () => {
  test('the same story is played on simulated SFUs', async t => {
    const demo = startDemo(t, { flags: ['--simulated'] })
    assert.equal(await demo.exitCode, 0, demo.output())
    assert.match(demo.output(), /a simulated SFU in each pod/)
    endsWell(demo)
  })

  test('with KEEP=1 it stays up to be played with, until Ctrl-C', async t => {
    const demo = startDemo(t, { flags: ['--simulated'], keep: true })
    const told = () => /export KUBECONFIG=(\S+) PATH=([^:]+)/.exec(demo.output())
    const [, kubeconfig = '', path = ''] = await demo.until('the export line', told)
    assert.match(demo.output(), /^PASSED · .* cut: 0 /m)
    const left = await run(join(path, 'kubectl'), ['get', 'rtcp,rtcn'], { env: { KUBECONFIG: kubeconfig } })
    assert.match(left, /eu +2 +2 +0 +2 +2 /)
    assert.match(left, /lone-3 +Running +Serving/)
    await endsWhenInterrupted(demo)
  })
})

const moments: Record<string, (demo: Demo) => boolean> = {
  'while its hosts start': demo => leftBehind(demo.pid).some(thing => thing.startsWith('cgroup')),
  'while people are in calls': demo => /^5 /m.test(demo.output()),
  'while a pool rolls out': demo => /RollingOut/.test(demo.output()),
}
for (const [moment, hasCome] of Object.entries(moments)) {
  test(`interrupted ${moment}, it leaves nothing either`, { skip }, async t => {
    const demo = startDemo(t)
    await demo.until(moment, () => hasCome(demo))
    await endsWhenInterrupted(demo)
  })
}

interface Demo {
  readonly pid: number
  readonly exitCode: Promise<number | null>
  output(): string
  /** Rejects with the output when the demo ends before. */
  until<T>(what: string, hasCome: () => T): ReturnType<typeof until<T>>
  interrupt(): void
}

function startDemo(t: TestContext, { flags = [], keep = false }: { flags?: string[]; keep?: boolean } = {}): Demo {
  const child = spawn(process.execPath, [join(import.meta.dirname, '../demo/demo.ts'), ...flags], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, KEEP: keep ? '1' : '' },
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', chunk => (output += String(chunk)))
  const exitCode = once(child, 'close').then(([code]) => code as number | null)
  t.after(async () => {
    child.kill('SIGINT')
    await exitCode
  })
  return {
    pid: child.pid ?? assert.fail('the demo did not start'),
    exitCode,
    output: () => output,
    until: (what, hasCome) =>
      Promise.race([
        until(what, hasCome, { withinMs: 240_000 }),
        exitCode.then(code => assert.fail(`the demo ended with ${code}, waiting for ${what}: ${output}`)),
      ]),
    interrupt: () => void child.kill('SIGINT'),
  }
}

function endsWell(demo: Demo): void {
  const verdict = demo.output().trimEnd().split('\n').at(-1) ?? ''
  assert.match(verdict, /^PASSED · 3 nodes Running in \d/)
  assert.match(verdict, / · pool open in \d\S* s, 1 reopened, 3 rolled out · /)
  assert.match(verdict, / · 30 joined, 27 left by themselves, 3 moved at the deadline · cut: 0 · /)
  assert.deepEqual(leftBehind(demo.pid), [])
}

async function endsWhenInterrupted(demo: Demo): Promise<void> {
  demo.interrupt()
  assert.equal(await demo.exitCode, 130, demo.output())
  assert.deepEqual(leftBehind(demo.pid), [])
  assert.doesNotMatch(demo.output(), /FAILED|✗/)
}
