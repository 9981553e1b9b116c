// What the agent costs beside a real SFU: its memory and its CPU, with a real LiveKit and a real etcd on the loopback.
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { lean } from '../../operator/lifecycle/pod.ts'
import { isHealthy } from '../cluster/api-client.ts'
import { atExit } from '../cluster/at-exit.ts'
import { ensureBinaries } from '../cluster/binaries.ts'
import { createClusterFolder, removeFolder } from '../cluster/folder.ts'
import { createPorts } from '../cluster/ports.ts'
import { type Server, startServer } from '../cluster/process.ts'
import { startRegistry } from '../cluster/registry.ts'
import type { Benchmark } from './figure.ts'
import { megabytes, percent } from './statistics.ts'
import { cpuShare, memoryBytes } from './usage.ts'

const WARM_UP_SECONDS = 10
const OVER_SECONDS = 60
const apiKey = { id: 'bench', secret: 'a-secret-of-at-least-thirty-two-characters' }

export const agent: Benchmark = {
  name: 'agent',
  title: 'The agent beside an SFU',
  method: `The bundle's \`rtcnode agent\` with default settings (a heartbeat each 3 s) and the Node options that the operator gives it, beside a real livekit-server without calls, registered in a real
etcd. CPU over ${OVER_SECONDS} s, memory as its resident set after them.`,
  async run() {
    await using undo = new AsyncDisposableStack()
    const { pid = 0 } = await startAgent(undo)
    await pause(WARM_UP_SECONDS * 1_000)
    const share = await cpuShare(pid, OVER_SECONDS)
    const { now, peak } = memoryBytes(pid)
    return {
      figures: [
        { what: 'memory of the agent', measured: megabytes(now), goal: '< 80 MB', isMet: now < 80e6 },
        { what: 'CPU of the agent', measured: `${percent(share)} of a core`, goal: '< 1 %', isMet: share < 0.01 },
      ],
      details: [`Memory at its peak: ${megabytes(peak)}.`],
    }
  },
}

async function startAgent(undo: AsyncDisposableStack): Promise<Server> {
  const binaries = await ensureBinaries(['etcd', 'livekit-server'], { log: () => undefined })
  const folder = createClusterFolder()
  undo.defer(() => removeFolder(folder))
  undo.defer(atExit({ atOnce: () => removeFolder(folder) }))
  const ports = createPorts()
  undo.defer(() => ports.release())
  const etcd = { binary: binaries.etcd, folder, ports, address: '127.0.0.1', durable: false, mutualTls: false }
  const registry = undo.use(await startRegistry(etcd))
  const [signal, tcp, udp, metrics, agentPort] = await Promise.all(Array.from({ length: 5 }, () => ports.take()))
  const sfuUrl = `http://127.0.0.1:${signal}`
  const config = {
    port: signal,
    bind_addresses: ['127.0.0.1'],
    rtc: { tcp_port: tcp, udp_port: udp, node_ip: '127.0.0.1' },
    prometheus: { port: metrics },
    keys: { [apiKey.id]: apiKey.secret },
  }
  undo.use(
    await startServer({
      name: 'livekit',
      command: binaries['livekit-server'],
      args: [],
      env: { LIVEKIT_CONFIG: JSON.stringify(config) },
      logPath: join(folder, 'livekit.log'),
      ready: stop => isHealthy(sfuUrl, stop),
    }),
  )
  return undo.use(
    await startServer({
      name: 'agent',
      command: process.execPath,
      args: [join(import.meta.dirname, '../../dist/rtcnode.js'), 'agent'],
      env: {
        ...Object.fromEntries(lean.map(({ name, value }) => [name, value])),
        RTCNODE_NAME: 'sfu-1',
        RTCNODE_NAMESPACE: 'default',
        RTCNODE_UID: 'node-uid-1',
        RTCNODE_ADDRESS: '127.0.0.1',
        RTCNODE_ADAPTER: 'livekit',
        RTCNODE_SFU_URL: sfuUrl,
        RTCNODE_SFU_METRICS_URL: `http://127.0.0.1:${metrics}/metrics`,
        RTCNODE_REGISTRY_ENDPOINTS: registry.endpoints.join(','),
        RTCNODE_AGENT_PORT: String(agentPort),
        RTCNODE_GRACE_SECONDS: '3600',
        LIVEKIT_KEYS: `${apiKey.id}: ${apiKey.secret}`,
        POD_UID: 'pod-uid-1',
        POD_IP: '127.0.0.1',
      },
      logPath: join(folder, 'agent.log'),
      ready: stop => isHealthy(`http://127.0.0.1:${agentPort}/started`, stop),
    }),
  )
}
