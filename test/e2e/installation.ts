// What the tests of the chart start from: two hosts as anybody has them, with Services, DNS and a volume, our images, and
// nothing of ours running until Helm installs it. Its verbs ask the API server, the hosts and the registry, never the operator.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Etcd3 } from 'etcd3'
import { parseDocument } from 'yaml'
import type { Pod } from '../../operator/api/core.ts'
import type { RTCNode } from '../../operator/api/rtcnode.ts'
import { memoryBytes } from '../bench/usage.ts'
import { ensureBinaries } from '../cluster/binaries.ts'
import { demoKeys } from '../cluster/classes.ts'
import { type Cluster, startCluster } from '../cluster/cluster.ts'
import { ensureImage, ensureOperatorOf, imageName, type TestImage } from '../cluster/images.ts'
import { NotInTime, until } from '../cluster/until.ts'
import { type History, recordHistory } from '../integration/harness/history.ts'
import { type Load, startLoad } from '../load/loader.ts'
import { FORMER_VERSION, formerChart } from '../unit/chart/former-chart.ts'
import { processOf } from './container-process.ts'
import { CROWD, type Crowd, gatherCrowd } from './crowd.ts'
import { asOperator, putNoHeartbeat, sessionsOf } from './installed-registry.ts'
import { emptyVolumeOf, makeVolumes } from './volumes.ts'

export interface Installation extends AsyncDisposable {
  readonly cluster: Cluster
  readonly history: History
  /** In the namespace of the release. Gives what Helm says. */
  helm(args: string[], options?: { input: string }): Promise<string>
  /** With two operators, a registry and the class `livekit`; resolves when Helm says that all is ready. Default: the present one. */
  install(version?: Version): Promise<string>
  /** With other values on top. */
  upgrade(version: Version, values: Values): Promise<string>
  /** The pool of examples/ with so many nodes, and the keys of its LiveKits. */
  applyPool(replicas: number): Promise<void>
  scalePool(replicas: number): Promise<void>
  /** So many simulated SFUs with people on them, until they leave. Only where there is to be a crowd. */
  gatherCrowd(size: number): Promise<Crowd>
  nodes(): RTCNode[]
  sfuPod(name: string): Pod | undefined
  /** Of the release, without those that are ending. */
  pods(component: 'operator' | 'registry'): Pod[]
  /** So many people meet on the node, with real media. */
  join(node: RTCNode, people: number): Promise<Load>
  /** Resolves when so many people are on each node, as `namespace/name`, by what their agents wrote into the registry. */
  registryKnows(people: Readonly<Record<string, number>>): Promise<void>
  /** Writes what is no heartbeat into the place of a node, `namespace/name`, with the certificate of the operator. */
  forgeHeartbeat(node: string): Promise<void>
  /** SIGKILL of the pod's process, and nobody is told. */
  kill(pod: Pod): Promise<void>
  residentMiB(pod: Pod): Promise<number>
  /** What a host does to a member's volume when it burns, and to the process that had it. */
  wipe(member: Pod): Promise<void>
  /** As docs/operations.md says: all members and their volumes go, and so many others come; then their users. */
  makeRegistryAnew(members: number): Promise<void>
  /** Has the CronJob of the certificates come now, and waits for its end. */
  keepCertificates(): Promise<void>
  /** Kind and name of all objects but events. */
  everything(): Promise<string[]>
  /** Resolves when it holds of what the history has seen; fails with the timelines. */
  until(what: string, probe: () => unknown): Promise<void>
}

export const RELEASE = 'rtcnode'
export const NAMESPACE = 'rtcnode-system'
/** The namespace of the SFUs. */
export const SFUS = 'rtc'
/** As in examples/. */
export const POOL = 'eu'

/** Of the chart. */
export type Values = Readonly<Record<string, object>>

/** A chart, and an operator's image by its tag. */
export type Version = 'former' | 'present'

