// What the tests of the chart start from: two hosts as anybody has them, with Services, DNS and a volume, our images, and
// nothing of ours running until Helm installs it. Its verbs ask the API server, the hosts and the registry, never the operator.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Etcd3 } from 'etcd3'
import { parseDocument } from 'yaml'
import type { Pod } from '../../operator/api/core.ts'
import type { RTCNode } from '../../operator/api/rtcnode.ts'
import { parseRegistration } from '../../operator/registry/parse.ts'
import { memoryBytes } from '../bench/usage.ts'
import { ensureBinaries } from '../cluster/binaries.ts'
import { demoKeys } from '../cluster/classes.ts'
import { type Cluster, startCluster } from '../cluster/cluster.ts'
import { ensureImage, imageName, type TestImage } from '../cluster/images.ts'
import { NotInTime, until } from '../cluster/until.ts'
import { type History, recordHistory } from '../integration/harness/history.ts'
import { type Load, startLoad } from '../load/loader.ts'
import { processOf } from './container-process.ts'

export interface Installation extends AsyncDisposable {
  readonly cluster: Cluster
  readonly history: History
  /** In the namespace of the release. Gives what Helm says. */
  helm(args: string[]): Promise<string>
  /** With two operators, a registry and the class `livekit`; resolves when Helm says that all is ready. */
  install(): Promise<string>
  /** To the same chart with other values on top. */
  upgrade(values: object): Promise<string>
  /** The pool of examples/ with so many nodes, and the keys of its LiveKits. */
  applyPool(replicas: number): Promise<void>
  scalePool(replicas: number): Promise<void>
  nodes(): RTCNode[]
  sfuPod(name: string): Pod | undefined
  /** Of the release, without those that are ending. */
  pods(component: 'operator' | 'registry'): Pod[]
  /** So many people meet on the node, with real media. */
  join(node: RTCNode, people: number): Promise<Load>
  /** Resolves when so many people are on each of these nodes by what their agents wrote into the registry. */
  registryKnows(people: Readonly<Record<string, number>>): Promise<void>
  /** Writes what is no heartbeat into the place of a node, with the certificate of the operator. */
  forgeHeartbeat(node: string): Promise<void>
  /** SIGKILL of the pod's process, and nobody is told. */
  kill(pod: Pod): Promise<void>
  residentMiB(pod: Pod): Promise<number>
  /** Registry and volume are gone at once, and both are made anew. */
  loseVolume(): Promise<void>
  /** Kind and name of all objects but events. */
  everything(): Promise<string[]>
  /** Resolves when it holds of what the history has seen; fails with the timelines. */
  until(what: string, probe: () => unknown): Promise<void>
}

export const RELEASE = 'rtcnode'
export const NAMESPACE = 'rtcnode-system'
/** The namespace of the SFUs. */
export const SFUS = 'rtc'
const NODE_KEYS = `/sfu/nodes/${SFUS}/`
/** As in examples/. */
export const POOL = 'eu'

const root = join(import.meta.dirname, '../..')
const chart = join(root, 'charts/rtcnode-operator')
const images: readonly TestImage[] = ['operator', 'etcd', 'livekit']
/** One on each host: whoever loses the first gets the other. */
const VOLUME = '/var/lib/registry'
/** An upper bound for a busy machine, never a promise of speed. */
const WITHIN_MS = 90_000

export async function startInstallation(log: (line: string) => void): Promise<Installation> {
  const undo = new AsyncDisposableStack()
  try {
    await ensureBinaries(['loader', 'helm'], { log })
    const archives = await Promise.all(images.map(image => ensureImage(image, { log })))
    const cluster = undo.use(await startCluster({ hosts: 2, services: true, log }))
    await Promise.all(cluster.hosts.flatMap(host => archives.map(archive => host.importImage(archive))))
    for (const { name, run } of cluster.hosts) {
      await run('mkdir', ['-p', VOLUME])
      await cluster.kubectl(['apply', '-f-'], { input: JSON.stringify(volumeOn(name)) })
    }
    const history = undo.use(recordHistory(cluster))
    return { cluster, history, ...verbs(cluster, history), [Symbol.asyncDispose]: () => undo.disposeAsync() }
  } catch (error) {
    await undo.disposeAsync()
    throw error
  }
}

