// The built plugin as people have it: on the PATH, run by the real kubectl.
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, renameSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { bundlePlugin } from '../../../scripts/bundle.ts'
import { ensureBinaries } from '../../cluster/binaries.ts'
import { until } from '../../cluster/until.ts'

export interface Plugin {
  /** Its folder, for the PATH. */
  readonly folder: string
  remove(): void
}

export async function buildPlugin(): Promise<Plugin> {
  const folder = mkdtempSync(join(tmpdir(), 'rtcnode-plugin-test-'))
  await bundlePlugin(folder)
  renameSync(join(folder, 'kubectl-rtc.js'), join(folder, 'kubectl-rtc'))
  return { folder, remove: () => rmSync(folder, { recursive: true }) }
}

export interface Answer {
  readonly exitCode: number | null
  readonly stdout: string
  readonly stderr: string
}

const WITHIN_MS = 60_000

/** `kubectl` with these arguments. Never rejects for an exit code. */
export async function kubectl(plugin: Plugin, kubeconfigPath: string, args: readonly string[]): Promise<Answer> {
  const child = await start(plugin, kubeconfigPath, args)
  let [stdout, stderr] = ['', '']
  child.stdout?.on('data', chunk => (stdout += chunk))
  child.stderr?.on('data', chunk => (stderr += chunk))
  child.stdin?.end()
  const exitCode = await ended(child)
  return { exitCode, stdout, stderr }
}

const ended = (child: ChildProcess): Promise<number | null> =>
  new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', resolve)
  })

async function start(
  { folder }: Plugin,
  kubeconfigPath: string,
  args: readonly string[],
  around: (command: string[]) => string[] = it => it,
): Promise<ChildProcess> {
  const binaries = await ensureBinaries(['kubectl'], { log: console.error })
  const [file = '', ...rest] = around([binaries.kubectl, ...args])
  const path = [folder, dirname(process.execPath), '/usr/local/bin', '/usr/bin', '/bin'].join(delimiter)
  return spawn(file, rest, {
    env: { PATH: path, HOME: folder, KUBECONFIG: kubeconfigPath, KUBERC: 'off', TERM: 'xterm', LANG: 'C.UTF-8' },
    timeout: WITHIN_MS,
    killSignal: 'SIGKILL',
  })
}

export interface OnTerminal {
  /** Everything that was written to the terminal so far. */
  readonly screen: string
  /** Resolves when the terminal has shown it; rejects with NotInTime. */
  shows(what: RegExp): Promise<void>
  press(key: string): void
  readonly exitCode: Promise<number | null>
}

/** On a terminal of its own, which util-linux's `script` makes. */
export async function onTerminal(plugin: Plugin, kubeconfigPath: string, args: readonly string[]): Promise<OnTerminal> {
  const quoted = (words: readonly string[]): string => words.map(word => `'${word}'`).join(' ')
  const child = await start(plugin, kubeconfigPath, args, command => [
    'script',
    '--quiet',
    '--return',
    '--command',
    `stty cols 160 rows 40; ${quoted(command)}`,
    '/dev/null',
  ])
  let screen = ''
  child.stdout?.setEncoding('utf8').on('data', chunk => (screen += chunk))
  const exitCode = ended(child)
  return {
    get screen() {
      return screen
    },
    shows: async what => void (await until(`${what} on the terminal`, () => what.test(screen), { withinMs: 30_000 })),
    press: key => void child.stdin?.write(key),
    exitCode,
  }
}
