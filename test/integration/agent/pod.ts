// What the agent's tests run it against: a real etcd and a real LiveKit on loopback, as in one pod, without a cluster.
import { Etcd3 } from 'etcd3'
import { runAgent } from '../../../operator/agent/agent.ts'
import { parseAgentConfig } from '../../../operator/agent/config.ts'
import { systemClock } from '../../../operator/ambient/clock.ts'
import { systemRandom } from '../../../operator/ambient/random.ts'
import { type Heartbeat, heartbeatSchema } from '../../../operator/api/heartbeat.ts'
import type { Intent } from '../../../operator/api/intent.ts'
import { silentLogger } from '../../../operator/telemetry/log.ts'
import { metricRegistry } from '../../../operator/telemetry/metrics.ts'
import { tracesFor } from '../../../operator/telemetry/traces-for.ts'
import { atExit } from '../../cluster/at-exit.ts'
import { ensureBinaries } from '../../cluster/binaries.ts'
import { createClusterFolder, removeFolder } from '../../cluster/folder.ts'
import { createPorts } from '../../cluster/ports.ts'
import { type Server, startServer } from '../../cluster/process.ts'
import { type Registry, startRegistry } from '../../cluster/registry.ts'
import { until } from '../../cluster/until.ts'
import { type Load, startLoad } from '../../load/loader.ts'

const apiKey = { id: 'demo', secret: 'a-secret-of-at-least-thirty-two-characters' }
const podUID = 'pod-uid-1'
const nodeUID = 'node-uid-1'

export interface SfuPod extends AsyncDisposable {
  registry: Registry
  sfu: Server
  agent: AgentProcess
  /** Lease 0 in etcd's answer means: bound to none. */
  key(): Promise<{ heartbeat: Heartbeat; leaseId: string } | undefined>
  /** Resolves with the first heartbeat that fits. */
  beat(what: string, fits: (heartbeat: Heartbeat) => boolean, withinMs?: number): Promise<Heartbeat>
  gone(what: string, withinMs: number): Promise<void>
  intend(intent: Partial<Intent>): Promise<number>
  /** Real participants with real media. */
  join(room: string, participants: number): Promise<Load>
  etcd: Etcd3
}

export interface AgentProcess {
  get(path: string): Promise<{ status: number; body: string }>
  preStop(): Promise<{ status: number; body: string }>
  /** As on SIGTERM; resolves when it has ended. */
  stop(): Promise<void>
}

export interface SfuPodOptions {
  /** Default 3,600. */
  readonly graceSeconds?: number
  /** Default: none. */
  readonly tracesEndpoint?: string
}

export async function startSfuPod(options: SfuPodOptions = {}): Promise<SfuPod> {
  const undo = new AsyncDisposableStack()
  try {
    return await start(undo, options)
  } catch (error) {
    await undo.disposeAsync()
    throw error
  }
}

