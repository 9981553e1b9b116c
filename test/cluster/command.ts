// Runs one short-lived command of the host (ip, mount, ctr, apt-get …) to its end. Called by everything in test/
// that needs such a tool; servers that stay are processes of process.ts instead.
import { spawn } from 'node:child_process'

/** A command ended with another exit code than 0, was killed at its time limit, or could not be started. */
export class CommandFailed extends Error {
  readonly command: string
  readonly exitCode: number | null
  readonly stderr: string

  constructor(command: string, exitCode: number | null, stderr: string) {
    super(
      `\`${command}\` ${exitCode === null ? 'was killed or could not start' : `exited with ${exitCode}`}: ${stderr.trim()}`,
    )
    this.name = 'CommandFailed'
    this.command = command
    this.exitCode = exitCode
    this.stderr = stderr
  }
}

export interface RunOptions {
  input?: string
  env?: Readonly<Record<string, string | undefined>>
  cwd?: string
  /** SIGKILL after this many seconds. Default 30. */
  timeoutSeconds?: number
  signal?: AbortSignal
}

/** Resolves with stdout; rejects with {@link CommandFailed}, which carries stderr. */
export function run(file: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  const child = spawn(file, args, {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, ...options.env },
    timeout: (options.timeoutSeconds ?? 30) * 1000,
    killSignal: 'SIGKILL',
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  })
  const stdout: Buffer[] = []
  const stderr: Buffer[] = []
  child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk))
  child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk))
  const fail = (code: number | null, why: string) => reject(new CommandFailed([file, ...args].join(' '), code, why))
  child.on('error', error => fail(null, error.message))
  child.on('close', code => {
    if (code === 0) resolve(Buffer.concat(stdout).toString())
    else fail(code, Buffer.concat(stderr).toString())
  })
  child.stdin.on('error', () => {}) // a command that does not read its input is no failure
  child.stdin.end(options.input ?? '')
  return promise
}
