// Fake nodes: kwok plays the kubelet for them with our own stages (stages/*.yaml). Called by cluster.ts.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { type ApiClient, isHealthy } from './api-client.ts'
import type { Ports } from './ports.ts'
import { type Server, startServer } from './process.ts'
import { until } from './until.ts'

export interface KwokOptions {
  binary: string
  folder: string
  kubeconfigPath: string
  ports: Ports
}

export async function startKwok({ binary, folder, kubeconfigPath, ports }: KwokOptions): Promise<Server> {
  const configPath = join(folder, 'kwok.yaml')
  writeFileSync(configPath, [stringify(configuration), readStages('node'), readStages('pod')].join('---\n'))
  const address = `127.0.0.1:${await ports.take()}`
  return startServer({
    name: 'kwok',
    command: binary,
    args: [
      `--kubeconfig=${kubeconfigPath}`,
      `--config=${configPath}`,
      '--manage-nodes-with-annotation-selector=kwok.x-k8s.io/node=fake',
      '--node-lease-duration-seconds=40',
      '--cidr=10.200.0.0/16',
      '--node-ip=127.0.0.1',
      `--server-address=${address}`,
    ],
    logPath: join(folder, 'kwok.log'),
    ready: signal => isHealthy(`http://${address}/healthz`, signal),
  })
}

// An `options` block replaces all defaults; kwok refuses to start when one of these three is left out.
const configuration = {
  apiVersion: 'config.kwok.x-k8s.io/v1alpha1',
  kind: 'KwokConfiguration',
  options: { podPlayStageParallelism: 16, nodePlayStageParallelism: 4, nodeLeaseParallelism: 4 },
}

const readStages = (name: string): string => readFileSync(join(import.meta.dirname, 'stages', `${name}.yaml`), 'utf8')

/** Creates `count` fake nodes named kwok-0 … and waits until the scheduler may use all of them. */
export async function createFakeNodes(api: ApiClient, count: number): Promise<void> {
  const nodes = Array.from({ length: count }, (_, index) => oneOfMany(index))
  await Promise.all(nodes.map(node => api.call('POST', '/api/v1/nodes', node)))
  await until(
    `${count} fake nodes ready`,
    async signal => {
      const path = '/api/v1/nodes?labelSelector=type%3Dkwok'
      const { items } = (await api.call('GET', path, undefined, signal)) as { items: NodeTaints[] }
      return items.filter(isUntainted).length >= count
    },
    { withinMs: 60_000, everyMs: 100 },
  )
}

interface NodeTaints {
  spec: { taints?: { key: string }[] }
}

// The controller manager keeps node.kubernetes.io/not-ready on a node until it has seen it Ready.
const isUntainted = (node: NodeTaints): boolean => (node.spec.taints ?? []).every(taint => taint.key === fakeTaint.key)

const fakeTaint = { key: 'kwok.x-k8s.io/node', value: 'fake', effect: 'NoSchedule' }

export interface FakeNode {
  readonly name: string
  readonly address: string
  readonly room: { readonly cpu: string; readonly memory: string; readonly pods: string }
  readonly labels?: Readonly<Record<string, string>>
  readonly taint: { readonly key: string; readonly value?: string; readonly effect: string }
}

/** A Node object that kwok looks after. */
export const fakeNode = ({ name, address, room, labels, taint }: FakeNode): object => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: {
    name,
    annotations: { 'kwok.x-k8s.io/node': 'fake' },
    labels: { type: 'kwok', 'kubernetes.io/hostname': name, 'kubernetes.io/os': 'linux', ...labels },
  },
  spec: { taints: [taint] },
  status: {
    capacity: room,
    allocatable: room,
    addresses: [
      { type: 'InternalIP', address },
      { type: 'Hostname', address: name },
    ],
  },
})

const oneOfMany = (index: number): object =>
  fakeNode({
    name: `kwok-${index}`,
    // Of its own, so that pods with host network on two nodes have two addresses.
    address: `10.201.${index >> 8}.${index & 255}`,
    room: { cpu: '64', memory: '256Gi', pods: '1000' },
    labels: {
      'topology.kubernetes.io/region': 'region-a',
      'topology.kubernetes.io/zone': `region-a-${index % 3}`,
    },
    taint: fakeTaint,
  })
