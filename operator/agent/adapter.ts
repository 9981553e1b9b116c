// What the agent asks of an SFU, whichever it is. One file or folder per SFU implements it (table in adapters.ts); the
// agent's loop (agent.ts) is its only caller.
import type { Clock } from '../ambient/clock.ts'
import type { Heartbeat } from '../api/heartbeat.ts'
import type { Logger } from '../telemetry/log.ts'

/** Load and latency as in a heartbeat. What the SFU cannot tell is left out: absent means unknown, never zero. */
export type SfuLoad = Pick<
  Heartbeat,
  | 'cpu'
  | 'mem'
  | 'streams'
  | 'rooms'
  | 'bandwidthMbps'
  | 'packetsPerSecond'
  | 'joinLatencyP99Ms'
  | 'joins'
  | 'forwardLatencyP99Ms'
  | 'packetLossPercent'
  | 'jitterMs'
  | 'rttMs'
  | 'nackRate'
  | 'pliRate'
  | 'version'
>

export interface SfuReading {
  /** Another one whenever the SFU process has started anew. */
  readonly bootId: string
  /** Participants connected now. */
  readonly sessions: number
  readonly load: SfuLoad
}

export interface SfuAdapter {
  readonly name: string
  /** Rejects with {@link SfuUnreachableError} when the SFU does not tell all that a reading needs: never zeros. */
  read(signal: AbortSignal): Promise<SfuReading>
  /** Only SFUs that can refuse rooms themselves have these two; else the registry alone closes admission. */
  closeAdmission?(signal: AbortSignal): Promise<void>
  openAdmission?(signal: AbortSignal): Promise<void>
  /** Tells everybody connected that the node goes, and by when (RFC 3339; absent when that is not known). */
  notifyDrain?(notice: DrainNotice, signal: AbortSignal): Promise<void>
  /** Moves everybody off, biggest rooms first: they are told to reconnect elsewhere. `moved` counts people. */
  evict(signal: AbortSignal): Promise<{ moved: number }>
}

export interface DrainNotice {
  readonly reason: string
  readonly deadline?: string
}

/** How an adapter reaches the SFU in its own pod. */
export interface SfuAccess {
  readonly url: string
  readonly metricsUrl: string
  /** CPU cores the SFU may use; without it CPU in percent cannot be told. */
  readonly cpuCores?: number
  /** LiveKit's API key and secret. */
  readonly livekitKey?: { readonly id: string; readonly secret: string }
}

export interface AdapterDeps {
  readonly clock: Clock
  readonly log: Logger
}

/** The SFU did not answer, or its answer lacks what every reading needs. `url` says who was asked. */
export class SfuUnreachableError extends Error {
  readonly url: string

  constructor(url: string, problem: string, cause?: unknown) {
    super(`${url}: ${problem}`, { cause })
    this.name = 'SfuUnreachableError'
    this.url = url
  }
}
