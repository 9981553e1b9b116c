// The agent of one simulated node: the real loop, judgement and lease of operator/agent and operator/registry, beside a
// simulated SFU, with the registry connection shared by the fleet.
import type { SfuAdapter } from '../../operator/agent/adapter.ts'
import { agentLoop } from '../../operator/agent/loop.ts'
import type { AgentMetrics } from '../../operator/agent/metrics.ts'
import { systemClock } from '../../operator/ambient/clock.ts'
import { systemRandom } from '../../operator/ambient/random.ts'
import type { Heartbeat } from '../../operator/api/heartbeat.ts'
import type { ObjectKey, Uid } from '../../operator/api/meta.ts'
import type { RegistryConnection } from '../../operator/registry/connection.ts'
import { nodeKey } from '../../operator/registry/keys.ts'
import { heldLease } from '../../operator/registry/lease.ts'
import type { LeaseKeeper } from '../../operator/registry/lease-keeper.ts'
import type { KnownIntent } from '../../operator/registry/registration.ts'
import { silentLogger } from '../../operator/telemetry/log.ts'

export interface SimulatedAgent {
  seeIntent(intent: KnownIntent): void
  /** Reads its SFU and beats now, as if the time had come. */
  beatNow(): void
  preStop(): Promise<void>
  /** SIGTERM: it gives up its lease, so the key goes. */
  stop(): Promise<void>
  /** SIGKILL: the key stays until the lease runs out. */
  kill(): void
}

export interface AgentParts {
  readonly node: ObjectKey
  readonly podUID: Uid
  readonly graceSeconds: number
  readonly address: string | undefined
  readonly adapter: SfuAdapter
  /** What goes into the registry in place of the heartbeat. */
  readonly valueOf: (heartbeat: Heartbeat) => string
  readonly shared: SharedParts
}

/** What all agents of a fleet share. */
export interface SharedParts {
  readonly connection: RegistryConnection
  readonly keeper: LeaseKeeper
  readonly heartbeatSeconds: number
  readonly leaseTtlSeconds: number
  readonly metrics: AgentMetrics
}

export function startAgent({ shared, node, valueOf, address, ...parts }: AgentParts): SimulatedAgent {
  const ambient = { clock: systemClock, random: systemRandom, log: silentLogger }
  let isKilled = false
  const connection: RegistryConnection = {
    ...shared.connection,
    revokeLease: (id, signal) => (isKilled ? Promise.resolve() : shared.connection.revokeLease(id, signal)),
  }
  const lease = heldLease({ ...ambient, connection, keeper: shared.keeper, ttlSeconds: shared.leaseTtlSeconds })
  const stopping = new AbortController()
  const left = new AbortController()
  const loop = agentLoop({
    ...ambient,
    ...parts,
    heartbeatSeconds: shared.heartbeatSeconds,
    metrics: shared.metrics,
    place: () => (address === undefined ? {} : { address }),
    publish: heartbeat => lease.put(nodeKey(connection.prefix, node), valueOf(heartbeat)),
    leave: () => left.abort(),
  })
  lease.onChange(({ state }) => {
    if (state === 'held') loop.putAgain()
  })
  const ended = Promise.all([loop.run(stopping.signal), lease.run(AbortSignal.any([stopping.signal, left.signal]))])
  const stop = async (): Promise<void> => {
    stopping.abort(new Error('the simulated agent is stopped'))
    await ended
  }
  return {
    seeIntent: loop.seeIntent,
    beatNow: loop.putAgain,
    preStop: loop.preStop,
    stop,
    kill() {
      isKilled = true
      void stop()
    },
  }
}
