// The sidecar beside one SFU: it registers the SFU, keeps its heartbeat, obeys the operator's intent and answers preStop.
// Wires the loop to the registry and to kubelet. Called by main for `rtcnode agent`.
import type { Clock } from '../ambient/clock.ts'
import type { Random } from '../ambient/random.ts'
import { splitKey } from '../api/meta.ts'
import { connectRegistry } from '../registry/connection.ts'
import { watchIntent } from '../registry/intents.ts'
import { nodeKey } from '../registry/keys.ts'
import { heldLease } from '../registry/lease.ts'
import type { KnownIntent } from '../registry/registration.ts'
import type { Logger } from '../telemetry/log.ts'
import { type MetricRegistry, metricsFrom } from '../telemetry/metrics.ts'
import { noTraces, type Traces } from '../telemetry/traces.ts'
import { adapters } from './adapters.ts'
import type { AgentConfig } from './config.ts'
import { agentLoop } from './loop.ts'
import { agentMetrics } from './metrics.ts'
import { placeReader } from './place.ts'
import { agentServer } from './server.ts'
import { tracedAdapter } from './traced-adapter.ts'

export interface AgentDeps {
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
  readonly metricRegistry: MetricRegistry
  /** Default: none. */
  readonly traces?: Traces
}

/**
 * Runs until the signal aborts, then gives up the lease, within 2 s or not at all. Rejects when the port is taken or the
 * registry's TLS files cannot be read; no fault of the registry or of the SFU ends it.
 */
export async function runAgent(config: AgentConfig, deps: AgentDeps, signal: AbortSignal): Promise<void> {
  const { clock, random, traces = noTraces } = deps
  const log = deps.log.child({ node: config.node, podUID: config.podUID })
  const metrics = metricsFrom(deps.metricRegistry, agentMetrics)
  const connection = connectRegistry(config.registry, { clock, log })
  const registry = { connection, clock, random, log }
  const lease = heldLease({ ...registry, ttlSeconds: config.leaseTtlSeconds })
  const left = new AbortController()
  const key = nodeKey(connection.prefix, config.node)
  const place = placeReader(config)
  let obeyed: KnownIntent = { state: 'unknown' }
  const aboutNode = () => ({
    ...Object.fromEntries(
      Object.entries(splitKey(config.node)).map(([field, value]) => [`rtcnode.object.${field}`, value]),
    ),
    'rtcnode.object.uid': config.nodeUID,
    'rtcnode.intent.revision': 'revision' in obeyed ? obeyed.revision : undefined,
  })
  const loop = agentLoop({
    ...config,
    adapter: tracedAdapter(adapters[config.adapter](config.sfu, { clock, log }), { traces, random }, aboutNode),
    place,
    publish: heartbeat => lease.put(key, JSON.stringify(heartbeat)),
    leave() {
      log.info('leaving the registry, as the operator asks')
      left.abort()
    },
    clock,
    log,
    metrics,
  })
  function seeIntent(intent: KnownIntent): void {
    obeyed = intent
    loop.seeIntent(intent)
  }
  metrics.rtcnode_agent_lease_held.follow({}, () => (lease.id() === undefined ? 0 : 1))
  const expiresAt = (): number => connection.clientCertificate()?.notAfter ?? Number.NaN
  metrics.rtcnode_agent_certificate_expiry_timestamp_seconds.follow({}, () => expiresAt() / 1_000)
  lease.onChange(change => {
    log.info(`lease ${change.state}`, change)
    if (change.state === 'held') loop.putAgain()
  })

  try {
    await using server = await agentServer({
      ...config.listen,
      token: config.nodeUID,
      registry: deps.metricRegistry,
      preStop: loop.preStop,
      isStarted: () => place().address !== undefined,
    })
    log.info('agent started', { port: server.port, adapter: config.adapter })
    await Promise.all([
      loop.run(signal),
      watchIntent(registry, config.node, seeIntent, signal),
      lease.run(AbortSignal.any([signal, left.signal])),
    ])
  } finally {
    connection.close()
    await traces.close()
  }
}
