// The program `kubectl-rtc`, which kubectl runs as `kubectl rtc`: wires terminal, cluster and exit code to the commands of program.ts.
import { CommanderError } from 'commander'
import packageJson from '../../package.json' with { type: 'json' }
import { type Access, connect } from './cluster.ts'
import { complaintOf } from './complaint.ts'
import { complete } from './completion-command.ts'
import { USAGE } from './errors.ts'
import { programOf } from './program.ts'
import type { Terminal } from './top-command.ts'

const { version } = packageJson
const print = (...lines: readonly string[]): void => {
  for (const line of lines) process.stdout.write(`${line}\n`)
}
const open = (access: Access) => connect(access, version)

const program = programOf({
  version,
  async perform(access, format, work) {
    const cluster = await open(access)
    try {
      process.exitCode = await work(cluster, { format, print })
    } finally {
      await cluster.close()
    }
  },
  terminal: () => (process.stdout.isTTY ? ownTerminal() : undefined),
})

/** Ctrl-C, q and Q. */
const QUIT_KEYS: ReadonlySet<number> = new Set([3, 113, 81])

function ownTerminal(): Terminal {
  const quitting = new AbortController()
  const quit = (): void => quitting.abort()
  process.once('SIGINT', quit).once('SIGTERM', quit)
  if (process.stdin.isTTY) {
    // Keys come one by one; so Ctrl-C is a key too.
    process.stdin.setRawMode(true)
    process.stdin.on('data', keys => {
      if (Buffer.from(keys).some(key => QUIT_KEYS.has(key))) quit()
    })
    quitting.signal.addEventListener('abort', () => {
      process.stdin.setRawMode(false)
      process.stdin.destroy()
    })
  }
  return {
    write: text => void process.stdout.write(text),
    size: () => ({ rows: process.stdout.rows, columns: process.stdout.columns }),
    quits: quitting.signal,
  }
}

// Whoever reads our output may have seen enough: `kubectl rtc top | head`.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
  process.exit(0)
})

try {
  const [, , first, ...words] = process.argv
  if (first === '__complete') await complete(program, words, open, print)
  else await program.parseAsync()
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : USAGE
  else {
    const { text, exitCode } = complaintOf(error)
    process.stderr.write(`${text}\n`)
    process.exitCode = exitCode
  }
}
