// A real etcd and our own parts connected to it, as the registry tests need them: the fleet view of an operator, agents
// that keep a lease and beat, and a proxy that can cut a connection.
import { systemClock } from '../../../operator/ambient/clock.ts'
import { systemRandom } from '../../../operator/ambient/random.ts'
import { type ObjectKey, objectKey } from '../../../operator/api/meta.ts'
import { connectRegistry, type RegistryConnection } from '../../../operator/registry/connection.ts'
import { type FleetView, type FleetViewOptions, fleetView } from '../../../operator/registry/fleet.ts'
import { nodeKey } from '../../../operator/registry/keys.ts'
import { type HeldLease, heldLease } from '../../../operator/registry/lease.ts'
import { type LeaseKeeper, leaseKeeper } from '../../../operator/registry/lease-keeper.ts'
import { silentLogger } from '../../../operator/telemetry/log.ts'
import { ensureBinaries } from '../../cluster/binaries.ts'
import { createClusterFolder, removeFolder } from '../../cluster/folder.ts'
import { createPorts } from '../../cluster/ports.ts'
import { type Registry, startRegistry } from '../../cluster/registry.ts'

export const ambient = { clock: systemClock, random: systemRandom, log: silentLogger }

export interface Rig extends AsyncDisposable {
  readonly registry: Registry
  connect(endpoints?: readonly string[]): RegistryConnection
  /** Watches in the background until the rig is taken down. */
  view(connection: RegistryConnection, options?: Partial<FleetViewOptions>): FleetView
  agent(connection: RegistryConnection, node: ObjectKey, options?: AgentOptions): Agent
}

export interface AgentOptions {
  readonly everyMs?: number
  readonly ttlSeconds?: number
  readonly keeper?: LeaseKeeper
}

/** Beats until it is stopped. Changing `says` changes the next beat. */
export interface Agent {
  readonly says: Record<string, unknown>
  readonly lease: HeldLease
  /** How often its lease was lost so far. */
  losses(): number
  /** SIGKILL: no beat and no renewal any more; the key goes with its lease. */
  die(): void
  /** Leaves the registry. */
  leave(): Promise<void>
}

export async function startRig(options: { mutualTls?: boolean; durable?: boolean } = {}): Promise<Rig> {
  const { etcd } = await ensureBinaries(['etcd'], { log: line => console.log(line) })
  const folder = createClusterFolder()
  const ports = createPorts()
  const registry = await startRegistry({
    binary: etcd,
    folder,
    ports,
    address: '127.0.0.1',
    durable: options.durable ?? true,
    mutualTls: options.mutualTls ?? false,
  })
  const end = new AbortController()
  const running: Promise<unknown>[] = []
  const connections: RegistryConnection[] = []

  return {
    registry,
    connect(endpoints = registry.endpoints) {
      const { tls } = registry
      const files = tls && { tls: { caFile: tls.ca, certFile: tls.cert, keyFile: tls.key } }
      const connection = connectRegistry({ endpoints, ...files }, ambient)
      connections.push(connection)
      return connection
    },
    view(connection, extra = {}) {
      const view = fleetView(connection, { ...ambient, ...extra })
      running.push(view.run(end.signal))
      return view
    },
    agent(connection, node, extra = {}) {
      const agent = startAgent(connection, node, extra, end.signal)
      running.push(agent.ended)
      return agent
    },
    async [Symbol.asyncDispose]() {
      end.abort(new Error('the test is over'))
      await Promise.allSettled(running)
      for (const connection of connections) connection.close()
      // An orderly stop of etcd takes seconds, and its data is thrown away.
      await registry.server.kill()
      await ports.release()
      removeFolder(folder)
    },
  }
}

export const node = (name: string): ObjectKey => objectKey(name, 'default')

function startAgent(
  connection: RegistryConnection,
  key: ObjectKey,
  { everyMs = 300, ttlSeconds = 3, keeper = leaseKeeper({ connection, clock: systemClock }) }: AgentOptions,
  end: AbortSignal,
): Agent & { ended: Promise<void> } {
  const stop = new AbortController()
  const signal = AbortSignal.any([end, stop.signal])
  const death = new AbortController()
  const alive = AbortSignal.any([signal, death.signal])
  let losses = 0
  const killable: LeaseKeeper = {
    keepAlive: (id, renewal) =>
      death.signal.aborted ? systemClock.sleep(3_600_000, renewal) : keeper.keepAlive(id, renewal),
  }
  const lease = heldLease({ connection, ttlSeconds, ...ambient, keeper: killable })
  lease.onChange(change => {
    if (change.state === 'lost') losses += 1
  })
  const says: Record<string, unknown> = { podUID: `pod-of-${key}`, bootId: 'boot-1', state: 'serving', sessions: 0 }
  let seq = 0

  async function beat(): Promise<void> {
    while (!alive.aborted) {
      seq += 1
      await lease.put(nodeKey(connection.prefix, key), JSON.stringify({ seq, ...says })).catch(() => undefined)
      await systemClock.sleep(everyMs, alive).catch(() => undefined)
    }
  }

  const ended = Promise.all([lease.run(signal), beat()]).then(() => undefined)
  return {
    says,
    lease,
    ended,
    losses: () => losses,
    die() {
      death.abort()
    },
    async leave() {
      stop.abort()
      await ended
    },
  }
}
