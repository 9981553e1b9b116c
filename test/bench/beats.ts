// Heartbeats of thousands of nodes at little cost: no agents, only what agents write – each node's key each 3 s with a full
// value that is never the same twice. For benchmarks of the reader, on machines that could not carry the writers.
import { setTimeout as pause } from 'node:timers/promises'
import { systemClock } from '../../operator/ambient/clock.ts'
import { systemRandom } from '../../operator/ambient/random.ts'
import type { Heartbeat } from '../../operator/api/heartbeat.ts'
import { objectKey } from '../../operator/api/meta.ts'
import { connectRegistry } from '../../operator/registry/connection.ts'
import { nodeKey } from '../../operator/registry/keys.ts'
import { silentLogger } from '../../operator/telemetry/log.ts'
import type { Cluster } from '../cluster/cluster.ts'

export interface Beats extends AsyncDisposable {
  /** Puts the first heartbeat at once; resolves when etcd has it. Goes on until the end. */
  begin(name: string, podUID: string): Promise<void>
  /** What each node tells from now on, about; streams and traffic go along with it. Default 40. */
  cpuPercent: number
  /** Each beat is put by itself and at a moment of its own, as agents do it; else a hundred in a transaction, which costs etcd less. */
  apart: boolean
  /** All nodes beat now, many in a transaction, and again when it is their turn; resolves when etcd has it. */
  tellAll(): Promise<void>
  /** Values that etcd has taken since the start. */
  readonly written: number
}

const BEAT_MS = 3_000
/** Moments of a beat, one a millisecond. */
const SLOTS = BEAT_MS
/** Shares no factor with SLOTS, so that any number of nodes is spread over all of them. */
const SLOTS_APART = 1_237
const SLOTS_TOGETHER = 100
const MOST_LATE_MS = 20
const PUTS_PER_TRANSACTION = 100
/** One lease for all, long enough for every benchmark: leases cost etcd and agents, not the operator. */
const TTL_SECONDS = 3_600

export async function startBeats({ registry }: Pick<Cluster, 'registry'>): Promise<Beats> {
  const ambient = { clock: systemClock, random: systemRandom, log: silentLogger }
  const connection = connectRegistry({ endpoints: registry.endpoints }, ambient)
  const { id: lease } = await connection.grantLease(TTL_SECONDS)
  const slots = Array.from({ length: SLOTS }, (): { name: string; podUID: string }[] => [])
  const ending = new AbortController()
  let begun = 0
  let seq = 0
  let written = 0

  const put = ({ name, podUID }: { name: string; podUID: string }) => ({
    key: Buffer.from(nodeKey(connection.prefix, objectKey(name, 'default'))),
    value: Buffer.from(JSON.stringify(heartbeat(podUID, ++seq, beats.cpuPercent))),
    lease,
  })

  async function keepBeating(): Promise<void> {
    let startedAt = performance.now()
    const writing: Promise<unknown>[] = []
    for (let slot = 0; !ending.signal.aborted; ) {
      const dueInMs = startedAt + slot - performance.now()
      if (dueInMs > 0) await pause(dueInMs, undefined, { signal: ending.signal }).catch(() => undefined)
      // What a busy machine made late is not made up for: agents that were late are not all in a hurry afterwards.
      startedAt += Math.max(0, -dueInMs - MOST_LATE_MS)
      const at = slot % SLOTS
      if (beats.apart) {
        // As with an agent: nobody beats again before etcd has answered to the last one.
        await writing[at]
        writing[at] = Promise.all((slots[at] ?? []).map(write))
        slot += 1
      } else {
        await writeAtOnce(slots.slice(at, at + SLOTS_TOGETHER).flat())
        slot += SLOTS_TOGETHER
      }
    }
    await Promise.all(writing)
  }

  async function write(node: { name: string; podUID: string }): Promise<void> {
    await connection.put(put(node))
    written += 1
  }

  async function writeAtOnce(nodes: readonly { name: string; podUID: string }[]): Promise<void> {
    for (let from = 0; from < nodes.length; from += PUTS_PER_TRANSACTION) {
      const batch = nodes.slice(from, from + PUTS_PER_TRANSACTION)
      await connection.txn({ success: batch.map(node => ({ request_put: put(node) })) })
      written += batch.length
    }
  }

  const beats: Beats = {
    async begin(name, podUID) {
      const node = { name, podUID }
      slots[(begun++ * SLOTS_APART) % SLOTS]?.push(node)
      await write(node)
    },
    cpuPercent: 40,
    apart: false,
    tellAll: () => writeAtOnce(slots.flat()),
    get written() {
      return written
    },
    async [Symbol.asyncDispose]() {
      ending.abort()
      await beating
      connection.close()
    },
  }
  const beating = keepBeating()
  return beats
}

/** As of a node with some fifty people, whose load moves a little all the time. More load is more cameras, not more people. */
function heartbeat(podUID: string, seq: number, cpu: number): Heartbeat {
  const about = (value: number): number => Math.round(value * (0.97 + 0.06 * Math.random()) * 10) / 10
  return {
    podUID,
    bootId: 'boot-1',
    seq,
    state: 'serving',
    sessions: 50,
    rooms: 12,
    streams: 10 * cpu,
    cpu: about(cpu),
    mem: about(30),
    bandwidthMbps: about(3 * cpu),
    packetsPerSecond: about(375 * cpu),
    forwardLatencyP99Ms: about(4),
    packetLossPercent: about(0.5),
    jitterMs: about(3),
    rttMs: about(40),
    nackRate: about(10),
    pliRate: about(1),
    address: '10.200.0.1',
    region: 'region-a',
    version: '1.0.0',
  }
}