const root = join(import.meta.dirname, '../..')
const chart = join(root, 'charts/rtcnode-operator')
const images: readonly TestImage[] = ['operator', 'etcd', 'livekit']
/** An upper bound for a busy machine, never a promise of speed. */
const WITHIN_MS = 240_000
const PATIENCE_SECONDS = 240
/** For Helm, the same. */
export const PATIENCE = `--timeout=${PATIENCE_SECONDS}s`

export interface InstallationOptions {
  /** Of the operator, on the hosts besides the present one. */
  formerVersion?: boolean
  /** Fake hosts for simulated SFUs, and a namespace for them. */
  crowd?: boolean
}

export async function startInstallation(
  log: (line: string) => void,
  { formerVersion = false, crowd = false }: InstallationOptions = {},
): Promise<Installation> {
  const undo = new AsyncDisposableStack()
  try {
    await ensureBinaries(['loader', 'helm'], { log })
    const archives = await Promise.all(images.map(image => ensureImage(image, { log })))
    if (formerVersion) archives.push(await ensureOperatorOf(FORMER_VERSION, { log }))
    const cluster = undo.use(await startCluster({ hosts: 2, kwokNodes: crowd ? 2 : 0, services: true, log }))
    await Promise.all(cluster.hosts.flatMap(host => archives.map(archive => host.importImage(archive))))
    await makeVolumes(cluster)
    const history = undo.use(recordHistory(cluster))
    const settings = { sfuNamespaces: crowd ? [SFUS, CROWD] : [SFUS] }
    return { cluster, history, ...verbs(cluster, history, settings), [Symbol.asyncDispose]: () => undo.disposeAsync() }
  } catch (error) {
    await undo.disposeAsync()
    throw error
  }
}

type Verbs = Omit<Installation, 'cluster' | 'history' | typeof Symbol.asyncDispose>

