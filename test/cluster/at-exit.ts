// What must be undone when this process ends before it could tidy up: on a signal, an uncaught error, a plain exit.
// Servers, cluster folders and hosts register here; a SIGKILL of this process is covered elsewhere (pdeathsig, sweeps).

const exitCodes = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const
const gracefulEndWithinMs = 30_000

export interface LastWill {
  /** The orderly way, tried first on a signal, in reverse order of registration and bounded by 30 s in all. */
  gracefully?: () => Promise<void>
  /** The sudden way. Synchronous, must not throw away time: runs in the `exit` event. */
  atOnce?: () => void
}

const wills = new Set<LastWill>()
let ending = false

/** Registers a last will; the returned function withdraws it, for when the thing was tidied up in the ordinary way. */
export function atExit(will: LastWill): () => void {
  if (wills.size === 0) listen()
  wills.add(will)
  return () => void wills.delete(will)
}

let listening = false
function listen(): void {
  if (listening) return
  listening = true
  for (const [signal, code] of Object.entries(exitCodes)) process.on(signal, () => void endOnSignal(code))
  process.on('exit', () => {
    for (const will of newestFirst()) ignoringErrors(() => will.atOnce?.())
  })
}

async function endOnSignal(code: number): Promise<void> {
  if (ending) process.exit(code)
  ending = true
  setTimeout(() => process.exit(code), gracefulEndWithinMs).unref()
  for (const will of newestFirst()) await will.gracefully?.().catch(() => undefined)
  process.exit(code)
}

const newestFirst = (): LastWill[] => [...wills].toReversed()

function ignoringErrors(action: () => void): void {
  try {
    action()
  } catch {
    // One failed clean-up must not keep the others from running.
  }
}
