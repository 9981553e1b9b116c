// One server process of a test cluster: started, awaited, killed, frozen and stopped. etcd, the control plane, kwok,
// containerd and kubelet all run under it.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { atExit } from './at-exit.ts'
import { until } from './until.ts'

export interface ServerSpec {
  name: string
  command: string
  args: string[]
  env?: Record<string, string>
  /** stdout and stderr are appended here, over all starts. */
  logPath: string
  /** Probed until true before `start` resolves; throwing means "not yet". */
  ready: (signal: AbortSignal) => Promise<boolean>
  /** Default 60,000. */
  readyWithinMs?: number
  /** From SIGTERM to SIGKILL in `stop`, default 5,000. An API server whose etcd is gone ignores SIGTERM for minutes. */
  stopWithinMs?: number
}

export interface Server extends AsyncDisposable {
  readonly name: string
  readonly logPath: string
  /** Of the running process; undefined while it is down. */
  readonly pid: number | undefined
  /** Starts it again after `kill`, `stop` or a crash, with the same arguments, and awaits its readiness. */
  start(): Promise<void>
  /** SIGTERM, then SIGKILL. Also ends a paused server. Does nothing when it is down. */
  stop(): Promise<void>
  restart(): Promise<void>
  /** Sends a signal that ends the process (default SIGKILL) and resolves when it is gone. */
  kill(signal?: NodeJS.Signals): Promise<void>
  /** SIGSTOP: alive, holding its ports and connections, answering nothing. */
  pause(): void
  resume(): void
}

/** Thrown when a server ends or stays unready while it is being started. The message ends with its last log lines. */
export class ServerFailed extends Error {
  readonly server: string
  readonly logPath: string

  constructor(spec: ServerSpec, problem: string, cause?: unknown) {
    super(`${spec.name} ${problem}; the end of ${spec.logPath}:\n${tail(spec.logPath)}`, { cause })
    this.name = 'ServerFailed'
    this.server = spec.name
    this.logPath = spec.logPath
  }
}

export async function startServer(spec: ServerSpec): Promise<Server> {
  let child: ChildProcess | undefined

  const server: Server = {
    name: spec.name,
    logPath: spec.logPath,
    get pid() {
      return child?.pid
    },
    async start() {
      if (child) throw new Error(`${spec.name} runs already`)
      const started = launch(spec)
      child = started
      const down = () => {
        if (child === started) child = undefined
      }
      started.once('exit', down).once('error', down)
      try {
        await becomesReady(spec, started)
      } catch (error) {
        await server.kill()
        throw error
      }
    },
    async stop() {
      server.resume()
      await end('SIGTERM', spec.stopWithinMs ?? 5_000)
    },
    async restart() {
      await server.stop()
      await server.start()
    },
    kill: (signal = 'SIGKILL') => end(signal, 10_000),
    pause: () => void child?.kill('SIGSTOP'),
    resume: () => void child?.kill('SIGCONT'),
    [Symbol.asyncDispose]: () => server.stop(),
  }

  async function end(signal: NodeJS.Signals, withinMs: number): Promise<void> {
    const ending = child
    if (!ending) return
    const gone = once(ending, 'exit')
    ending.kill(signal)
    const sigkill = setTimeout(() => ending.kill('SIGKILL'), withinMs)
    await gone
    clearTimeout(sigkill)
  }

  await server.start()
  return server
}

function launch(spec: ServerSpec): ChildProcess {
  const log = openSync(spec.logPath, 'a')
  try {
    // pdeathsig: should this process be killed, the kernel kills the server. Its own session (`detached`): a Ctrl-C in
    // the terminal reaches only us, and we stop the servers in their order.
    const child = spawn('setpriv', ['--pdeathsig', 'KILL', '--', spec.command, ...spec.args], {
      env: { ...process.env, ...spec.env },
      stdio: ['ignore', log, log],
      detached: true,
    })
    const forget = atExit({ atOnce: () => void child.kill('SIGKILL') })
    child.once('exit', forget)
    child.once('error', forget)
    return child
  } finally {
    closeSync(log)
  }
}

async function becomesReady(spec: ServerSpec, child: ChildProcess): Promise<void> {
  const readiness = new AbortController()
  const ended = new Promise<never>((_resolve, reject) => {
    child.once('error', error => reject(new ServerFailed(spec, 'could not be started', error)))
    child.once('exit', (code, signal) => reject(new ServerFailed(spec, `ended with ${signal ?? `exit code ${code}`}`)))
  })
  // Ends that come after readiness are nobody's rejection.
  ended.catch(() => undefined)
  const withinMs = spec.readyWithinMs ?? 60_000
  const ready = until(`${spec.name} ready`, spec.ready, { withinMs, signal: readiness.signal })
  try {
    await Promise.race([
      ended,
      ready.catch(error => Promise.reject(new ServerFailed(spec, 'did not become ready', error))),
    ])
  } finally {
    readiness.abort()
  }
}

function tail(path: string): string {
  try {
    return readFileSync(path, 'utf8').slice(-3_000)
  } catch {
    return '(no log)'
  }
}