async function start(undo: AsyncDisposableStack, options: SfuPodOptions): Promise<SfuPod> {
  const { graceSeconds = 3_600, tracesEndpoint = '' } = options
  const binaries = await ensureBinaries(['etcd', 'livekit-server'], { log: console.error })
  const folder = createClusterFolder()
  undo.defer(() => removeFolder(folder))
  undo.defer(atExit({ atOnce: () => removeFolder(folder) }))
  const ports = createPorts()
  undo.defer(() => ports.release())
  const registry = undo.use(
    await startRegistry({
      binary: binaries.etcd,
      folder,
      ports,
      address: '127.0.0.1',
      durable: true,
      mutualTls: false,
    }),
  )
  const [signal, tcp, udp, metrics, agentPort] = await Promise.all(Array.from({ length: 5 }, () => ports.take()))
  const config = {
    port: signal,
    bind_addresses: ['127.0.0.1'],
    rtc: {
      tcp_port: tcp,
      udp_port: udp,
      node_ip: '127.0.0.1',
      enable_loopback_candidate: true,
      forward_stats: { summary_interval: '1s', report_interval: '1s', report_window: '1s' },
    },
    prometheus: { port: metrics },
    keys: { [apiKey.id]: apiKey.secret },
  }
  const sfuUrl = `http://127.0.0.1:${signal}`
  const sfu = undo.use(
    await startServer({
      name: 'livekit',
      command: binaries['livekit-server'],
      args: [],
      env: { LIVEKIT_CONFIG: JSON.stringify(config) },
      logPath: `${folder}/livekit.log`,
      ready: async stop => (await fetch(sfuUrl, { signal: stop })).ok,
    }),
  )
  const etcd = new Etcd3({ hosts: registry.endpoints })
  undo.defer(() => etcd.close())
  const agent = startAgent(agentPort ?? 0, {
    RTCNODE_NAME: 'sfu-1',
    RTCNODE_NAMESPACE: 'calls',
    RTCNODE_UID: nodeUID,
    RTCNODE_ADDRESS: '127.0.0.1',
    RTCNODE_ADAPTER: 'livekit',
    RTCNODE_SFU_URL: sfuUrl,
    RTCNODE_SFU_METRICS_URL: `http://127.0.0.1:${metrics}/metrics`,
    RTCNODE_REGISTRY_ENDPOINTS: registry.endpoints.join(','),
    RTCNODE_AGENT_PORT: String(agentPort),
    RTCNODE_HEARTBEAT_SECONDS: '1',
    RTCNODE_LEASE_TTL_SECONDS: '5',
    RTCNODE_GRACE_SECONDS: String(graceSeconds),
    RTCNODE_TRACES_ENDPOINT: tracesEndpoint,
    RTCNODE_SFU_CPU_MILLICORES: '2000',
    LIVEKIT_KEYS: `${apiKey.id}: ${apiKey.secret}`,
    POD_UID: podUID,
    POD_IP: '127.0.0.1',
  })
  undo.defer(() => agent.stop())

  const key = async (): ReturnType<SfuPod['key']> => {
    const kv = (await etcd.get('/sfu/nodes/calls/sfu-1').exec()).kvs[0]
    return kv && { heartbeat: heartbeatSchema.parse(JSON.parse(String(kv.value))), leaseId: kv.lease }
  }
  return {
    registry,
    sfu,
    agent,
    key,
    beat: (what, fits, withinMs = 15_000) =>
      until(
        what,
        async () => {
          const heartbeat = (await key())?.heartbeat
          return heartbeat && fits(heartbeat) ? heartbeat : undefined
        },
        { withinMs },
      ),
    async gone(what, withinMs) {
      await until(`${what} to go`, async () => (await key()) === undefined, { withinMs })
    },
    async intend(change) {
      const intent: Intent = { podUID, admission: 'closed', weight: 1, ...change }
      const put = await etcd.put('/sfu/intents/calls/sfu-1').value(JSON.stringify(intent)).exec()
      return Number(put.header.revision)
    },
    join: (room, participants) =>
      startLoad({
        url: sfuUrl.replace('http', 'ws'),
        key: apiKey.id,
        secret: apiKey.secret,
        room,
        participants,
        prefix: `${room}-`,
      }),
    etcd,
    [Symbol.asyncDispose]: () => undo.disposeAsync(),
  }
}

function startAgent(port: number, environment: Record<string, string>): AgentProcess {
  const stop = new AbortController()
  const ambient = { clock: systemClock, random: systemRandom, log: silentLogger }
  const config = parseAgentConfig(environment)
  const registry = metricRegistry()
  const about = { service: 'rtcnode-agent', version: '0', identity: config.podUID, registry }
  const running = tracesFor(config.tracesEndpoint, { ...ambient, ...about }).then(traces =>
    runAgent(config, { ...ambient, metricRegistry: registry, traces }, stop.signal),
  )
  // A failure shows where the test awaits it, or at the end.
  running.catch(() => undefined)
  const get = async (path: string): Promise<{ status: number; body: string }> => {
    const answer = await fetch(`http://127.0.0.1:${port}${path}`, { signal: AbortSignal.timeout(60_000) })
    return { status: answer.status, body: await answer.text() }
  }
  return {
    get,
    preStop: () => get(`/pre-stop/${nodeUID}`),
    async stop() {
      stop.abort(new Error('SIGTERM'))
      await running
    },
  }
}
