// One simulated node: where it is in its life, who is on it, and what the others have heard of it. Plain data that the world and
// the fleets change.
import type { Heartbeat } from '../api/heartbeat.ts'
import type { Host } from './hosts.ts'

export interface SimNode {
  /** Its place among the nodes; used again when it is gone. */
  readonly slot: number
  readonly name: string
  readonly host: Host
  /** From 0 to 1: whom a fault of a share of the nodes hits. */
  readonly luck: number
  readonly createdAt: number
  /** starting ▸ open ▸ closed ▸ gone; closed nodes may be opened again. All times are steps. */
  phase: 'starting' | 'open' | 'closed' | 'gone'
  opensAt: number
  /** A closed node is taken away then, whoever is there. */
  deadlineAt: number
  /** Since when a closed node has had nobody. */
  emptySince: number
  people: number
  rooms: number
  streams: number
  /** What rooms that were sent here lately will still bring, as far as those who place rooms guess; as of `expectedAt`. */
  expected: number
  expectedAt: number
  /** Joins of each of the last steps, the latest first: what a percentile is taken over. */
  readonly joins: Int32Array
  readonly telemetry: Telemetry
  /** What its tier lets in; nobody but the autoscaler changes it. */
  admits: boolean
  weight: number
  joinsPerSecond: number
  /** Of these, how many are left for this step. */
  joinsLeft: number
}

/** What is heard of a node. */
export interface Telemetry {
  heardAt: number
  /** Counts up with each beat that was heard. */
  beat: number
  /** Reused for every beat. */
  readonly heartbeat: { -readonly [K in keyof Heartbeat]: Heartbeat[K] }
}

/** LiveKit's percentiles are taken over 30 s by the agent. */
const JOIN_WINDOW_SECONDS = 30

export function simNode(
  at: Pick<SimNode, 'slot' | 'name' | 'host' | 'luck' | 'createdAt' | 'opensAt'>,
  stepSeconds: number,
): SimNode {
  return {
    ...at,
    phase: 'starting',
    deadlineAt: Number.POSITIVE_INFINITY,
    emptySince: Number.POSITIVE_INFINITY,
    people: 0,
    rooms: 0,
    streams: 0,
    expected: 0,
    expectedAt: at.createdAt,
    joins: new Int32Array(Math.ceil(JOIN_WINDOW_SECONDS / stepSeconds)),
    telemetry: {
      heardAt: Number.NEGATIVE_INFINITY,
      beat: 0,
      heartbeat: {
        podUID: at.name,
        bootId: 'b',
        seq: 0,
        state: 'serving',
        sessions: 0,
        cpu: 0,
        streams: 0,
        rooms: 0,
        joins: 0,
        joinLatencyP99Ms: undefined,
      },
    },
    admits: true,
    weight: 1,
    joinsPerSecond: Number.POSITIVE_INFINITY,
    joinsLeft: Number.POSITIVE_INFINITY,
  }
}