function verbs(cluster: Cluster, history: History, { sfuNamespaces }: { sfuNamespaces: string[] }): Verbs {
  let turns = 0
  const inSfus = [`--namespace=${SFUS}`]
  const helm: Verbs['helm'] = (args, options) =>
    cluster.helm([...args, `--namespace=${NAMESPACE}`], { timeoutSeconds: PATIENCE_SECONDS + 30, ...options })
  const kubectl = (...args: string[]) => cluster.kubectl([...args, `--namespace=${NAMESPACE}`])
  const bringTo = (
    version: Version,
    args: string[],
    values: { image?: object; [name: string]: object | undefined },
  ) => {
    const { path, tag } =
      version === 'present'
        ? { path: chart, tag: present.tag }
        : { path: formerChart(cluster.dir), tag: FORMER_VERSION }
    const input = JSON.stringify({ ...values, image: { ...values['image'], tag } })
    return helm([...args, RELEASE, path, ...patiently, '--values=-'], { input })
  }
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
  const registryAddress = () => podsOf('registry').find(isReady)?.status?.podIP
  const inRegistry = <T>(use: (etcd: Etcd3) => Promise<T>) =>
    asOperator(cluster, { namespace: NAMESPACE, name: REGISTRY, address: registryAddress() }, use)
  const processIn = (pod: Pod) => {
    const host = cluster.hosts.find(({ name }) => name === pod.spec.nodeName)
    const [container] = pod.status?.containerStatuses ?? []
    assert.ok(host && container)
    return processOf(host, container)
  }
  return {
    helm,
    install: (version = 'present') =>
      bringTo(version, ['install', '--create-namespace'], { ...valuesOfTests, sfu: { namespaces: sfuNamespaces } }),
    upgrade: (version, values) => bringTo(version, ['upgrade', '--reset-then-reuse-values'], values),
    async applyPool(replicas) {
      const pool = parseDocument(readFileSync(join(root, 'examples/pool.yaml'), 'utf8'))
      pool.setIn(['spec', 'replicas'], replicas)
      await cluster.kubectl(['apply', ...inSfus, '-f', join(root, 'examples/livekit-keys.yaml')])
      await cluster.kubectl(['apply', ...inSfus, '-f-'], { input: String(pool) })
    },
    async scalePool(replicas) {
      await cluster.kubectl(['scale', `rtcp/${POOL}`, ...inSfus, `--replicas=${replicas}`])
    },
    gatherCrowd: size => gatherCrowd(size, { cluster, history, registryAddress, until: waitFor }),
    nodes: () => history.seenIn(SFUS).flatMap(where => history.nodes(where).at(-1)?.is ?? []),
    sfuPod: name => history.pods(`${SFUS}/${name}`).at(-1)?.is,
    pods: podsOf,
    join({ metadata: { name }, status }, participants) {
      const url = `ws://${status?.address}:7880`
      return startLoad({ url, ...demoKeys(), room: name, participants, prefix: `${name}-` })
    },
    async registryKnows(people) {
      const unknown = async () => {
        const now = await inRegistry(sessionsOf)
        return Object.keys(people).filter(node => now[node] !== people[node])
      }
      const allKnown = async () => (await unknown()).length === 0
      await until('the registry to know of everybody', allKnown, { withinMs: WITHIN_MS, everyMs: 500 }).catch(
        async (error: unknown) => assert.deepEqual(await unknown(), [], String(error)),
      )
    },
    forgeHeartbeat: node => inRegistry(etcd => putNoHeartbeat(etcd, node)),
    kill: async pod => void process.kill(await processIn(pod), 'SIGKILL'),
    residentMiB: async pod => Math.round(memoryBytes(await processIn(pod)).now / 2 ** 20),
    async wipe(member) {
      const running = await processIn(member)
      await emptyVolumeOf(member, cluster)
      process.kill(running, 'SIGKILL')
    },
    async makeRegistryAnew(members) {
      const former = podsOf('registry').map(({ metadata }) => metadata.uid)
      const scale = (replicas: number) => kubectl('scale', `statefulset/${REGISTRY}`, `--replicas=${replicas}`)
      await scale(0)
      await waitFor('no registry', () => podsOf('registry').length === 0)
      // Without its pod the chart keeps no volume.
      await kubectl('wait', '--for=delete', 'pvc', '--all', '--timeout=50s')
      await scale(members)
      await waitFor('another registry', () => {
        const now = podsOf('registry').filter(isReady)
        return now.length === members && !now.some(({ metadata }) => former.includes(metadata.uid))
      })
    },
    async keepCertificates() {
      const job = `turn-${(turns += 1)}`
      await kubectl('create', 'job', job, `--from=cronjob/${RELEASE}-certificates`)
      await kubectl('wait', '--for=condition=complete', `job/${job}`, '--timeout=50s')
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

const REGISTRY = `${RELEASE}-registry`
const patiently = ['--wait', '--wait-for-jobs', PATIENCE]

const present = partsOf('operator')
/** Images that the hosts have, and the class that the pool names. All else is as anybody gets it. */
const valuesOfTests = {
  image: { ...present, pullPolicy: 'Never' },
  registry: { image: partsOf('etcd') },
  classes: { livekit: { enabled: true, image: imageName('livekit') } },
}

function partsOf(image: TestImage): { repository: string; tag: string } {
  const [repository = '', tag = ''] = imageName(image).split(':')
  return { repository, tag }
}

export const isReady = ({ metadata, status }: Pod): boolean =>
  metadata.deletionTimestamp === undefined &&
  (status?.conditions?.some(it => it.type === 'Ready' && it.status === 'True') ?? false)

/** And what kubelets and kwok write for their hosts when they like. */
const inEveryNamespace = /^(ServiceAccount \S+\/default|ConfigMap \S+\/kube-root-ca\.crt|Lease kube-node-lease\/\S+)$/
const listing = 'jsonpath={range .items[*]}{.kind}{" "}{.metadata.namespace}{"/"}{.metadata.name}{"\\n"}{end}'
