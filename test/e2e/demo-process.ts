// `make demo` as a process under test: started, watched, interrupted, and looked at for what it leaves behind.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { ensureHostPackages } from '../cluster/debian.ts'
import { leftBehind } from '../cluster/left-behind.ts'
import { until } from '../cluster/until.ts'

const hosts = await ensureHostPackages({ log: console.error })
/** Why there can be no real hosts. Under CI a missing host is a failure of the test, never a reason to leave it out. */
export const withoutHosts = hosts.possible || process.env['CI'] === 'true' ? false : hosts.because

export interface Demo {
  readonly pid: number
  readonly exitCode: Promise<number | null>
  output(): string
  /** Rejects with the output when the demo ends before. */
  until<T>(what: string, hasCome: () => T): ReturnType<typeof until<T>>
  interrupt(): void
}

export function startDemo(
  t: TestContext,
  { flags = [], keep = false }: { flags?: string[]; keep?: boolean } = {},
): Demo {
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
        until(what, hasCome, { withinMs: 420_000 }),
        exitCode.then(code => assert.fail(`the demo ended with ${code}, waiting for ${what}: ${output}`)),
      ]),
    interrupt: () => void child.kill('SIGINT'),
  }
}

export function endsWell(demo: Demo): void {
  const verdict = demo.output().trimEnd().split('\n').at(-1) ?? ''
  assert.match(verdict, /^PASSED · 3 nodes Running in \d/)
  assert.match(verdict, / · pool open in \d\S* s, [2-9] reopened, 3 rolled out · autoscaled 2→\d\S*→[23] · /)
  const [, joined, left] =
    / · (\d+) joined, (\d+) left by themselves, 3 moved at the deadline · cut: 0 · /.exec(verdict) ?? []
  assert.equal(Number(joined), Number(left) + 3, verdict)
  assert.deepEqual(leftBehind(demo.pid), [])
}

export async function endsWhenInterrupted(demo: Demo): Promise<void> {
  demo.interrupt()
  assert.equal(await demo.exitCode, 130, demo.output())
  assert.deepEqual(leftBehind(demo.pid), [])
  assert.doesNotMatch(demo.output(), /FAILED|✗/)
}