type Verbs = Omit<Installation, 'cluster' | 'history' | typeof Symbol.asyncDispose>

function verbs(cluster: Cluster, history: History): Verbs {
  const inSfus = [`--namespace=${SFUS}`]
  const helm: Verbs['helm'] = args => cluster.helm([...args, `--namespace=${NAMESPACE}`])
  const kubectl = (...args: string[]) => cluster.kubectl([...args, `--namespace=${NAMESPACE}`])
  const withValues = (args: string[], values: object) =>
    cluster.helm([...args, RELEASE, chart, `--namespace=${NAMESPACE}`, ...patiently, '--values=-'], {
      input: JSON.stringify(values),
    })
  const waitFor: Verbs['until'] = async (what, probe) => {
    try {
      await history.until(what, probe, WITHIN_MS)
    } catch (error) {
      if (error instanceof NotInTime) error.message += `\n${[SFUS, NAMESPACE].map(history.timeline).join('\n')}`
      throw error
    }
  }
  const podsOf: Verbs['pods'] = component =>
    history
      .seenIn(NAMESPACE)
      .flatMap(where => history.pods(where).at(-1)?.is ?? [])
      .filter(({ metadata }) => metadata.labels?.['app.kubernetes.io/component'] === component)
      .filter(({ metadata }) => metadata.deletionTimestamp === undefined)
  const inRegistry = <T>(use: (etcd: Etcd3) => Promise<T>) => asOperator(cluster, podsOf('registry')[0], use)
  const processIn = (pod: Pod) => {
    const host = cluster.hosts.find(({ name }) => name === pod.spec.nodeName)
    const [container] = pod.status?.containerStatuses ?? []
    assert.ok(host && container)
    return processOf(host, container)
  }
  return {
    helm,
    install: () => withValues(['install', '--create-namespace'], valuesOfTests),
    upgrade: values => withValues(['upgrade', '--reset-then-reuse-values'], values),
    async applyPool(replicas) {
      const pool = parseDocument(readFileSync(join(root, 'examples/pool.yaml'), 'utf8'))
      pool.setIn(['spec', 'replicas'], replicas)
      await cluster.kubectl(['apply', ...inSfus, '-f', join(root, 'examples/livekit-keys.yaml')])
      await cluster.kubectl(['apply', ...inSfus, '-f-'], { input: String(pool) })
    },
    async scalePool(replicas) {
      await cluster.kubectl(['scale', `rtcp/${POOL}`, ...inSfus, `--replicas=${replicas}`])
    },
    nodes: () => history.seenIn(SFUS).flatMap(where => history.nodes(where).at(-1)?.is ?? []),
    sfuPod: name => history.pods(`${SFUS}/${name}`).at(-1)?.is,
    pods: podsOf,
    join({ metadata: { name }, status }, participants) {
      const url = `ws://${status?.address}:7880`
      return startLoad({ url, ...demoKeys(), room: name, participants, prefix: `${name}-` })
    },
    async registryKnows(people) {
      const matches = async () => {
        const now = await inRegistry(sessionsOf)
        return Object.entries(people).every(([name, count]) => now[name] === count)
      }
      const what = `the registry to know of ${JSON.stringify(people)}`
      await until(what, matches, { withinMs: WITHIN_MS, everyMs: 500 })
    },
    forgeHeartbeat: node => inRegistry(async etcd => void (await etcd.put(NODE_KEYS + node).value('{}'))),
    kill: async pod => void process.kill(await processIn(pod), 'SIGKILL'),
    residentMiB: async pod => Math.round(memoryBytes(await processIn(pod)).now / 2 ** 20),
    async loseVolume() {
      const [registry] = podsOf('registry')
      // Without its pod the chart keeps no volume.
      const scale = (replicas: number) => kubectl('scale', `statefulset/${RELEASE}-registry`, `--replicas=${replicas}`)
      await scale(0)
      await waitFor('no registry', () => podsOf('registry').length === 0)
      await kubectl('wait', '--for=delete', 'pvc', '--all', '--timeout=50s')
      await scale(1)
      await waitFor('another registry', () =>
        podsOf('registry').some(pod => isReady(pod) && pod.metadata.uid !== registry?.metadata.uid),
      )
    },
    async everything() {
      const kinds = await cluster.kubectl(['api-resources', '--verbs=list', '--output=name'])
      const lasting = kinds.split('\n').filter(kind => kind !== '' && !kind.startsWith('events'))
      const objects = await cluster.kubectl(['get', lasting.join(), '--all-namespaces', '--output', listing])
      return objects.split('\n').filter(line => line !== '' && !inEveryNamespace.test(line))
    },
    until: waitFor,
  }
}

