// Real participants with real media on a LiveKit server, for tests and the demo: starts the Go loader of this folder, keeps
// what it tells, and passes on who shall leave. A participant is cut when the call ends for it without its own leave.
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { atExit } from '../cluster/at-exit.ts'
import { ensureBinaries } from '../cluster/binaries.ts'
import { until } from '../cluster/until.ts'

export interface LoadOptions {
  /** `ws://host:port` of the server. */
  url: string
  key: string
  secret: string
  room: string
  participants: number
  /** How many of them send audio; all receive it. Default: all. */
  publishers?: number
  /** So many meet in `<room>-1`, the next in `<room>-2` …; without it all meet in `room`. */
  roomSize?: number
  /** The joins are spread over this time, default 0. */
  rampSeconds?: number
  /** Each leaves so long after its own join. */
  staySeconds?: number
  /** Participants are called `<prefix>1`, `<prefix>2` …, default `p`. An identity can be in a room only once. */
  prefix?: string
  /** From the last join to the first leave; without it all stay until told. */
  holdSeconds?: number
  /** Between two leaves after `holdSeconds`, default 0. */
  leaveEverySeconds?: number
  /** Of nice(1), default 0; below 0 only as root. */
  niceness?: number
  log?: (line: string) => void
}

export interface Moment {
  participant: string
  at: Date
}
export type Join = Moment & { joinLatencyMs: number }
/** `reason` is LiveKit's own where it gave one (`ROOM_DELETED`, `SERVER_SHUTDOWN` …), else the SDK's. */
export type Cut = Moment & { reason: string }
/** A data message from the server or from somebody in the room. */
export type Told = Moment & { topic: string; message: string }

export interface Summary {
  joined: number
  left: number
  cut: number
  /** Could not join. */
  failed: number
  /** Times that a lost connection came back; these are no cuts. */
  reconnected: number
  /** RTP packets received by all participants. */
  packets: number
  joinLatencyMsP50: number | null
  joinLatencyMsP99: number | null
}

export interface Load extends AsyncDisposable {
  readonly joined: readonly Join[]
  readonly left: readonly Moment[]
  readonly cut: readonly Cut[]
  readonly failed: readonly Cut[]
  readonly told: readonly Told[]
  /** Names of those who are in a call now. */
  present(): string[]
  /** Resolves when every participant has joined or failed to. */
  arrived(): Promise<void>
  /** Tells `count` of those present to leave, earliest joiner first, and resolves when they have. */
  leave(count: number): Promise<void>
  leaveAll(): Promise<void>
  /** Resolves when nobody is left; until then it waits. */
  summary(): Promise<Summary>
  /** All leave; killed if that takes over 5 s. */
  stop(): Promise<void>
}

/** Resolves when every participant has joined or failed to. */
export async function startLoad(options: LoadOptions): Promise<Load> {
  const load = await launchLoad(options)
  try {
    await load.arrived()
    return load
  } catch (error) {
    await load.stop()
    throw error
  }
}

/** Resolves at once, for those who watch while people come and go. */
export async function launchLoad(options: LoadOptions): Promise<Load> {
  const { participants, rampSeconds = 0, niceness = 0, log = console.error } = options
  const { loader } = await ensureBinaries(['loader'], { log })
  const prefix = ['-n', String(niceness), 'setpriv', '--pdeathsig', 'KILL', '--']
  const child = spawn('nice', [...prefix, loader, ...flags(options)], {
    stdio: ['pipe', 'pipe', 'pipe'],
    detached: true, // a Ctrl-C is for us; we let the participants leave
  })
  const forget = atExit({ atOnce: () => void child.kill('SIGKILL') })
  const stderr: string[] = []
  child.stderr.on('data', (chunk: Buffer) => void stderr.push(chunk.toString()))
  child.stdin.on('error', () => undefined) // told to leave after it had ended

  const joined: Join[] = []
  const left: Moment[] = []
  const cut: Cut[] = []
  const failed: Cut[] = []
  const told: Told[] = []
  let summary: Summary | undefined
  createInterface({ input: child.stdout }).on('line', line => {
    const event = JSON.parse(line) as LoaderEvent
    if (event.event === 'summary') summary = event
    if (event.event === 'joined') joined.push({ ...moment(event), joinLatencyMs: event.joinLatencyMs })
    if (event.event === 'left') left.push(moment(event))
    if (event.event === 'cut') cut.push({ ...moment(event), reason: event.reason })
    if (event.event === 'told') told.push({ ...moment(event), topic: event.topic, message: event.message })
    if (event.event === 'failed') failed.push({ ...moment(event), reason: event.reason })
  })
  const ended = new Promise<Summary>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', () => {
      forget()
      if (summary) resolve(summary)
      else reject(new Error(`the loader ended without a summary: ${stderr.join('').slice(-2_000)}`))
    })
  })
  ended.catch(() => undefined) // whoever asks for the summary is told
  const everybodyTried = () => joined.length + failed.length === participants

  const load: Load = {
    joined,
    left,
    cut,
    failed,
    told,
    present() {
      const gone = new Set([...left, ...cut].map(({ participant }) => participant))
      return joined.map(({ participant }) => participant).filter(participant => !gone.has(participant))
    },
    async arrived() {
      const joins = until(`${participants} participants to join`, everybodyTried, {
        withinMs: 60_000 + rampSeconds * 1_000,
      })
      await Promise.race([joins, ended])
    },
    async leave(count) {
      const leaving = load.present().slice(0, count)
      for (const participant of leaving) child.stdin.write(`leave ${participant}\n`)
      await until(
        `${leaving.join(', ')} to leave`,
        () => leaving.every(participant => !load.present().includes(participant)),
        { withinMs: 10_000 },
      )
    },
    async leaveAll() {
      child.stdin.write('leave-all\n')
      await ended
    },
    summary: () => ended,
    async stop() {
      child.kill('SIGTERM')
      const sigkill = setTimeout(() => child.kill('SIGKILL'), 5_000)
      await ended.catch(() => undefined)
      clearTimeout(sigkill)
    },
    [Symbol.asyncDispose]: () => load.stop(),
  }
  return load
}

interface EventBase {
  participant: string
  at: string
}
type LoaderEvent =
  | ({ event: 'joined'; joinLatencyMs: number } & EventBase)
  | ({ event: 'left' | 'reconnecting' | 'reconnected' } & EventBase)
  | ({ event: 'cut' | 'failed' | 'unpublished'; reason: string } & EventBase)
  | ({ event: 'told'; topic: string; message: string } & EventBase)
  | ({ event: 'summary' } & Summary)

const moment = ({ participant, at }: EventBase): Moment => ({ participant, at: new Date(at) })

function flags({ participants, ...options }: LoadOptions): string[] {
  return [
    `--url=${options.url}`,
    `--key=${options.key}`,
    `--secret=${options.secret}`,
    `--room=${options.room}`,
    `--prefix=${options.prefix ?? 'p'}`,
    `--participants=${participants}`,
    `--publishers=${options.publishers ?? participants}`,
    `--room-size=${options.roomSize ?? 0}`,
    `--ramp=${options.rampSeconds ?? 0}s`,
    `--stay=${options.staySeconds ?? 0}s`,
    `--hold=${options.holdSeconds ?? 0}s`,
    `--leave-every=${options.leaveEverySeconds ?? 0}s`,
  ]
}