const patiently = ['--wait', '--wait-for-jobs', '--timeout=110s']

/** Images that the hosts have, and the class that the pool names. All else is as anybody gets it. */
const valuesOfTests = {
  image: { ...partsOf('operator'), pullPolicy: 'Never' },
  registry: { image: partsOf('etcd') },
  classes: { livekit: { enabled: true, image: imageName('livekit') } },
}

function partsOf(image: TestImage): { repository: string; tag: string } {
  const [repository = '', tag = ''] = imageName(image).split(':')
  return { repository, tag }
}

const volumeOn = (host: string) => ({
  apiVersion: 'v1',
  kind: 'PersistentVolume',
  metadata: { name: `volume-of-${host}` },
  spec: {
    capacity: { storage: '100Gi' },
    accessModes: ['ReadWriteOnce'],
    local: { path: VOLUME },
    nodeAffinity: {
      required: {
        nodeSelectorTerms: [{ matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: [host] }] }],
      },
    },
  },
})

/** With the certificate of the operator, who may read all. Rejects when the registry cannot be reached, or refuses. */
async function asOperator<T>(
  { kubectl }: Cluster,
  registry: Pod | undefined,
  use: (etcd: Etcd3) => Promise<T>,
): Promise<T> {
  const secret = await kubectl(['get', 'secret', `${RELEASE}-registry-operator`, `--namespace=${NAMESPACE}`, '-ojson'])
  const { data } = JSON.parse(secret) as { data: Record<string, string> }
  const file = (name: string) => Buffer.from(data[name] ?? '', 'base64')
  const etcd = new Etcd3({
    hosts: `https://${registry?.status?.podIP}:2379`,
    credentials: { rootCertificate: file('ca.crt'), certChain: file('tls.crt'), privateKey: file('tls.key') },
    grpcOptions: { 'grpc.ssl_target_name_override': `${RELEASE}-registry.${NAMESPACE}.svc` },
  })
  try {
    return await use(etcd)
  } finally {
    etcd.close()
  }
}

async function sessionsOf(etcd: Etcd3): Promise<Record<string, number>> {
  const values = Object.entries(await etcd.getAll().prefix(NODE_KEYS).buffers())
  return Object.fromEntries(values.map(([key, value]) => [key.slice(NODE_KEYS.length), sessionsIn(value)]))
}

function sessionsIn(value: Buffer): number {
  const parsed = parseRegistration(value)
  return parsed.form === 'full' ? parsed.heartbeat.sessions : Number.NaN
}

export const isReady = ({ metadata, status }: Pod): boolean =>
  metadata.deletionTimestamp === undefined &&
  (status?.conditions?.some(it => it.type === 'Ready' && it.status === 'True') ?? false)

const inEveryNamespace = /^(ServiceAccount \S+\/default|ConfigMap \S+\/kube-root-ca\.crt)$/
const listing = 'jsonpath={range .items[*]}{.kind}{" "}{.metadata.namespace}{"/"}{.metadata.name}{"\\n"}{end}'
